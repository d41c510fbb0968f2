//! Rights in a share, one by one: a probe file is written, replaced by another, read and removed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use mailferry_core::ports::Clock;
use mailferry_core::settings::{ByteSize, Floor};

use super::{Examination, Grade};
use crate::files;

/// How far the clock of a share may be from ours. Epochs do not go by clocks; what waits for copies and ages debts does.
pub(super) const CLOCK_MAX_S: u64 = 30;

/// Below this even small files may fail.
const ROOM_MIN: u64 = 64 << 20;

/// A share, and for whom it is looked at.
pub struct Probe<'a> {
    pub who: &'a str,
    /// Such as `the share of S1`.
    pub what: String,
    pub place: &'a Path,
    /// The folder in which rights are needed; its parent, as long as nobody has made it.
    pub folder: &'a str,
    /// Room that must stay free.
    pub floor: Option<Floor>,
}

pub fn examine_share(probe: &Probe<'_>, clock: &dyn Clock, examination: &mut Examination) {
    let Probe { who, what, place, .. } = probe;
    examination.looks_at(format!("{who}: {what}, {}", place.display()));
    let reached = fs::metadata(place).and_then(|about| if about.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) });
    if let Err(error) = reached {
        let text = format!("{what} cannot be reached: {}: {error}", place.display());
        let hint = "mount it, or make the folder; name a folder inside the mount, not the mount point";
        return examination.finds(Grade::Error, "share.reach", who, text, hint);
    }
    rights(probe, clock, examination);
    room(probe, examination);
}

/// The folder itself, or the nearest above it that is there.
fn nearest(root: &Path, folder: &str) -> PathBuf {
    let mut place = root.to_path_buf();
    for name in folder.split('/') {
        let next = place.join(name);
        if !next.is_dir() {
            break;
        }
        place = next;
    }
    place
}

fn rights(probe: &Probe<'_>, clock: &dyn Clock, examination: &mut Examination) {
    let Probe { who, what, .. } = probe;
    let folder = nearest(probe.place, probe.folder);
    let name = |number: u8| folder.join(format!(".doctor-{}-{number}", std::process::id()));
    let (first, second) = (name(1), name(2));
    let mut finds = |check: &'static str, verb: &str, file: &Path, error: &io::Error| {
        let text = format!("in {what} files cannot be {verb}: {}: {error}", file.display());
        let hint = format!("give the account of the agent the right to write, rename and delete in {}", folder.display());
        examination.finds(Grade::Error, check, who, text, hint);
    };
    let written = write(&first, b"one");
    match &written {
        Err(error) => finds("share.write", "written", &first, error),
        Ok(at_ms) => {
            let replaced = write(&second, b"two").and_then(|_| files::rename_over(&second, &first));
            match (replaced, fs::read(&first)) {
                (Err(error), _) => finds("share.rename", "renamed over others", &first, &error),
                (Ok(()), Err(error)) => finds("share.read", "read", &first, &error),
                (Ok(()), Ok(bytes)) if bytes != b"two" => {
                    finds("share.read", "read back as they were written", &first, &io::ErrorKind::InvalidData.into());
                }
                (Ok(()), Ok(_)) => {}
            }
            for file in [&first, &second] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => finds("share.remove", "removed", file, &error),
                    _ => {}
                }
            }
            times(probe, *at_ms, clock, examination);
        }
    }
}

/// When the share says that it was written.
fn write(file: &Path, content: &[u8]) -> io::Result<u64> {
    let mut made = File::create(file)?;
    made.write_all(content)?;
    made.sync_all()?;
    let at = made.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(at.as_millis() as u64)
}

fn times(probe: &Probe<'_>, at_ms: u64, clock: &dyn Clock, examination: &mut Examination) {
    let Probe { who, what, .. } = probe;
    let now_ms = clock.now_ms();
    let apart_s = now_ms.abs_diff(at_ms) / 1000;
    if apart_s > CLOCK_MAX_S {
        let word = if at_ms > now_ms { "ahead of" } else { "behind" };
        let text = format!("the clock of {what} is {apart_s} seconds {word} the clock of this machine");
        examination.finds(Grade::Error, "clock", who, text, "set the clocks of all nodes by the same time server");
    }
}

fn room(probe: &Probe<'_>, examination: &mut Examination) {
    let Probe { who, what, .. } = probe;
    let space = match files::space(probe.place) {
        Ok(Some(space)) => space,
        Ok(None) => return,
        Err(error) => {
            let hint = "where the system cannot tell, look at the disk yourself";
            return examination.finds(Grade::Note, "space", who, format!("the room in {what} is not known: {error}"), hint);
        }
    };
    let floor = probe.floor.and_then(|floor| floor.bytes(Some(space.total_bytes))).unwrap_or_default().max(ROOM_MIN);
    if space.free_bytes < floor {
        let text = format!("{what} has {} bytes free, {} are needed: {}", space.free_bytes, ByteSize(floor), probe.place.display());
        let hint = "make room, or see why containers pile up there: `mailferry status`; FreeSpaceFloor is a setting";
        examination.finds(Grade::Error, "space", who, text, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    /// The clock of a machine that is set wrong.
    struct Ahead(u64);

    impl Clock for Ahead {
        fn now_ms(&self) -> u64 {
            SystemClock.now_ms() + self.0 * 1000
        }
    }

    fn found(clock: &dyn Clock, floor: Option<Floor>) -> Vec<&'static str> {
        let folder = tempfile::tempdir().expect("a folder");
        let probe = Probe { who: "t", what: "the share of S1".into(), place: folder.path(), folder: "NTA/IN", floor };
        let mut examination = Examination::default();
        examine_share(&probe, clock, &mut examination);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
        examination.found.iter().map(|found| found.check).collect()
    }

    #[test]
    fn a_clock_that_is_wrong_is_seen_by_the_times_of_files() {
        assert_eq!(found(&SystemClock, None), [""; 0]);
        assert_eq!(found(&Ahead(CLOCK_MAX_S - 5), None), [""; 0]);
        assert_eq!(found(&Ahead(CLOCK_MAX_S + 5), None), ["clock"]);
    }

    #[test]
    fn room_is_measured_against_the_floor() {
        assert_eq!(found(&SystemClock, Some(Floor::Percent(1))), [""; 0]);
        assert_eq!(found(&SystemClock, Some(Floor::Bytes(ByteSize(u64::MAX)))), ["space"]);
    }

    #[test]
    fn what_is_not_there_or_no_folder_is_not_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, b"x").expect("a file");
        for place in [file, folder.path().join("none")] {
            let probe = Probe { who: "t", what: "the witness of S".into(), place: &place, folder: "NTA", floor: None };
            let mut examination = Examination::default();
            examine_share(&probe, &SystemClock, &mut examination);
            assert_eq!(examination.found.iter().map(|found| found.check).collect::<Vec<_>>(), ["share.reach"]);
            assert!(!place.is_dir(), "nothing is made where a mount is missing");
        }
    }
}
