//! `mailferry migrate`, killed with SIGKILL when so many bytes have gone over one of its wires, and run again: nothing is lost, nothing
//! is doubled (R42), with servers that say where an append went and with servers that do not.
//!
//! The seed is told first. MAILFERRY_SEED replays it; MAILFERRY_IMAP_KILLS asks for more kills of each target.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailferry_mailbed::compare::{Difference, Report, Snapshot, compare_kept};
use mailferry_mailbed::corpus::{Corpus, Random};
use mailferry_mailbed::fill;
use mailferry_mailbed::hostile::{Hostile, Setup};
use mailferry_mailbed::servers::{Courier, Cyrus, Dovecot, Format, Kind, Options, Server};
use mailferry_mailbed::talk::Talk;
use mailferry_mailbed::tap::Tap;
use mailferry_tests::{asked_number, console_command, seed, wait_until};

use super::kit::*;

const PATIENCE: Duration = Duration::from_secs(120);
/// Of each target in the test command, and of one mailbox.
const KILLS: u64 = 18;
const KILLS_OF_A_LIFE: u64 = 6;
const MESSAGES: usize = 90;

enum Target {
    Real(Box<Server>),
    Hostile(Hostile),
}

impl Target {
    fn address(&self) -> SocketAddr {
        match self {
            Target::Real(server) => server.address(),
            Target::Hostile(server) => server.address(),
        }
    }

    fn user(&self, source: &Server, number: usize) -> (String, String) {
        match self {
            Target::Real(server) => server.user(number),
            Target::Hostile(_) => source.user(number),
        }
    }

    fn differences(&self, source: &Server, number: usize) -> Report {
        let mut here = source.talk(number).expect("a login");
        match self {
            Target::Real(server) => {
                let mut there = server.talk(number).expect("a login");
                let mut report = compare_kept(&mut here, &mut there, server.kind()).expect("compared").0;
                // Courier may lose this one subscription: see docs/testing.md.
                let lost = |difference: &Difference| matches!(difference, Difference::NotSubscribed(name) if name == "INBOX");
                report.differences.retain(|difference| server.kind() != Kind::Courier || !lost(difference));
                report
            }
            Target::Hostile(server) => {
                let (name, password) = source.user(number);
                let mut there = Talk::login(server.address(), &name, &password).expect("a login");
                let (mut here, there) = (Snapshot::read(&mut here).expect("read"), Snapshot::read(&mut there).expect("read"));
                // It takes no word on what a folder is for.
                here.folders.values_mut().for_each(|folder| folder.special_uses.clear());
                here.differences(&there)
            }
        }
    }
}

/// A run that is killed when so many bytes have gone over the wire. False when it ended before.
fn run_until(tap: &Tap, bytes: u64, arguments: &[&str]) -> bool {
    let victim: Arc<Mutex<Option<Child>>> = Arc::default();
    let mut running = victim.lock().expect("nobody else");
    let killed = victim.clone();
    tap.after(bytes, move || {
        if let Some(child) = killed.lock().expect("nobody panicked").as_mut() {
            child.kill().expect("SIGKILL");
        }
    });
    let child = console_command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    *running = Some(child.expect("the console can be started"));
    drop(running);
    let ended = || victim.lock().expect("nobody panicked").as_mut().is_some_and(|child| child.try_wait().expect("a child").is_some());
    wait_until("the run ends", PATIENCE, ended);
    !tap.forget()
}

/// One mailbox; answers how many kills hit.
fn life(source: &Server, target: &Target, user: usize, random: &mut Random) -> u64 {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let taps = [source.address(), target.address()].map(|address| Tap::to(address).expect("a tap"));
    let from = url_at(taps[0].address(), &source.user(user), dir.path());
    let to = url_at(taps[1].address(), &target.user(source, user), dir.path());
    let work = dir.path().join("work").display().to_string();
    let arguments = ["--json", "migrate", &from, &to, "--apply-deletions", "--work", &work];
    let bytes = Corpus::new(source_seed(), source.users(), MESSAGES).user(user).bytes();
    let mut hits = 0;
    for number in 0..KILLS_OF_A_LIFE {
        // What is packed is not read again: later there is nothing to hit on the wire of the source but its first words.
        let at_source = random.below(2) == 0;
        let tap = &taps[usize::from(!at_source)];
        let first_words = random.below(4) == 0 || at_source && number > 1;
        let at = if first_words { random.below(4_000) } else { random.below(bytes / KILLS_OF_A_LIFE) };
        hits += u64::from(run_until(tap, at, &arguments));
    }
    let last = migrate(&from, &to, work.as_ref());
    let report = target.differences(source, user);
    assert!(report.is_clean(), "user {user}: {report}\n{last}");
    let again = migrate(&from, &to, work.as_ref());
    assert_eq!((again["appended"].as_u64(), again["containers"].as_u64()), (Some(0), Some(0)), "user {user}: {again}");
    hits
}

fn source_seed() -> u64 {
    5
}

fn every_kill_is_survived(name: &str, kinds: &[Kind], target: impl FnOnce(usize) -> Target) {
    if !is_ready(kinds) {
        return;
    }
    let seed = seed(name);
    let mut random = Random::new(seed, name);
    let wanted = asked_number("MAILFERRY_IMAP_KILLS").unwrap_or(KILLS);
    // The last two users of a corpus are odd.
    let users = wanted.div_ceil(KILLS_OF_A_LIFE).max(2) as usize;
    let corpus = Corpus::new(source_seed(), users, MESSAGES);
    let source = Dovecot::start(Options { users, escapes_names: true, ..Options::default() }).expect("Dovecot starts");
    fill::users(&source, &corpus).expect("filled");
    let target = target(users);
    let hits: u64 = (1..=users).map(|user| life(&source, &target, user, &mut random)).sum();
    eprintln!("{name}: {hits} kills hit a run at work");
    assert!(hits * 2 >= wanted, "only {hits} of {wanted} kills hit");
}

fn options(users: usize) -> Options {
    Options { users, escapes_names: true, ..Options::format(Format::Mdbox) }
}

#[test]
fn with_dovecot_every_kill_is_survived() {
    every_kill_is_survived("killed, to Dovecot", &[Kind::Dovecot], |users| {
        Target::Real(Box::new(Dovecot::start(options(users)).expect("Dovecot")))
    });
}

#[test]
fn with_cyrus_every_kill_is_survived() {
    let kinds = [Kind::Dovecot, Kind::Cyrus];
    every_kill_is_survived("killed, to Cyrus", &kinds, |users| Target::Real(Box::new(Cyrus::start(options(users)).expect("Cyrus"))));
}

#[test]
fn with_courier_every_kill_is_survived() {
    let kinds = [Kind::Dovecot, Kind::Courier];
    every_kill_is_survived("killed, to Courier", &kinds, |users| Target::Real(Box::new(Courier::start(options(users)).expect("Courier"))));
}

/// No APPENDUID, no MULTIAPPEND, no literals without asking.
#[test]
fn with_a_server_that_tells_nothing_every_kill_is_survived() {
    let setup = ["UIDPLUS", "MULTIAPPEND", "LITERAL+", "CONDSTORE"].into_iter().fold(Setup::default(), |setup, word| setup.without(word));
    every_kill_is_survived("killed, to the hostile server", &[Kind::Dovecot], |_| {
        Target::Hostile(Hostile::start(setup).expect("a server"))
    });
}
