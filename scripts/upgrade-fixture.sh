#!/usr/bin/env bash
# Makes tests/golden/upgrade/first.tar.zst: what programs of an earlier version have left in the middle of a migration.
#   bash scripts/upgrade-fixture.sh FOLDER_OF_ITS_PROGRAMS OUT.tar.zst
# The fixture in the repository is of the first complete version, commit 4f9ea34. Paths are relative to its root.
set -euo pipefail
programs=$(cd "$1" && pwd) out=$(realpath -m "$2")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cd "$root"

for node in S1 S2 T1; do mkdir -p "$node/share" "$node/agents"; done
mkdir -p witness mail/new
cat >project.toml <<'TOML'
[project]
name = "upgrade"
[source]
name = "SRC"
witness = "witness"
nodes = [
  { name = "S1", share = "S1/share", agents = "S1/agents" },
  { name = "S2", share = "S2/share", agents = "S2/agents" },
]
[target]
name = "TGT"
nodes = [{ name = "T1", share = "T1/share", agents = "T1/agents" }]
[settings]
ContinueWithoutReplication = true
FreeSpaceFloor = "1%"
[settings.source]
ContainerItemsMax = 4
[settings.target]
ApplyDeletions = true
[additional-parameters]
LogLevel = "debug"
[[collections]]
name = "first"
priority = 5
mailboxes = [
  { name = "alice", source = "maildir:mail/alice", target = "maildir:mail/new/alice" },
  { name = "bob", source = "maildir:mail/bob", target = "mbox:mail/new/bob" },
]
TOML

message() { # MAILBOX NUMBER FLAGS
    printf 'From: a@example.org\r\nMessage-ID: <%s.%s@example.org>\r\nDate: Sat, 1 Nov 2025 10:%02d:00 +0000\r\nSubject: message %s\r\n\r\nHello %s, this is number %s.\r\n' \
        "$1" "$2" "$2" "$2" "$1" "$2" >"mail/$1/cur/17620000$(printf %02d "$2").M$2.host:2,$3"
}
for name in alice bob; do
    mkdir -p "mail/$name/cur" "mail/$name/new" "mail/$name/tmp"
    for number in 1 2 3 4 5 6; do message $name $number S; done
done
mkdir -p mail/alice/.Work/{cur,new,tmp}
cp mail/alice/cur/*M1.host* mail/alice/.Work/cur/

agent() { # NODE KIND
    "$programs/mailferry-$2" run --once --config "$1/agents/$2/config.ini" >/dev/null 2>&1 || [ $? = 3 ]
}
"$programs/mailferry" commit --yes >/dev/null
"$programs/mailferry" role S1 >/dev/null
# Everything has arrived once, and is answered.
for _ in 1 2 3 4; do
    for kind in source transmission; do agent S1 $kind; agent S2 $kind; done
    for kind in target transmission; do agent T1 $kind; done
done
# New mail: delivered and not imported; then more: packed and not delivered.
message alice 7 ''
mv mail/bob/cur/*M2.host:2,S mail/bob/cur/1762000002.M2.host:2,FS
agent S1 source; agent S1 transmission
message bob 8 ''
rm mail/alice/cur/*M3.host:2,S
agent S1 source; agent S2 source

rm -f ./*/agents/*/lock
find . -name log -type d -exec rm -rf {} +
mkdir -p "$(dirname "$out")"
tar --sort=name --owner=0 --group=0 --numeric-owner -cf - . | zstd -19 -q -f -o "$out"
ls -l "$out"
