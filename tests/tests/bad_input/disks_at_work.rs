//! Disks that fill up, turn read-only or go away while services work, and come back: agents say what they wait for, nothing counts
//! as deleted, and everything goes on by itself (R23, R34, R44, R50).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry_core::engine::SessionEnd;
use mailferry_core::settings::AgentKind;
use mailferry_tests::damage::SmallDisk;
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Plan, Services, prove, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const KIB: u32 = 16 << 10;

fn site() -> Bed {
    let settings =
        "CcrDeletedItemsTouchInterval = \"1s\"\n[settings.source]\nContainerItemsMax = 15\n[settings.target]\nApplyDeletions = true";
    Plan::new(2, 2).sample("alice", 60).sample_to("bob", 30, "mbox").settings(settings).build()
}

/// Half of the work is done when the trouble begins.
fn begun(bed: &Bed) -> Services<'_> {
    let services = Services::all(bed);
    wait_until("the first containers are applied", PATIENCE, || {
        bed.report(&bed.nodes(mailferry_core::settings::Side::Source)[0], AgentKind::Source).is_some_and(|report| report.containers > 0)
    });
    services
}

fn users_work(bed: &Bed, times: usize) {
    for (name, seed) in [("alice", 11), ("bob", 12)] {
        let mut user = User::of(&bed.path("mail/old").join(name), seed + times as u64);
        (0..times).for_each(|_| user.work());
    }
}

/// Some agent says in its status what it waits for.
fn says(bed: &Bed, reason: &str) -> bool {
    bed.agents().into_iter().filter_map(|(node, kind)| bed.report(&node, kind)).any(|report| {
        let held = matches!(&report.end, SessionEnd::HeldUp(why) if why.contains(reason));
        held || report.stalls.iter().any(|stall| stall.why.contains(reason))
    })
}

/// And all of them live on.
fn wait_for_reason(bed: &Bed, services: &mut Services<'_>, reason: &str) {
    wait_until(&format!("a status says `{reason}`"), PATIENCE, || {
        services.assert_running();
        says(bed, reason)
    });
}

/// With the trouble over, all comes to rest, and every item is at the target once.
fn ends_well(bed: &Bed, mut services: Services<'_>) {
    services.settle(PATIENCE);
    drop(services);
    prove(bed);
}

/// The places of a site that fill up or turn read-only, each on a disk of its own.
fn places(bed: &Bed) -> [PathBuf; 4] {
    [bed.share("SRC1"), bed.share("SRC2"), bed.share("TGT1"), bed.path("mail/new")]
}

/// Takes all the room of a disk, and what becomes free meanwhile.
struct Filler(PathBuf, fs::File);

impl Filler {
    fn of(folder: &Path) -> Filler {
        let place = folder.join("filler");
        let file = fs::File::create(&place).expect("a file");
        let mut filler = Filler(place, file);
        filler.fill();
        filler
    }

    fn fill(&mut self) {
        for bytes in [1 << 20, 4096, 1] {
            while self.1.write_all(&vec![7; bytes]).is_ok() {}
        }
    }

    fn remove(self) {
        fs::remove_file(&self.0).expect("room");
    }
}

#[test]
fn a_disk_that_fills_up_in_mid_run_is_named_and_work_goes_on_when_there_is_room() {
    for at in 0..4 {
        let bed = site();
        let place = &places(&bed)[at];
        let Some(disk) = SmallDisk::mount(place, KIB) else { return };
        let mut services = begun(&bed);
        let mut filler = Filler::of(place);
        users_work(&bed, 4);
        wait_until("a status says what is full", PATIENCE, || {
            filler.fill();
            services.assert_running();
            says(&bed, "No space left")
        });
        filler.remove();
        ends_well(&bed, services);
        drop(disk);
    }
}

/// Neither database nor status nor log can be written: the process waits and loses nothing.
#[test]
fn an_agent_whose_home_is_full_waits_and_goes_on_when_there_is_room() {
    for (node, kind) in [("SRC1", AgentKind::Source), ("SRC1", AgentKind::Transmission), ("TGT1", AgentKind::Target)] {
        let bed = site();
        let home = bed.path(node).join("agents").join(kind.name());
        let Some(disk) = SmallDisk::mount(&home, KIB) else { return };
        bed.commit();
        let mut services = begun(&bed);
        let filler = Filler::of(&home);
        users_work(&bed, 40);
        let before = |kind: AgentKind| bed.report(node, kind).map(|report| report.started_ms);
        let (full, other) = (before(kind), if kind == AgentKind::Transmission { AgentKind::Source } else { AgentKind::Transmission });
        let seen = before(other);
        wait_until("others go on", PATIENCE, || before(other) > seen);
        services.assert_running();
        assert_eq!(before(kind), full, "a status that cannot be written stays as it was");
        filler.remove();
        ends_well(&bed, services);
        drop(disk);
    }
}

#[test]
fn a_damaged_container_is_not_dropped_while_there_is_no_room_to_keep_it() {
    let bed = Plan::new(1, 1).sample("alice", 30).settings(crate::SMALL_CONTAINERS).build();
    let share = bed.share("TGT");
    let Some(_disk) = SmallDisk::mount(&share, KIB) else { return };
    crate::delivered(&bed);
    let damaged = mailferry_tests::damage::files(&share.join("NTA/IN/SRC")).remove(0);
    mailferry_tests::damage::flip_a_byte(&damaged);
    let filler = Filler::of(&share);
    let report = bed.once("TGT", AgentKind::Target);
    assert!(report.stalls.iter().any(|stall| stall.why.contains("could not be copied to CORRUPT")), "{report:?}");
    assert!(damaged.is_file(), "it stays where it is");
    filler.remove();
    bed.settle();
    assert_eq!(mailferry_tests::damage::files(&share.join("NTA/CORRUPT/SRC")).len(), 1);
    prove(&bed);
}

/// More sessions than a container has attempts.
#[test]
fn an_mbox_that_another_program_uses_is_waited_for_and_no_container_given_up() {
    let bed = Plan::new(1, 1).sample_to("bob", 30, "mbox").settings("[settings.target]\nImportAttemptsMax = 2").build();
    crate::delivered(&bed);
    let lock = bed.path("mail/new/bob/INBOX.lock");
    fs::create_dir_all(bed.path("mail/new/bob")).and_then(|()| fs::write(&lock, "4711")).expect("the lock of another program");
    for _ in 0..4 {
        let report = bed.once("TGT", AgentKind::Target);
        assert!(report.stalls.iter().any(|stall| stall.why.contains("another program is using it")), "{report:?}");
    }
    fs::remove_file(lock).expect("the other program is done");
    bed.settle();
    assert!(mailferry_tests::damage::files(&bed.share("TGT").join("NTA/ARCHIVE/SRC")).is_empty(), "nothing is given up");
    prove(&bed);
}

#[test]
fn a_disk_that_turns_read_only_in_mid_run_is_named_and_work_goes_on_when_it_can_be_written() {
    for at in 0..4 {
        let bed = site();
        let place = &places(&bed)[at];
        let Some(disk) = SmallDisk::mount(place, KIB) else { return };
        let mut services = begun(&bed);
        wait_until("nobody writes there for a moment", PATIENCE, || disk.remount("ro"));
        users_work(&bed, 4);
        wait_for_reason(&bed, &mut services, "Read-only file system");
        assert!(disk.remount("rw"));
        ends_well(&bed, services);
    }
}

#[cfg(target_os = "linux")]
mod gone {
    use super::{PATIENCE, begun, ends_well, site, users_work, wait_for_reason};
    use mailferry_core::settings::AgentKind;
    use mailferry_tests::damage::files;
    use mailferry_tests::power::{Disk, can_cut};
    use mailferry_tests::{Bed, prove, wait_until};
    use std::fs;

    /// A mount inside which the share lies, and, worse, the share itself a mount: what is left then is an empty folder.
    fn an_unmounted_share_is_away(node: &str, inside: bool) {
        let bed = site();
        let disk_of = if inside { bed.path(node).join("share-disk") } else { bed.share(node) };
        let disk = Disk::make(&bed.path("image"), &disk_of, "ext4").expect("a disk");
        if inside {
            fs::create_dir(disk_of.join("share")).and_then(|()| fs::remove_dir(bed.share(node))).expect("a share on its disk");
            std::os::unix::fs::symlink(disk_of.join("share"), bed.share(node)).expect("a link");
        }
        let mut services = begun(&bed);
        if !inside {
            // Only who has seen the share in use can tell that it is bare.
            services.settle(PATIENCE);
        }
        disk.go_away();
        users_work(&bed, 4);
        wait_for_reason(&bed, &mut services, "the share is not there");
        assert_eq!(fs::read_dir(&disk_of).expect("a bare mount point").count(), 0, "nothing is made behind the mount");
        disk.come_back();
        ends_well(&bed, services);
        disk.go_away();
    }

    /// More sessions than a container has attempts.
    #[test]
    fn while_the_disk_of_the_target_store_is_dead_no_container_is_given_up() {
        if !can_cut("ext4") {
            return;
        }
        let bed = site();
        let disk = Disk::make(&bed.path("image"), &bed.path("mail/new"), "ext4").expect("a disk");
        let mut services = begun(&bed);
        services.freeze();
        disk.cut().expect("a dead disk");
        services.thaw();
        users_work(&bed, 4);
        wait_for_reason(&bed, &mut services, "Input/output error");
        let sessions = |bed: &Bed| bed.report("TGT1", AgentKind::Target).map_or(0, |report| report.started_ms);
        for _ in 0..7 {
            let before = sessions(&bed);
            wait_until("another session", PATIENCE, || sessions(&bed) > before);
        }
        ["TGT1", "TGT2"].iter().for_each(|node| services.kill(node, AgentKind::Target));
        disk.come_back();
        ["TGT1", "TGT2"].iter().for_each(|node| services.start(node, AgentKind::Target));
        services.settle(PATIENCE);
        drop(services);
        assert!(files(&bed.share("TGT1").join("NTA/ARCHIVE/SRC")).is_empty(), "nothing is given up");
        prove(&bed);
    }

    #[test]
    fn a_share_that_is_unmounted_in_mid_run_is_away_and_nothing_counts_as_deleted() {
        if can_cut("ext4") {
            for node in ["SRC1", "SRC2", "TGT1", "TGT2"] {
                an_unmounted_share_is_away(node, node.ends_with('1'));
                an_unmounted_share_is_away(node, node.ends_with('2'));
            }
        }
    }
}

#[test]
fn a_share_that_is_moved_away_in_mid_run_is_away_and_nothing_counts_as_deleted() {
    for node in ["SRC1", "SRC2", "TGT1", "TGT2"] {
        let bed = site();
        let mut services = begun(&bed);
        let gone = crate::disks::Away::take(bed.share(node));
        users_work(&bed, 4);
        wait_for_reason(&bed, &mut services, "the share is not there");
        assert!(!bed.share(node).exists(), "a missing share is not made");
        drop(gone);
        ends_well(&bed, services);
    }
}
