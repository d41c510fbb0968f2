//! Between servers through the agents of a project: source agent, container, transmission, target agent. Everything arrives once,
//! whoever is killed meanwhile, and a second pass finds nothing to do.
//!
//! `the_chain_beside_migrate` is the measurement of docs/benchmarks.md; MAILFERRY_IMAP_CHAIN asks for so many messages of each user.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mailferry_core::settings::{AgentKind, Side};
use mailferry_mailbed::compare::compare_kept;
use mailferry_mailbed::corpus::{Corpus, Random};
use mailferry_mailbed::fill;
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Courier, Dovecot, Format, Kind, Options, Server};
use mailferry_mailbed::tap::Tap;
use mailferry_tests::{Bed, Plan, Services, asked_number, prove_mailbox, seed, wait_until};
use tempfile::TempDir;

use super::kit::*;

const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing more goes over a wire for now.
const LULL: Duration = Duration::from_secs(3);

/// As `migrate` has them: reading, carrying and writing overlap.
const SMALL_CONTAINERS: &str = "[settings.source]\nContainerSizeMax = \"4 MiB\"\nCompressionLevel = 1";

struct Chain {
    bed: Bed,
    source: Server,
    target: Server,
    users: usize,
    // Passwords lie here.
    _dir: TempDir,
}

fn options(format: Format, users: usize) -> Options {
    Options { users, escapes_names: true, ..Options::format(format) }
}

impl Chain {
    /// Every user of the corpus as a mailbox of a project with one node on each side.
    fn new(corpus: &Corpus, (source, target): (Server, Server), ways: [SocketAddr; 2], settings: &str) -> Chain {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let plan = (1..=corpus.users).fold(Plan::new(1, 1), |plan, user| {
            let (from, to) = (url_at(ways[0], &source.user(user), dir.path()), url_at(ways[1], &target.user(user), dir.path()));
            plan.mailbox(&source.user(user).0, &from, &to)
        });
        let bed = plan.settings(settings).settings("[settings.target]\nApplyDeletions = true").build();
        Chain { bed, source, target, users: corpus.users, _dir: dir }
    }

    fn is_whole(&self) {
        for user in 1..=self.users {
            let (mut here, mut there) = (self.source.talk(user).expect("a login"), self.target.talk(user).expect("a login"));
            let (report, changed) = compare_kept(&mut here, &mut there, self.target.kind()).expect("compared");
            assert!(report.is_clean(), "user {user}: {report}");
            if changed == 0 {
                prove_mailbox(self.bed.mailbox(&self.source.user(user).0));
            }
        }
    }

    /// A session of every agent finds nothing to do.
    fn is_quiet(&self) {
        assert!(self.bed.round(), "a second pass did something");
    }
}

fn two(kind: Kind, users: usize) -> Option<(Server, Server)> {
    if !is_ready(&[Kind::Dovecot, kind]) {
        return None;
    }
    let source = Dovecot::start(options(Format::Maildir, users)).expect("Dovecot starts");
    let target = match kind {
        Kind::Courier => Courier::start(options(Format::Maildir, users)),
        _ => Dovecot::start(options(Format::Mdbox, users)),
    };
    Some((source, target.expect("a server")))
}

fn all_arrives_once(kind: Kind) {
    let corpus = Corpus::new(11, 3, 80);
    let Some((source, target)) = two(kind, corpus.users) else { return };
    fill::users(&source, &corpus).expect("filled");
    let ways = [source.address(), target.address()];
    let chain = Chain::new(&corpus, (source, target), ways, "");
    chain.bed.settle();
    chain.is_whole();
    chain.is_quiet();
    let change = Change { new: 20, flags: 10, deletions: 5 };
    mutate(&mut chain.source.talk(1).expect("a login"), &corpus, "later", change).expect("changed");
    chain.bed.settle();
    chain.is_whole();
    chain.is_quiet();
}

#[test]
fn from_dovecot_to_dovecot_through_agents_all_arrives_once() {
    all_arrives_once(Kind::Dovecot);
}

#[test]
fn from_dovecot_to_courier_through_agents_all_arrives_once() {
    all_arrives_once(Kind::Courier);
}

/// Source and target agent die when so many bytes have gone over their wires, the transmission agents with them now and then.
#[test]
fn agents_that_are_killed_lose_nothing_and_double_nothing() {
    let corpus = Corpus::new(12, 3, 100);
    let Some((source, target)) = two(Kind::Dovecot, corpus.users) else { return };
    let bytes: u64 = (1..=corpus.users).map(|user| corpus.user(user).bytes()).sum();
    fill::users(&source, &corpus).expect("filled");
    let taps = [source.address(), target.address()].map(|address| Tap::to(address).expect("a tap"));
    let ways = [taps[0].address(), taps[1].address()];
    let chain = Chain::new(&corpus, (source, target), ways, "");
    let kills = asked_number("MAILFERRY_IMAP_KILLS").unwrap_or(12);
    let mut random = Random::new(seed("killed agents"), "chain");
    let mut services = Services::all(&chain.bed);
    let mut hits = 0;
    for _ in 0..kills {
        // Both wires hold still at their byte, and the agent at the one that came there first is killed.
        let (tell, told) = mpsc::channel();
        let mut held = Vec::new();
        for side in [Side::Source, Side::Target] {
            let (tell, (go_on, may_go_on)) = (tell.clone(), mpsc::channel::<()>());
            held.push(go_on);
            taps[side as usize].after(random.below(bytes / kills), move || {
                let _ = (tell.send(side), may_go_on.recv_timeout(PATIENCE));
            });
        }
        let reached = told.recv_timeout(LULL).ok();
        hits += u64::from(reached.is_some());
        let side = reached.unwrap_or(Side::Source);
        let node = chain.bed.nodes(side)[0].clone();
        let [first, second] = side.agents();
        services.kill(&node, if first == AgentKind::Transmission { second } else { first });
        if random.below(3) == 0 {
            services.kill(&node, AgentKind::Transmission);
        }
        for tap in &taps {
            tap.forget();
        }
        drop(held);
        services.start_missing();
    }
    services.settle(PATIENCE);
    drop(services);
    eprintln!("{hits} of {kills} kills hit an agent at work");
    chain.is_whole();
    chain.is_quiet();
    assert!(hits * 3 >= kills, "only {hits} of {kills} kills hit");
}

#[test]
fn the_chain_beside_migrate() {
    let Some(messages) = asked_number("MAILFERRY_IMAP_CHAIN") else { return };
    let corpus = Corpus::new(13, 4, messages as usize);
    let Some((source, target)) = two(Kind::Dovecot, corpus.users) else { return };
    fill::users(&source, &corpus).expect("filled");
    let (other, dir) = (Dovecot::start(options(Format::Mdbox, corpus.users)).expect("Dovecot"), tempfile::tempdir().expect("a folder"));
    let began = Instant::now();
    for user in 1..=corpus.users {
        let work = dir.path().join(format!("work{user}"));
        migrate(&url(&source, user, dir.path()), &url(&other, user, dir.path()), &work);
    }
    let direct = began.elapsed();
    let ways = [source.address(), target.address()];
    let chain = Chain::new(&corpus, (source, target), ways, SMALL_CONTAINERS);
    let wanted: usize = (1..=corpus.users).map(|user| corpus.user(user).mail.len()).sum();
    let began = Instant::now();
    let mut services = Services::all(&chain.bed);
    let arrived = || (1..=corpus.users).map(|user| doveadm_count(&chain.target, user)).sum::<usize>();
    wait_until("all has arrived", PATIENCE, || arrived() >= wanted);
    let through = began.elapsed();
    services.settle(PATIENCE);
    drop(services);
    chain.is_whole();
    chain.is_quiet();
    eprintln!(
        "{wanted} messages: migrate {:.2} s, through the agents {:.2} s, {:.2} times",
        direct.as_secs_f64(),
        through.as_secs_f64(),
        through.as_secs_f64() / direct.as_secs_f64()
    );
}

/// Asked over one session that goes on.
fn doveadm_count(server: &Server, user: usize) -> usize {
    let name = server.user(user).0;
    let said = Dovecot::doveadm(server, &["mailbox", "status", "-u", &name, "-t", "messages", "*"]).unwrap_or_default();
    said.trim().rsplit('=').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
