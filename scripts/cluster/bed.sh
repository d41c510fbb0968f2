#!/usr/bin/env bash
# Two real Pacemaker clusters of two nodes each, in namespaces of Linux, with the agents running on every node (docs/testing.md, "The cluster test").
#
#   bed.sh up FOLDER PROGRAMS PARENT   FOLDER as tests/src/bed.rs makes it; PROGRAMS holds the agents; gone with the process PARENT
#   bed.sh down                        everything away, whatever state it is in
#   bed.sh in NODE COMMAND...          runs a command on a node
#   bed.sh off NODE | on NODE          the plug: wires first, so that no packet says goodbye, then everything dies
#   bed.sh cut NODE ring|storage|all   the switch's ports of a node go down
#   bed.sh heal NODE
#   bed.sh freeze NODE | thaw NODE     SIGSTOP and SIGCONT for all that runs there: a machine that hangs
#
# A node is a network namespace and a PID, mount, UTS and IPC namespace with its own /run, /dev/shm, /etc/corosync and state. The
# networks: two rings for each cluster, and a storage network of all nodes and the witnesses' machine. A node has its own disk at
# FOLDER/NODE, its logs below it; everything of another node, and the witnesses, it has by sshfs over the storage network, at the same path. A mount whose
# other end does not answer for two seconds dies and gives errors until the other end is back. FOLDER/mail is a disk that every node reaches always.
#
# All interfaces are made inside the namespaces: the machine's own network is never touched.
set -euo pipefail
state=/run/mailferry-bed
self=$(readlink -f "$0")
here=$(dirname "$self")
repository=$(readlink -f "$here/../..")
nodes=(SRC1 SRC2 TGT1 TGT2)
switch=mfbed-switch
machine=mfbed-witness

side_of() { case $1 in SRC*) echo SRC ;; *) echo TGT ;; esac; }
number_of() { echo "${1: -1}"; }
index_of() { case $1 in SRC1) echo 1 ;; SRC2) echo 2 ;; TGT1) echo 3 ;; TGT2) echo 4 ;; witness) echo 9 ;; esac; }
ring_net() { case $1 in SRC) echo "10.77.1$2" ;; TGT) echo "10.77.2$2" ;; esac; }
storage_address() { echo "10.77.30.$(index_of "$1")"; }
folder() { cat "$state/folder"; }

# wire NAMESPACE INTERFACE BRIDGE PORT ADDRESS
wire() {
    ip -n $switch link show "$3" >/dev/null 2>&1 || {
        ip -n $switch link add "$3" type bridge
        ip -n $switch link set "$3" up
    }
    ip -n $switch link add "$4" type veth peer name "$2" netns "$1"
    ip -n $switch link set "$4" master "$3" up
    ip -n "$1" addr add "$5/24" dev "$2"
    ip -n "$1" link set "$2" up
}

ports_of() { # NODE ring|storage|all
    case $2 in
        ring) echo "$1-r0 $1-r1" ;;
        storage) echo "$1-s" ;;
        all) echo "$1-r0 $1-r1 $1-s" ;;
    esac
}

set_ports() { for port in $(ports_of "$1" "$2"); do ip -n $switch link set "$port" "$3"; done; }

network() {
    ip netns add $switch
    ip netns add $machine
    ip -n $machine link set lo up
    wire $machine storage storage witness "$(storage_address witness)"
    local node side number
    for node in "${nodes[@]}"; do
        side=$(side_of "$node") number=$(number_of "$node")
        ip netns add "mfbed-$node"
        ip -n "mfbed-$node" link set lo up
        wire "mfbed-$node" ring0 "$side-ring0" "$node-r0" "$(ring_net "$side" 0).$number"
        wire "mfbed-$node" ring1 "$side-ring1" "$node-r1" "$(ring_net "$side" 1).$number"
        wire "mfbed-$node" storage storage "$node-s" "$(storage_address "$node")"
    done
}

corosync_conf() { # SIDE
    cat <<CONF
totem {
  version: 2
  cluster_name: $1
  transport: knet
  crypto_cipher: aes256
  crypto_hash: sha256
  token: 1000
}
logging {
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
  to_syslog: no
  timestamp: hires
}
quorum {
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 1
}
nodelist {
  node {
    name: ${1}1
    nodeid: 1
    ring0_addr: $(ring_net "$1" 0).1
    ring1_addr: $(ring_net "$1" 1).1
  }
  node {
    name: ${1}2
    nodeid: 2
    ring0_addr: $(ring_net "$1" 0).2
    ring1_addr: $(ring_net "$1" 1).2
  }
}
CONF
}

# One key opens all; the network it opens is in no other machine's reach.
sshd_on() { # ADDRESS RUNTIME-FOLDER LOG-FOLDER
    cat >"$2/sshd_config" <<CONF
ListenAddress $1
HostKey $state/key
AuthorizedKeysFile $state/key.pub
PidFile none
PermitRootLogin yes
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
CONF
    /usr/sbin/sshd -D -e -f "$2/sshd_config" >>"$3/sshd.out" 2>&1
}

# Mounts FOLDER as HOST has it, and again whenever the mount has died. -f: the mount ends with this process. Only the mount itself is
# taken away: below it lies the empty folder that stands for "not there", and below that what belongs to the other machine.
keep_mounted() { # HOST FOLDER
    while sleep 0.2; do
        [ "$(findmnt -n -o FSTYPE --mountpoint "$2" | tail -n 1)" != fuse.sshfs ] || umount -l "$2" || true
        # sshfs mounts first and connects then: whoever asks in between would wait for a machine that is not there.
        timeout 2 bash -c ": </dev/tcp/$(storage_address "$1")/22" 2>/dev/null || continue
        sshfs -f "root@$(storage_address "$1"):$2" "$2" -o "IdentityFile=$state/key,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null" \
            -o "ConnectTimeout=5,ServerAliveInterval=1,ServerAliveCountMax=2,LogLevel=ERROR" \
            -o "dir_cache=no,direct_io,attr_timeout=0,entry_timeout=0,negative_timeout=0" || true
    done
}

init() { # NODE: process 1 of the node
    local node=$1 mine=$state/$1 bed side other kind
    bed=$(folder) side=$(side_of "$1")
    hostname "$node"
    trap 'exit 0' TERM
    mkdir -p /etc/corosync /var/lib/corosync /var/lib/pacemaker
    mount --bind "$mine/etc" /etc/corosync
    mount --bind "$mine/pacemaker" /var/lib/pacemaker
    mount --bind "$mine/corosync" /var/lib/corosync
    mount --bind "$bed/$node/log" /var/log
    mount --bind "$mine/shm" /dev/shm
    mount -t overlay overlay -o "lowerdir=$mine/ocf:/usr/lib/ocf" /usr/lib/ocf
    mount -t overlay overlay -o "lowerdir=$here/sbin:/usr/sbin" /usr/sbin
    # What belongs to others is first of all not there.
    for other in "${nodes[@]}" witness-source witness-target; do
        [ "$other" = "$node" ] || mount -t tmpfs -o ro,size=64k,mode=755 tmpfs "$bed/$other"
    done
    # The state folder is below /run: kept in reach for what comes after.
    mkdir -p "$mine/run"/{mailferry-bed,sshd,crm,resource-agents,lock}
    mount --rbind "$state" "$mine/run/mailferry-bed"
    mount --rbind "$mine/run" /run
    chown hacluster:haclient /run/crm && chmod 750 /run/crm
    # It will not start without /run/sshd: a node whose disk nobody reaches is no node.
    sshd_on "$(storage_address "$node")" "$mine" /var/log &
    until (: <"/dev/tcp/$(storage_address "$node")/22") 2>/dev/null; do
        jobs %sshd_on >/dev/null 2>&1 || { cat /var/log/sshd.out >&2 && exit 1; }
        sleep 0.05
    done
    for other in "${nodes[@]}"; do [ "$other" = "$node" ] || keep_mounted "$other" "$bed/$other" >>/var/log/mounts.out 2>&1 & done
    for other in witness-source witness-target; do keep_mounted witness "$bed/$other" >>/var/log/mounts.out 2>&1 & done
    corosync -f >/run/corosync.out 2>&1 &
    until corosync-cfgtool -s >/dev/null 2>&1; do
        jobs %corosync >/dev/null 2>&1 || { cat /run/corosync.out >&2 && exit 1; }
        sleep 0.05
    done
    PCMK_logpriority=notice PCMK_logfile=/var/log/pacemaker/pacemaker.log pacemakerd -f >/run/pacemakerd.out 2>&1 &
    for kind in $([ "$side" = SRC ] && echo source || echo target) transmission; do
        keep_running "$bed/$node/agents/$kind" "$kind" &
    done
    echo ready >"$mine/ready"
    while :; do wait -n 2>/dev/null || sleep 1; done
}

# As the service manager does it.
keep_running() { # HOME KIND
    while :; do
        "$(cat "$state/programs")/mailferry-$2" run --config "$1/config.ini" >>"/var/log/$2.out" 2>&1 || true
        sleep 0.2
    done
}

on() { # NODE
    local node=$1 mine=$state/$1 log
    log=$(folder)/$1/log
    rm -rf "$mine/run" "$mine/shm" "$mine/ready"
    mkdir -p "$log"/{corosync,pacemaker} "$mine"/{run,shm,etc,corosync,pacemaker/{cib,pengine,blackbox,cores},ocf/resource.d}
    chmod 1777 "$mine/shm"
    cp -p "$state/$(side_of "$node")/"{corosync.conf,authkey} "$mine/etc/"
    ln -sfn "$repository/config/pacemaker/mailferry" "$mine/ocf/resource.d/mailferry"
    [ -e "$mine/pacemaker/cib/cib.xml" ] || install -m 600 "$state/$(side_of "$node")/cib.xml" "$mine/pacemaker/cib/cib.xml"
    chown -R hacluster:haclient "$mine/pacemaker" "$log/pacemaker"
    set_ports "$node" all up
    setsid ip netns exec "mfbed-$node" unshare --mount --uts --ipc --pid --fork --mount-proc --kill-child=SIGKILL --propagation private \
        "$self" init "$node" </dev/null >"$mine/init.log" 2>&1 &
    local parent=$! child=
    until [ -n "$child" ]; do child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null | tr -d ' '); sleep 0.01; done
    # setsid may have forked; the node's first process is the one whose PID namespace has it as 1.
    until grep -qE "^NSpid:.*[[:space:]]1$" "/proc/$child/status" 2>/dev/null; do
        child=$(cat "/proc/$child/task/$child/children" 2>/dev/null | cut -d' ' -f1)
        [ -n "$child" ] || child=$(cat "/proc/$parent/task/$parent/children" | cut -d' ' -f1)
        sleep 0.01
    done
    echo "$child" >"$mine/init.pid"
    until [ -e "$mine/ready" ]; do sleep 0.05; [ -e "/proc/$child" ] || { cat "$mine/init.log" >&2; exit 1; }; done
}

off() { # NODE
    set_ports "$1" all down
    kill -KILL "$(cat "$state/$1/init.pid")" 2>/dev/null || true
}

signal_all() { # NODE SIGNAL
    local space process
    space=$(readlink "/proc/$(cat "$state/$1/init.pid")/ns/pid")
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$space" ] && kill "-$2" "${process#/proc/}" 2>/dev/null || true
    done
}

up() { # FOLDER PROGRAMS PARENT
    down
    mkdir -p $state
    echo "$1" >$state/folder
    echo "$2" >$state/programs
    ssh-keygen -q -t ed25519 -N '' -f $state/key
    mkdir -p /run/sshd
    network
    local side
    for side in SRC TGT; do
        mkdir -p "$state/$side"
        corosync_conf $side >"$state/$side/corosync.conf"
        head -c 256 /dev/urandom >"$state/$side/authkey"
        chmod 400 "$state/$side/authkey"
        "$here/cib.sh" ${side}1 ${side}2 $state/bmc.sock >"$state/$side/cib.xml"
    done
    mkdir -p $state/witness "${nodes[@]/#/$state/}"
    setsid python3 "$here/bmc.py" $state "$3" </dev/null >$state/bmc.log 2>&1 &
    echo $! >$state/bmc.pid
    ip netns exec $machine setsid "$self" witness </dev/null >/dev/null 2>&1 &
    local node
    for node in "${nodes[@]}"; do on "$node" & done
    wait $(jobs -p | tail -n ${#nodes[@]})
}

down() {
    [ -d $state ] || return 0
    local node
    for node in "${nodes[@]}"; do
        [ ! -e "$state/$node/init.pid" ] || kill -KILL "$(cat "$state/$node/init.pid")" 2>/dev/null || true
    done
    for node in $switch $machine "${nodes[@]/#/mfbed-}"; do
        ip netns pids $node 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
        ip netns del $node 2>/dev/null || true
    done
    # `ip netns` mounts this folder with the first namespace and leaves it.
    rmdir /run/netns 2>/dev/null || { [ -z "$(ls -A /run/netns 2>/dev/null)" ] && umount /run/netns 2>/dev/null && rmdir /run/netns; } || true
    local bmc
    bmc=$(cat $state/bmc.pid 2>/dev/null || true)
    rm -rf $state
    # The last step: it may be the one that asked for this.
    [ -z "$bmc" ] || ! grep -qs bmc.py "/proc/$bmc/cmdline" || kill -KILL "$bmc" 2>/dev/null || true
}

command=${1:-help}
[ $# = 0 ] || shift
case $command in
    up) up "$@" ;;
    down) down ;;
    on | off) $command "$1" ;;
    in) node=$1 && shift && exec nsenter -t "$(cat "$state/$node/init.pid")" --all -- "$@" ;;
    cut) set_ports "$1" "$2" down ;;
    heal) set_ports "$1" all up ;;
    freeze) signal_all "$1" STOP ;;
    thaw) signal_all "$1" CONT ;;
    init) init "$1" ;;
    witness) sshd_on "$(storage_address witness)" $state/witness $state/witness ;;
    *) sed -n '2,12p' "$self" && exit 2 ;;
esac
