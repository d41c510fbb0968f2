#!/usr/bin/env bash
# Brings the mail servers of the suite `imap`, and with --peers the programs of its bench, to a Debian machine (docs/testing.md, "Mail servers").
#
#   scripts/mail-servers.sh [--peers]
#
# Needs root and apt-get. Nothing is started: the tests start what they need on loopback. Cyrus and Courier cannot be installed
# beside Dovecot (all three are the imap-server of a machine), nor Postfix beside the machine's own mail-transport-agent, so they are
# downloaded and unpacked, and run from there.
set -euo pipefail

cache=${MAILFERRY_MAIL_SERVERS:-/var/cache/mailferry/mail-servers}
servers=(dovecot-core dovecot-imapd cyrus-common sasl2-bin courier-authlib courier-authlib-userdb libcourier-unicode4 libgamin0 libgdbm6 libidn12 libdb5.3 libicu72 libnsl2 openssl)
unpacked=(cyrus-imapd cyrus-clients cyrus-replication courier-imap courier-base dovecot-lmtpd postfix)
peers=(isync offlineimap3 time)

fail() {
    echo "mail servers: $1" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || fail "packages are installed by root"
command -v apt-get >/dev/null || fail "there is no apt-get"
export DEBIAN_FRONTEND=noninteractive

wanted=("${servers[@]}")
if [ "${1:-}" = --peers ]; then wanted+=("${peers[@]}"); fi

# No server of the machine's own comes to life by this.
hush() {
    [ -e /usr/sbin/policy-rc.d ] && return
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

updated=
update() {
    [ -n "$updated" ] || apt-get update -q </dev/null
    updated=yes
}
install() { apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${wanted[@]}" </dev/null; }

if ! dpkg --status "${wanted[@]}" >/dev/null 2>&1; then
    hush
    install || { update && install; } || fail "apt-get could not install ${wanted[*]}"
fi

# Each package into its own folder, which gets its name when it is whole.
unpack() {
    local package=$1 part
    [ -d "$cache/$package" ] && return
    part=$(mktemp -d "$cache/.part-XXXXXX")
    (cd "$part" && apt-get download -q "$package" </dev/null) || return
    dpkg-deb -x "$part"/*.deb "$part/root"
    chmod 755 "$part/root"
    mv -T "$part/root" "$cache/$package" 2>/dev/null || [ -d "$cache/$package" ]
    rm -rf "$part"
}
mkdir -p "$cache"
for package in "${unpacked[@]}"; do
    unpack "$package" || { update && unpack "$package"; } || fail "apt-get could not download $package"
done
echo "mail servers: ready in $cache"
