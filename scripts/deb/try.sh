#!/usr/bin/env bash
# Tries the packages of Debian: scripts/deb/try.sh FOLDER RELEASE, with mailferry_1.deb and, as its upgrade, mailferry_2.deb in FOLDER.
#
# In a root of debootstrap, kept below FOLDER as it was before the first package: installed, used as the account of the agents, upgraded
# while an agent runs, removed, purged; then not a file may be left. lintian looks at the package.
set -euo pipefail

folder=$1 release=$2
base=$folder/base-$release root=$folder/root
first=$folder/mailferry_1.deb second=$folder/mailferry_2.deb
home=/var/lib/mailferry
units=(source transmission target)

step() { echo "package: $*"; }
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_agent() { inside runuser -u mailferry -- "$@"; }

make_base() {
    [ -e "$base/complete" ] && return
    rm -rf "$base"
    debootstrap --variant=minbase "$release" "$base" >"$folder/debootstrap.log" 2>&1 || {
        tail -n 5 "$folder/debootstrap.log" >&2
        fail "debootstrap could not make a root of $release"
    }
    # What the package depends on stays when it goes.
    chroot "$base" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends adduser </dev/null >>"$folder/debootstrap.log" 2>&1
    touch "$base/complete"
}

leave() {
    [ -z "${agent:-}" ] || kill -KILL "$agent" 2>/dev/null || true
    umount "$root/proc" "$root/dev" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}

enter() {
    rm -rf --one-file-system "$root"
    cp -a "$base" "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 none "$root/dev"
    for device in null zero full random urandom; do cp -a "/dev/$device" "$root/dev/"; done
}

# Every file, folder and account. Not: what dpkg itself remembers, what is gone with the next boot, logs of packages, caches.
inventory() {
    inside find / -xdev \( -path /proc -o -path /dev -o -path /run -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print |
        grep -v -x -e '/etc/passwd-' -e '/etc/group-' -e '/etc/shadow-' -e '/etc/gshadow-' -e '/etc/.pwd.lock' | sort
    inside cut -d: -f1 /etc/passwd /etc/group
}

put_in() {
    cp "$1" "$root/tmp/mailferry.deb"
    inside dpkg --install /tmp/mailferry.deb >"$folder/dpkg.log" 2>&1 || {
        cat "$folder/dpkg.log" >&2
        fail "dpkg could not install ${1##*/}"
    }
}

check_installed() {
    local path
    for path in bin/mailferry bin/mailferry-{source,transmission,target} lib/ocf/resource.d/mailferry/role \
        lib/systemd/system/mailferry-{source,transmission,target}.service lib/systemd/catalog/mailferry.catalog \
        share/man/man1/mailferry.1.gz share/man/man1/mailferry-source-service-install.1.gz \
        share/bash-completion/completions/mailferry share/zsh/vendor-completions/_mailferry-target \
        share/fish/vendor_completions.d/mailferry.fish share/doc/mailferry/{copyright,README.md,docs/OPERATING.md} \
        share/doc/mailferry/examples/project.toml; do
        [ -s "$root/usr/$path" ] || fail "/usr/$path is not there"
    done
    for agent_name in "${units[@]}"; do
        [ "$(inside stat -c '%U %a' "$home/$agent_name")" = "mailferry 750" ] || fail "$home/$agent_name is not the account's"
        local program
        program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$root/usr/lib/systemd/system/mailferry-$agent_name.service")
        inside "$program" --version >/dev/null || fail "$program of the unit does not run"
        [ ! -e "$root/etc/systemd/system/multi-user.target.wants/mailferry-$agent_name.service" ] || fail "a unit is enabled"
    done
    inside sh -n /usr/lib/ocf/resource.d/mailferry/role
    inside /usr/lib/ocf/resource.d/mailferry/role meta-data | grep -q '<resource-agent name="role"' || fail "the resource agent"
}

# One mailbox by the console, then the same by the agents as their units run them.
use_it() {
    inside install -d -o mailferry -m 700 /srv/try
    as_agent sh -e -c '
        cd /srv/try
        exec 2>log
        mkdir -p old/cur old/new old/tmp share/SRC share/TGT
        for n in 1 2 3; do printf "Subject: %s\n\nMessage %s.\n" $n $n >old/cur/$n:2,S; done
        mailferry migrate maildir:old maildir:new --work /srv/try/work >/dev/null
        mailferry verify maildir:old maildir:new >/dev/null
        cat >project.toml <<-END
			[project]
			name = "try"
			[source]
			name = "SRC"
			[[source.nodes]]
			name = "SRC"
			share = "/srv/try/share/SRC"
			agents = "/var/lib/mailferry"
			[target]
			name = "TGT"
			[[target.nodes]]
			name = "TGT"
			share = "/srv/try/share/TGT"
			agents = "/srv/try/TGT"
			[[collections]]
			name = "all"
			[[collections.mailboxes]]
			name = "alice"
			source = "maildir:/srv/try/old"
			target = "maildir:/srv/try/by-agents"
		END
        mkdir -p TGT/target TGT/transmission
        mailferry commit --project project.toml --yes >/dev/null
        for turn in 1 2; do
            mailferry-source run --once --config /var/lib/mailferry/source/config.ini >/dev/null || [ $? = 3 ]
            mailferry-transmission run --once --config /var/lib/mailferry/transmission/config.ini >/dev/null || [ $? = 3 ]
            mailferry-target run --once --config TGT/target/config.ini >/dev/null || [ $? = 3 ]
            mailferry-transmission run --once --config TGT/transmission/config.ini >/dev/null || [ $? = 3 ]
        done
        mailferry verify maildir:old maildir:by-agents >/dev/null
    ' || {
        cat "$root/srv/try/log" >&2
        fail "the account of the agents could not move a mailbox"
    }
}

# An agent at work when its program is replaced runs on, and what it remembers is what the new version finds.
upgrade_it() {
    # Its session writes the status anew: then it is at work. Without a function between, $! is the agent itself.
    rm -f "$root$home/source/status.json"
    chroot --userspec=mailferry:mailferry "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
        mailferry-source run --config "$home/source/config.ini" </dev/null >/dev/null 2>&1 &
    agent=$!
    until [ -s "$root$home/source/status.json" ]; do
        kill -0 "$agent" || fail "the source agent has ended"
        sleep 0.2
    done
    local before
    before=$(sha256sum "$root$home"/source/config.ini)
    put_in "$second"
    inside dpkg-query -W -f '${Version}' mailferry | grep -q -- '-2$' || fail "the upgrade is not there"
    kill -0 "$agent" || fail "the upgrade has ended an agent"
    [ "$before" = "$(sha256sum "$root$home"/source/config.ini)" ] || fail "the upgrade has changed a configuration"
    kill -TERM "$agent"
    wait "$agent" || fail "the agent did not end well"
    agent=
    as_agent mailferry-source run --once --config "$home/source/config.ini" >/dev/null || [ $? = 3 ] || fail "the new version does not go on"
    as_agent mailferry verify maildir:/srv/try/old maildir:/srv/try/by-agents >/dev/null || fail "the upgrade has changed mail"
}

remove_it() {
    inside dpkg --remove mailferry >"$folder/dpkg.log" 2>&1 || fail "dpkg could not remove it: $(cat "$folder/dpkg.log")"
    [ ! -e "$root/usr/bin/mailferry" ] || fail "a program is left"
    [ -s "$root$home/source/config.db" ] || fail "removing has deleted what an agent remembers"
}

purge_it() {
    inside dpkg --purge mailferry >"$folder/dpkg.log" 2>&1 || fail "dpkg could not purge it: $(cat "$folder/dpkg.log")"
    inside rm -r /srv/try
    inventory >"$folder/after"
    diff "$folder/before" "$folder/after" || fail "something is left, or gone, after purging"
}

trap leave EXIT
make_base
enter
inventory >"$folder/before"
put_in "$first"
check_installed
step "installed"
use_it
step "the agents' account has moved a mailbox"
upgrade_it
step "upgraded while an agent ran"
remove_it
step "removed, state kept"
put_in "$second"
check_installed
step "installed once more over what was kept"
purge_it
step "purged, nothing left"
lintian --fail-on error,warning --tag-display-limit 0 "$first" || fail "lintian complains"
step "lintian has nothing to say"
