#!/bin/sh
# Installs the agents of Mailferry on this node. Run it as often as you like: what is as it should be is left alone.
# Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, and something is left to do.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
. "$here/node.conf"
start=no
for word in "$@"; do
    case $word in
        --start) start=yes ;;
        *) echo "usage: sh install.sh [--start]" >&2; exit 2 ;;
    esac
done
changed=0
left=0
fail() { echo "error: $1" >&2; echo "  hint:  $2" >&2; exit 1; }
did() { echo "$1"; changed=$((changed + 1)); }
todo() { echo "to do: $1" >&2; left=$((left + 1)); }

# What it needs, before anything is changed.
[ "$(id -u)" = 0 ] || fail "this must run as root" "sudo sh $0"
for tool in cmp cp chown chmod mkdir mv useradd wc; do
    command -v "$tool" >/dev/null || fail "$tool is not there" "install it, then run this again"
done
while read -r size name; do
    [ -f "$here/$name" ] || fail "$name is missing" "bring the whole folder over once more"
    [ "$(wc -c <"$here/$name")" -eq "$size" ] || fail "$name is damaged" "bring the whole folder over once more"
done <"$here/files"
if command -v dpkg >/dev/null && dpkg -s mailferry >/dev/null 2>&1; then
    fail "Mailferry is installed as a package here" "upgrade the package; use this folder only where there is none"
fi

# put FROM TO MODE: whole or not at all; a program that runs keeps its old file. Says in $wrote whether it was another.
put() {
    wrote=no
    if [ -f "$2" ] && cmp -s "$1" "$2"; then return 0; fi
    cp "$1" "$2.part"
    chmod "$3" "$2.part"
    mv -f "$2.part" "$2"
    wrote=yes
}

if ! id -u "$ACCOUNT" >/dev/null 2>&1; then
    useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
    did "account $ACCOUNT is made"
fi
mkdir -p "$PROGRAMS"
new_programs=
for program in $NAMES; do
    put "$here/bin/$program" "$PROGRAMS/$program" 755
    if [ $wrote = yes ]; then
        did "program $PROGRAMS/$program is installed"
        new_programs="$new_programs $program"
    fi
done
"$PROGRAMS/mailferry" --version >/dev/null || fail "the programs do not run here" "they are built for $BUILT_FOR; look at what $PROGRAMS/mailferry --version says"

folder() {
    if [ ! -d "$1" ]; then mkdir -p "$1"; did "folder $1 is made"; fi
    chown "$ACCOUNT" "$1"
    chmod 750 "$1"
}
folder "$FOLDER"
for agent in $AGENTS; do
    folder "$FOLDER/$agent"
    if [ -f "$FOLDER/$agent/desired.toml" ]; then continue; fi
    for name in config.ini desired.toml; do
        put "$here/agents/$agent/$name" "$FOLDER/$agent/$name" 640
        chown "$ACCOUNT" "$FOLDER/$agent/$name"
        did "$FOLDER/$agent/$name is written, commit $COMMIT"
    done
done
if [ ! -f "$FOLDER/commits.json" ]; then
    put "$here/agents/commits.json" "$FOLDER/commits.json" 640
    chown "$ACCOUNT" "$FOLDER/commits.json"
fi

running=no
if [ -d /run/systemd/system ]; then running=yes; fi
mkdir -p "$UNITS"
for agent in $AGENTS; do
    unit=mailferry-$agent.service
    if [ -f "$UNITS/$unit" ] && ! grep -q 'ExecStart=.*mailferry' "$UNITS/$unit"; then
        fail "$UNITS/$unit is no unit of Mailferry" "move it away, then run this again"
    fi
    put "$here/units/$unit" "$UNITS/$unit" 644
    if [ $wrote = yes ]; then
        did "unit $UNITS/$unit is installed"
        if [ $running = yes ]; then systemctl daemon-reload; fi
    fi
    if [ ! -e "$UNITS/multi-user.target.wants/$unit" ]; then
        if command -v systemctl >/dev/null; then
            systemctl enable --quiet "$unit"
            did "$unit starts with the system"
        else
            todo "there is no systemd here: keep $PROGRAMS/mailferry-$agent run --config $FOLDER/$agent/config.ini running"
        fi
    fi
    # The session at work ends after its durable step, the next one is by the new program.
    case " $new_programs " in *" mailferry-$agent "*) if [ $running = yes ]; then systemctl try-restart "$unit"; fi ;; esac
    if [ $start = yes ]; then
        if [ $running = yes ]; then systemctl start "$unit"; else todo "start mailferry-$agent: systemd does not run here"; fi
    fi
done

if [ ! -d "$SHARE" ]; then
    todo "the share $SHARE is not there: make the folder, or mount it, and give $ACCOUNT the right to write there"
fi
if [ $changed = 0 ]; then echo "everything is installed already: version $VERSION"; else echo "$changed changes: version $VERSION is installed"; fi
if [ $left != 0 ]; then exit 3; fi
