#!/bin/sh
# Removes the agents of Mailferry from this node: services, units, programs. Their folders, with databases and logs, stay; --purge removes them
# and the account as well. Shares and mailboxes are never touched. Exit codes: 0 removed, 1 failed, 2 wrong usage.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/node.conf"
purge=no
for word in "$@"; do
    case $word in
        --purge) purge=yes ;;
        *) echo "usage: sh uninstall.sh [--purge]" >&2; exit 2 ;;
    esac
done
if [ "$(id -u)" != 0 ]; then echo "error: this must run as root" >&2; exit 1; fi

for agent in $AGENTS; do
    unit=mailferry-$agent.service
    if [ ! -f "$UNITS/$unit" ]; then continue; fi
    if ! grep -q "ExecStart=$PROGRAMS/mailferry" "$UNITS/$unit"; then echo "left alone: $UNITS/$unit was not installed from here"; continue; fi
    if command -v systemctl >/dev/null; then
        if [ -d /run/systemd/system ]; then systemctl stop "$unit"; fi
        systemctl disable --quiet "$unit"
    fi
    rm -f "$UNITS/$unit" "$UNITS/multi-user.target.wants/$unit"
    echo "unit $unit is removed"
done
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
for program in $NAMES; do
    if [ -f "$PROGRAMS/$program" ]; then rm -f "$PROGRAMS/$program"; echo "program $PROGRAMS/$program is removed"; fi
done
if [ $purge = yes ]; then
    for agent in $AGENTS; do rm -rf "${FOLDER:?}/$agent"; done
    rm -f "$FOLDER/commits.json"
    rmdir "$FOLDER" 2>/dev/null || echo "left alone: $FOLDER holds other things"
    if id -u "$ACCOUNT" >/dev/null 2>&1; then userdel "$ACCOUNT"; echo "account $ACCOUNT is removed"; fi
    echo "folders of the agents are removed"
else
    echo "the folders of the agents stay: $FOLDER"
fi
