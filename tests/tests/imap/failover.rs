//! A target store of two real Dovecots behind one address, and its data guarantee: what is not flushed is kept until the second node has
//! it, and when that node takes over without it, it comes back from what was kept (R70, R74, R78).

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

    /// What changes while it is read cannot be compared, and is not whole yet.
    fn is_whole_at(&self, server: &Server) -> bool {
        let (mut here, mut there) = (self.source.talk(1).expect("a login"), server.talk(1).expect("a login"));
        compare(&mut here, &mut there).is_ok_and(|report| report.is_clean())
    }

    /// What users do while the copy is away: new mail, a new folder, marks, a move, a deletion.
    fn work(&self) {
        self.mail(&["four", "five"]);
        let mut talk = self.source.talk(1).expect("a login");
        for line in [
            "CREATE Kept",
            "SELECT INBOX",
            "STORE 1 +FLAGS (\\Deleted)",
            "EXPUNGE",
            "STORE 1 +FLAGS (\\Answered $Label1)",
            "UID MOVE 3 Kept",
        ] {
            talk.ok(line).expect(line);
        }
        talk.append("Kept", "(\\Flagged)", b"Subject: seven\r\n\r\nText of seven\r\n").expect("appended");
    }

    fn stalls(&self) -> Vec<String> {
        let report = self.bed.report(&self.target(), AgentKind::Target);
        report.map(|report| report.stalls.into_iter().map(|stall| format!("{}: {}", stall.what, stall.why)).collect()).unwrap_or_default()
    }

    /// The stall as the administrator sees it: which mailbox, what state, which copy.
    fn stalls_for_copy_b(&self) {
        let told = |stall: &String| stall.contains("u01") && stall.contains("StalledDueToHA") && stall.contains("copy B ");
        wait_until("the stall names the copy", PATIENCE, || self.stalls().iter().any(told));
    }

    /// The source has an answer to everything it has sent.
    fn is_answered(&self) -> bool {
        let report = self.bed.report(&self.bed.nodes(Side::Source)[0], AgentKind::Source);
        report.is_some_and(|report| report.containers > 0 && report.containers == report.containers_answered)
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
fn containers_are_kept_while_the_copy_is_away_and_go_by_themselves_when_it_is_back() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let [one, mut two] = Dovecot::pair(&Options::default()).expect("two Dovecots");
    let stage = Stage::new(&one);
    stage.mail(&["one", "two", "three"]);
    let mut services = Services::all(&stage.bed);
    wait_until("the copy has it and the container is gone", PATIENCE, || stage.is_whole_at(&one) && stage.kept() == 0);

    two.kill();
    stage.work();
    wait_until("the active copy has it, and the source its answers", PATIENCE, || stage.is_whole_at(&one) && stage.is_answered());
    stage.stalls_for_copy_b();
    // Nor does it go with a restart of the agent, or after many more questions.
    let asked = stage.kept();
    services.kill(&stage.target(), AgentKind::Target);
    services.start_missing();
    let lasts = |stall: &String| (3..60).any(|seconds| stall.contains(&format!("StalledDueToHA for {seconds} s")));
    wait_until("it lasts for seconds", PATIENCE, || stage.stalls().iter().any(lasts));
    assert!(asked > 0 && stage.kept() >= asked, "{asked} containers were kept, and {} are", stage.kept());

    two.restart().expect("B is back");
    wait_until("the containers go by themselves", PATIENCE, || stage.kept() == 0 && stage.stalls().is_empty());
    assert!(stage.is_whole_at(&two), "gone, and the copy lacks something");
    services.assert_running();
    stage.mail(&["eight"]);
    wait_until("all goes on", PATIENCE, || stage.is_whole_at(&two) && stage.kept() == 0);
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
    stage.work();
    wait_until("the active copy has it, and the source its answers", PATIENCE, || stage.is_whole_at(&one) && stage.is_answered());
    stage.stalls_for_copy_b();
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
