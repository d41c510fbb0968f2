//! A mailbox is moved by the console from one Dovecot to another while its user works and mail comes, and nothing is lost or doubled
//! (R80, R82); and the program that locks and leads on, config/switch/dovecot-postfix.sh, by itself.
//!
//! MAILFERRY_SWITCHES asks for so many mailboxes, one after the other: the measurement of docs/benchmarks.md.

mod place;
mod record;
mod users;

use std::sync::mpsc;
use std::time::Duration;

use mailferry_core::engine::MoveReport;
use mailferry_mailbed::compare::{Snapshot, compare};
use mailferry_mailbed::servers::Server;
use mailferry_mailbed::smtp::Smtp;
use mailferry_mailbed::talk::{Talk, quoted};
use mailferry_tests::moves::{done, moves, wait_for};
use mailferry_tests::{Bed, Services, asked_number, seed, wait_until};

use self::place::Servers;
use self::users::{DOMAIN, User};

const PATIENCE: Duration = Duration::from_secs(60);
/// Of a loaded machine.
const LOCK_MAX: Duration = Duration::from_secs(5);

fn mailbox(server: &Server, number: usize) -> Snapshot {
    Snapshot::read(&mut server.talk(number).expect("a login")).expect("read")
}

fn is_as_recorded(user: &User, mailbox: &Snapshot, servers: &Servers) {
    let differences = user.record.differences(mailbox);
    assert!(differences.is_empty(), "{}:\n{}\n{}", user.name, differences.join("\n"), servers.log());
}

/// The user works, and is written to, while it goes through.
fn at_work<T>(user: &User, meanwhile: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let ((stop, until), (stop_too, until_too)) = (mpsc::channel(), mpsc::channel());
        scope.spawn(move || user.work(&until));
        scope.spawn(move || user.is_written_to(&until_too));
        let result = meanwhile();
        drop((stop, stop_too));
        result
    })
}

fn works_on(user: &User) {
    let (deeds, letters) = (user.deeds(), user.letters());
    wait_until("the user works, and is written to", PATIENCE, || user.deeds() >= deeds + 20 && user.letters() >= letters + 5);
}

/// The whole life of a request, as an administrator leads it.
fn move_mailbox(bed: &Bed, user: &User) -> MoveReport {
    let name = user.name.as_str();
    works_on(user);
    done(&moves(bed, &["new", name, "--SuspendWhenReadyToComplete", "--wait", "60"]));
    wait_for(bed, name, "AutoSuspended");
    done(&moves(bed, &["suspend", name, "--wait", "60"]));
    wait_for(bed, name, "Suspended");
    works_on(user);
    done(&moves(bed, &["resume", name, "--wait", "60"]));
    wait_for(bed, name, "AutoSuspended");
    works_on(user);
    done(&moves(bed, &["complete", name, "--wait", "60"]));
    let completed = wait_for(bed, name, "Completed");
    works_on(user);
    completed
}

/// As the history of the request has it.
fn lock_told(request: &MoveReport) -> Duration {
    let told = request.history.iter().find_map(|line| line.what.split_once("the source was locked for ")?.1.split_once(" s"));
    Duration::from_secs_f64(told.expect("the history says so").0.parse().expect("seconds"))
}

#[test]
fn a_mailbox_is_moved_while_its_user_works_and_is_locked_for_seconds() {
    let movers = asked_number("MAILFERRY_SWITCHES").unwrap_or(1) as usize;
    let Some(servers) = Servers::start(movers + 1, 1) else { return };
    let (seed, old) = (seed("users at work"), &servers.old);
    let user = |number| User::new(old.address(), servers.postfix.address(), old.user(number), seed).expect("a user");
    let users: Vec<User> = (1..=movers + 1).map(user).collect();
    let bed = servers.bed();
    let mut services = Services::all(&bed);
    let stays = &users[movers];
    at_work(stays, || {
        for (number, user) in users[..movers].iter().enumerate() {
            let request = at_work(user, || move_mailbox(&bed, user));
            wait_until("the post is out", PATIENCE, || !servers.postfix.queue().expect("a queue").contains(&user.name));
            is_as_recorded(user, &mailbox(&servers.new, number + 1), &servers);
            let (told, lock, seen) = (lock_told(&request), servers.lock(&user.name), user.told());
            let seconds =
                [lock.whole, lock.locking, lock.agents, lock.leading, told, seen.outage].map(|time| format!("{:.2}", time.as_secs_f64()));
            let (deeds, letters) = (user.deeds(), user.letters());
            eprintln!(
                "{}: lock, its parts, by the history, pause of the user: {} s; {deeds} deeds, {letters} letters",
                user.name,
                seconds.join(", ")
            );
            assert_eq!(seen.missed, Vec::<String>::new());
            assert!(
                seen.refusals.iter().all(|why| why.contains("UNAVAILABLE")),
                "never as if his password were wrong: {:?}",
                seen.refusals
            );
            assert!(!seen.refusals.is_empty(), "the lock was not felt by anybody");
            assert!(lock.whole <= LOCK_MAX && told <= LOCK_MAX, "locked for {:?}, {told:?} by the history", lock.whole);
            assert!(told.abs_diff(lock.whole) < Duration::from_secs(1), "{told:?} by the history, {:?} by the program's clock", lock.whole);
        }
    });
    // Who stays is in step with his old server, and was disturbed by nothing.
    wait_until("the post is out", PATIENCE, || servers.postfix.queue().expect("a queue").is_empty());
    services.settle(PATIENCE);
    is_as_recorded(stays, &mailbox(old, movers + 1), &servers);
    let (mut here, mut there) = (old.talk(movers + 1).expect("a login"), servers.new.talk(movers + 1).expect("a login"));
    let report = compare(&mut here, &mut there).expect("compared");
    assert!(report.is_clean() && stays.told().refusals.is_empty(), "{report}\n{:?}", stays.told());
}

fn letter(servers: &Servers, id: &str) {
    let text = format!("Message-ID: {id}\r\nSubject: to you\r\n\r\nHello.\r\n");
    let mut smtp = Smtp::connect(servers.postfix.address()).expect("Postfix answers");
    smtp.send("carol@example.net", &format!("u01@{DOMAIN}"), text.as_bytes()).expect("taken");
}

/// How often it is in the inboxes of the first user: at the old server, at the new one.
fn lies(servers: &Servers, id: &str) -> [usize; 2] {
    [&servers.old, &servers.new].map(|server| {
        let mut talk = past_the_gate(server);
        talk.ok("SELECT INBOX").expect("an inbox");
        let found = talk.ok(&format!("UID SEARCH HEADER Message-ID {}", quoted(id))).expect("searched");
        found.all("SEARCH").map(|values| values.len() - 1).sum()
    })
}

fn past_the_gate(server: &Server) -> Talk {
    let master = server.master().expect("a master");
    Talk::login(server.address(), &format!("u01*{}", master.name), &master.password).expect("a master comes in always")
}

#[test]
fn the_program_for_dovecot_and_postfix_locks_unlocks_leads_on_and_back_and_twice_is_once() {
    // By itself Postfix would try again long after this test.
    let Some(servers) = Servers::start(4, 600) else { return };
    let twice = |act: &str| {
        for _ in 0..2 {
            let said = servers.call(act, "u01");
            assert!(said.status.success(), "{act}: {}\n{}", String::from_utf8_lossy(&said.stderr), servers.log());
        }
    };
    let arrives = |id: &str, places: [usize; 2]| {
        letter(&servers, id);
        wait_until(&format!("{id} arrives"), PATIENCE, || lies(&servers, id) != [0, 0]);
        assert_eq!(lies(&servers, id), places, "{id}");
    };
    let is_held = |id: &str| {
        letter(&servers, id);
        wait_until(&format!("{id} is held"), PATIENCE, || servers.postfix.queue().expect("a queue").contains("Proxy failed"));
        assert_eq!(lies(&servers, id), [0, 0], "{id}");
    };
    arrives("<1@client.example>", [1, 0]);
    let mut session = servers.old.talk(1).expect("a login");
    twice("lock");
    assert!(session.command("NOOP").is_err(), "a session goes on behind the lock");
    let refused = servers.old.talk(1).err().map(|error| format!("{error:#}"));
    assert!(refused.as_ref().is_some_and(|why| why.contains("UNAVAILABLE")), "{refused:?}");
    servers.old.talk(2).expect("nobody else is locked out");
    is_held("<2@client.example>");

    twice("unlock");
    wait_until("what was held is there", PATIENCE, || lies(&servers, "<2@client.example>") == [1, 0]);
    servers.old.talk(1).expect("he may in again");
    arrives("<3@client.example>", [1, 0]);

    twice("lock");
    is_held("<4@client.example>");
    twice("redirect");
    wait_until("what was held is at the new server", PATIENCE, || lies(&servers, "<4@client.example>") == [0, 1]);
    arrives("<5@client.example>", [0, 1]);
    let mine = b"Message-ID: <6@client.example>\r\n\r\nMine.\r\n";
    servers.old.talk(1).and_then(|mut talk| talk.append("INBOX", "()", mine)).expect("the old server leads on");
    assert_eq!(lies(&servers, "<6@client.example>"), [0, 1]);
    assert!(["<1@client.example>", "<2@client.example>", "<3@client.example>"].iter().all(|id| lies(&servers, id) == [1, 0]));

    // And back: the session that was passed on ends, and mail and user are at the old server again.
    let mut session = servers.old.talk(1).expect("the old server leads on");
    twice("restore");
    assert!(session.command("NOOP").is_err(), "a session goes on at the new server");
    arrives("<7@client.example>", [1, 0]);
    twice("redirect");

    // Mail arrives there, and nothing is left of the test of it.
    twice("test");
    assert_eq!(lies(&servers, &format!("<mailferry-test-00@{DOMAIN}>")), [0, 0]);
    let told = "Subject: Moved\nMessage-ID: <told@switch.example>\n\nYour mailbox has moved.\n";
    assert!(servers.call_with("notify", "u01", told).status.success(), "{}", servers.log());
    wait_until("the user is told", PATIENCE, || lies(&servers, "<told@switch.example>") == [0, 1]);

    // All at once: the map of transports holds every one of them.
    std::thread::scope(|scope| {
        for name in ["u02", "u03", "u04"] {
            let servers = &servers;
            scope.spawn(move || assert!(servers.call("redirect", name).status.success()));
        }
    });
    let route = |name: &str| {
        let map = format!("hash:{}", servers.postfix.settings().join("moves").display());
        let said = servers.postfix.tool("postmap").args(["-q", &format!("{name}@{DOMAIN}"), &map]).output().expect("postmap");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    let new = servers.new.lmtp_address().expect("it takes deliveries");
    assert!(["u01", "u02", "u03", "u04"].iter().all(|name| route(name) == format!("lmtp:inet:{new}")));

    let refuses = |act: &str, name: &str, why: &str| {
        let said = servers.call(act, name);
        let told = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.code() == Some(1) && told.contains(why), "{told}");
    };
    refuses("lock", "../users", "a name that is no user's");
    refuses("open", "u02", "none of lock, unlock, redirect, test, notify and restore");
    // At a server where nobody of that name is it does not arrive.
    servers.set("patience=1 new_doveadm=\"doveadm -c $gate/../dovecot.conf\"");
    refuses("test", "u02", "a message to u02@");
    // Files where Dovecot does not look lock nobody out.
    servers.set("gate=$gate.elsewhere patience=1");
    refuses("lock", "u02", "is it among Dovecot's passdbs?");
}
