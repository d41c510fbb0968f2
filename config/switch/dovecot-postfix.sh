#!/bin/sh
# SwitchCommand for a source that is Dovecot behind Postfix: PROGRAM lock|unlock|redirect|test|notify|restore MAILBOX ID SWITCH (docs/OPERATING.md, "The switch").
#
# The gate is a passdb of Dovecot that is asked before that of the users: a file for each service and user who is not at home. While it
# leads to a port where nobody listens, a login is answered UNAVAILABLE and a delivery 451, so that Postfix keeps the mail in its queue;
# then it leads to the new server, and Dovecot passes both on. Postfix hands mail to the new server by itself as soon as its map of
# transports says so. Every file comes by a rename: done twice is done once, and no step leaves the mailbox open that it does not mean to.
#
# Settings: the variables below, from the file beside this program whose name ends in .conf instead of .sh, where there is one.
set -eu

gate=/etc/dovecot/gate         # folders of the gate, one for each service
services="imap pop3 lmtp"      # that stand behind it
nowhere="host=127.0.0.1 port=9 proxy_timeout=1"
new_host=                      # of the new server, by address
new_ports="imap=143 pop3=110 lmtp=24"
new_fields=starttls=yes        # of logins that are passed on: the password goes with them
domain=example.org             # a mailbox is called as its user, and its mail comes to that name at this domain
transports=/etc/postfix/moves  # a map that transport_maps names; its lines stand one in a file in $transports.d
patience=40                    # seconds for all that is waited for; SwitchCommandTimeout is longer
doveadm=doveadm postmap=postmap postqueue=postqueue sendmail=/usr/sbin/sendmail
new_doveadm=                   # of the new server, for test: new_doveadm="ssh mail2 doveadm"

conf=${0%.sh}.conf
if [ -e "$conf" ]; then . "$conf"; fi

fail() {
    echo "$1" >&2
    exit 1
}
[ $# -ge 2 ] || fail "usage: $0 lock|unlock|redirect|test|notify|restore MAILBOX ID SWITCH"
act=$1 user=$2 switch=${4:-none} until=$(($(date +%s) + patience))
case $user in *[!A-Za-z0-9._@+-]* | .* | "") fail "mailbox $user has a name that is no user's" ;; esac
case $switch in *[!A-Za-z0-9]*) fail "switch $switch is no number of a switch" ;; esac
address=$user
case $user in *@*) ;; *) address=$user@$domain ;; esac

# A file appears with all that is in it.
put() { cat >"${1%/*}/.$$" && mv "${1%/*}/.$$" "$1"; }

port_of() { for pair in $new_ports; do [ "${pair%%=*}" != "$1" ] || echo "${pair#*=}"; done; }

to_nowhere() { echo "$nowhere"; }
to_new() {
    case $1 in lmtp) more= ;; *) more=" $new_fields" ;; esac
    echo "host=$new_host port=$(port_of "$1")$more"
}

# gate_to PLACE: the user is led to what PLACE says for each service. Dovecot looks at a file it knows once a second: gate_leads waits until
# it says so itself, and whoever logs in from then on is led. A gate that it does not have locks nobody out, and is found here.
gate_to() {
    for service in $services; do
        mkdir -p "$gate/$service"
        echo "$user:::::::nopassword=y proxy=y $("$1" "$service")" | put "$gate/$service/$user"
    done
    forget_logins
}
gate_leads() { until_none "the gate of $user does not lead where it should: is it among Dovecot's passdbs?" not_led "$1"; }
gate_open() {
    for service in $services; do rm -f "$gate/$service/$user"; done
    forget_logins
    until_none "the gate of $user does not open" led_by_gate
}
led() {
    $doveadm auth lookup -x service="$1" "$user" | awk '$1 == "host" { host = $3 } $1 == "port" { port = $3 } END { print "host=" host " port=" port }'
}
not_led() { for service in $services; do case "$("$1" "$service") " in "$(led "$service") "*) ;; *) echo "$service" ;; esac done; }
led_by_gate() { for service in $services; do case "$nowhere / $(to_new "$service") " in *"$(led "$service") "*) echo "$service" ;; esac done; }

# Dovecot may hold answers of its passdbs, where it is told to.
forget_logins() { $doveadm auth cache flush "$user" >/dev/null 2>&1 || true; }

# Map and text are made aside: whoever looks meanwhile finds the old one.
publish() {
    mkdir -p "$transports.d"
    (
        flock 9
        cat "$transports.d"/*.line 2>/dev/null >"$transports.new" || true
        $postmap "hash:$transports.new"
        mv "$transports.new.db" "$transports.db"
        mv "$transports.new" "$transports"
    ) 9>"$transports.lock"
}

# Ids of messages for this address that wait, or, with `active`, are being delivered.
queued() {
    $postqueue -j | grep -F "\"queue_name\": \"${1:-}" | grep -F "\"address\": \"$address\"" | sed 's/.*"queue_id": "\([^"]*\)".*/\1/' || true
}
try_again() { for id in $(queued deferred); do $postqueue -i "$id" 2>/dev/null || true; done; }

sessions() { $doveadm who -1 "$user" 2>/dev/null | awk -v user="$user" '$1 == user'; }

# The test message: one for each switch, sent again when it is not there ten minutes later.
test_id="mailferry-test-$switch@$domain" sent=$transports.d/.test-$user-$switch
send_test() {
    [ -z "$(find "$sent" -mmin -10 2>/dev/null)" ] || return 0
    printf 'From: <>\nTo: %s\nSubject: Test of your new mailbox\nMessage-ID: <%s>\nAuto-Submitted: auto-generated\n\nThis message is taken away again.\n' \
        "$address" "$test_id" | $sendmail -i -f '<>' "$address"
    : >"$sent"
}
in_new_mailbox() { $new_doveadm "$1" -u "$user" mailbox '*' header Message-ID "<$test_id>"; }
not_arrived() { in_new_mailbox search | grep -q . || echo "$test_id"; }

# until_none WHY COMMAND..: asked until it prints nothing.
until_none() {
    why=$1
    shift
    while [ -n "$("$@")" ]; do
        [ "$(date +%s)" -lt "$until" ] || fail "$why"
        sleep 0.1
    done
}
kicked() { sessions | { read -r line && $doveadm kick "$user" >/dev/null 2>&1 || true; echo "${line:-}"; }; }
still_delivered() { queued active | while read -r id; do case " $under_way " in *" $id "*) echo "$id" ;; esac done; }

case $act in
lock)
    gate_to to_nowhere
    gate_leads to_nowhere
    # What was let in before the gate was closed is waited for.
    under_way=$(queued active | tr '\n' ' ')
    # Once more after a while: a login on its way shows only when it is through.
    for _ in first again; do
        until_none "sessions of $user do not end" kicked
        sleep 0.1
    done
    until_none "deliveries to $address do not end" still_delivered
    ;;
unlock | restore)
    rm -f "$transports.d/$address.line"
    publish
    gate_open
    # Sessions that were passed on before would go on at the new server.
    $doveadm proxy kick "$user" >/dev/null 2>&1 || true
    try_again
    ;;
redirect)
    [ -n "$new_host" ] || fail "new_host is not set in $conf"
    gate_to to_new
    mkdir -p "$transports.d"
    echo "$address lmtp:inet:$new_host:$(port_of lmtp)" | put "$transports.d/$address.line"
    publish
    gate_leads to_new
    try_again
    ;;
test)
    [ -n "$new_doveadm" ] || fail "new_doveadm is not set in $conf"
    [ -z "$(not_arrived)" ] || send_test
    until_none "a message to $address has not arrived at $new_host: see where it is held" not_arrived
    in_new_mailbox expunge
    rm -f "$sent"
    ;;
notify) $sendmail -i -f '<>' "$address" ;;
*) fail "$act is none of lock, unlock, redirect, test, notify and restore" ;;
esac
