//! A target store of two real Dovecots behind one address, and its data guarantee: what is not flushed is kept, and when the second node
//! takes over without it, it comes back from what was kept (R70, R78).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_mailbed::compare::compare;
use mailferry_mailbed::servers::{Dovecot, Kind, Options, Server};
use mailferry_mailbed::tap::Tap;
use mailferry_tests::{Bed, Plan, Services, wait_until};
use tempfile::TempDir;

use super::kit::*;

const PATIENCE: Duration = Duration::from_secs(120);

struct Stage {
    source: Server,
    /// Where the target's address leads to.
    way: Tap,
    bed: Bed,
    dir: TempDir,
}

/// What the operator writes: `active` serves, `passive` is the copy.
fn providers(dir: &Path, active: (&str, &Server), passive: &str) -> PathBuf {
    let file = dir.join("guarantee.toml");
    let config = active.1.folder().join("dovecot.conf");
    let text = format!(
        "[[stores]]\nmatch = \"imap://*\"\nprovider = \"dovecot\"\noptions = [\"-c\", {config:?}]\n\
         active = {{ name = {:?} }}\npassive = {{ name = {passive:?} }}\n",
        active.0
    );
    std::fs::write(&file, text).expect("written");
    file
}

impl Stage {
    fn new(one: &Server) -> Stage {
        let source = Dovecot::start(Options::default()).expect("a Dovecot");
        let (dir, way) = (tempfile::tempdir().expect("a folder"), Tap::to(one.address()).expect("a tap"));
        let providers = providers(dir.path(), ("A", one), "B");
        let at = |address: SocketAddr| url_at(address, &source.user(1), dir.path());
        let settings = format!(
            "[settings.target]\nApplyDeletions = true\nDataMoveReplicationConstraint = \"SecondCopy\"\nCopyStatusProviders = {providers:?}\n\
             GuaranteeAskInterval = \"1s\"\nJournalRollAfter = \"1s\""
        );
        let bed = Plan::new(1, 1).mailbox("u01", &at(source.address()), &at(way.address())).settings(&settings).build();
        Stage { source, way, bed, dir }
    }

    fn mail(&self, subjects: &[&str]) {
        let mut talk = self.source.talk(1).expect("a login");
        for subject in subjects {
            talk.append("INBOX", "()", format!("Subject: {subject}\r\n\r\nText of {subject}\r\n").as_bytes()).expect("appended");
        }
    }

    fn is_whole_at(&self, server: &Server) -> bool {
        let (mut here, mut there) = (self.source.talk(1).expect("a login"), server.talk(1).expect("a login"));
        compare(&mut here, &mut there).expect("compared").is_clean()
    }

    fn kept(&self) -> usize {
        let inbox = self.bed.share(&self.bed.nodes(Side::Target)[0]).join("NTA/IN");
        let listed = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
        listed(inbox).flat_map(|lane| listed(lane.path())).count()
    }

    fn target(&self) -> String {
        self.bed.nodes(Side::Target)[0].clone()
    }

    fn log(&self) -> String {
        self.bed.log(&self.target(), AgentKind::Target)
    }
}

#[test]
fn what_a_store_loses_in_a_failover_comes_back_from_the_containers_that_are_kept() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let [mut one, mut two] = Dovecot::pair(&Options::default()).expect("two Dovecots");
    let stage = Stage::new(&one);
    stage.mail(&["one", "two", "three"]);
    let mut services = Services::all(&stage.bed);
    wait_until("the copy has it and the container is gone", PATIENCE, || stage.is_whole_at(&one) && stage.kept() == 0);
    assert!(stage.is_whole_at(&two), "what is not kept any more is in both copies");

    two.kill();
    stage.mail(&["four", "five"]);
    let mut talk = stage.source.talk(1).expect("a login");
    talk.ok("SELECT INBOX").and_then(|_| talk.ok("STORE 1 +FLAGS (\\Deleted)")).and_then(|_| talk.ok("EXPUNGE")).expect("deleted");
    wait_until("the active copy has it", PATIENCE, || stage.is_whole_at(&one));
    let stalls = || stage.bed.report(&stage.target(), AgentKind::Target).map(|report| report.stalls).unwrap_or_default();
    wait_until("the stall says why", PATIENCE, || {
        stalls().iter().any(|stall| stall.why.contains("copy B does not say how far it has replayed"))
    });
    assert!(stage.kept() > 0, "kept while the copy is away");

    one.kill();
    two.restart().expect("B is back");
    stage.way.lead_to(two.address());
    providers(stage.dir.path(), ("B", &two), "A");
    services.kill(&stage.target(), AgentKind::Target);
    assert!(!stage.is_whole_at(&two), "the failover has lost something");
    services.start_missing();
    wait_until("the copy that took over has everything", PATIENCE, || stage.is_whole_at(&two));
    assert!(stage.kept() > 0, "kept still: there is one copy");
    assert!(stage.log().contains("has failed over from copy A to copy B"), "{}", stage.log());

    // A node that comes back with a tail of its own would bring it: it begins as a copy of B.
    let [there, here] = [&one, &two].map(|server| server.folder().join("mail"));
    std::fs::remove_dir_all(&there).expect("emptied");
    let copied = std::process::Command::new("cp").arg("-aT").args([&here, &there]).status();
    assert!(copied.is_ok_and(|status| status.success()));
    one.restart().expect("A is back");
    stage.mail(&["six"]);
    wait_until("containers go again", PATIENCE, || stage.is_whole_at(&two) && stage.kept() == 0);
    assert!(stage.is_whole_at(&one));
}
