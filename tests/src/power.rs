//! A disk whose power can be cut: a file system of its own in a file, and the call that ext4 and XFS offer for such tests. What
//! was not synced is gone when it is mounted again, and whoever has files open there gets errors.
//!
//! Needs root and loop devices. The programs: mkfs of the kind, and xfs_io, whose `shutdown` serves both kinds without writing the
//! journal out first.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::wait_until;

/// XFS makes no smaller ones. The file has holes: only what is written takes room.
const IMAGE_BYTES: u64 = 320 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Disk {
    image: RefCell<PathBuf>,
    pub place: PathBuf,
    mounted: Cell<bool>,
}

/// Whether disks of this kind can be made and cut here; says why, loudly, when not.
pub fn can_cut(kind: &str) -> bool {
    let dir = crate::scratch();
    match Disk::make(&dir.path().join("image"), &dir.path().join("place"), kind).and_then(|disk| disk.cut()) {
        Ok(()) => true,
        Err(cause) => {
            crate::skipped(&format!("no power of {kind} can be cut here: {cause}"));
            false
        }
    }
}

impl Disk {
    /// # Errors
    /// What cannot be done here, and why.
    pub fn make(image: &Path, place: &Path, kind: &str) -> Result<Disk, String> {
        let io = |error: std::io::Error| error.to_string();
        fs::create_dir_all(place).map_err(io)?;
        fs::File::create(image).and_then(|file| file.set_len(IMAGE_BYTES)).map_err(io)?;
        let force = if kind == "xfs" { "-f" } else { "-F" };
        run(&format!("mkfs.{kind}"), &["-q", force, &text(image)])?;
        let disk = Disk { image: RefCell::new(image.into()), place: place.into(), mounted: Cell::new(false) };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &text(&self.image.borrow()), &text(&self.place)])?;
        self.mounted.set(true);
        Ok(())
    }

    /// From now on nothing reaches the disk, and nothing that was not synced ever will.
    ///
    /// # Errors
    /// When xfs_io is not there.
    pub fn cut(&self) -> Result<(), String> {
        run("xfs_io", &["-x", "-c", "shutdown", &text(&self.place)])
    }

    /// Unmounted, as soon as nobody has files open there.
    pub fn go_away(&self) {
        if self.mounted.get() {
            // A dead disk cannot be synced.
            let _ = run("sync", &["-f", &text(&self.place)]);
            wait_until("nobody has files open on a disk", PATIENCE, || run("umount", &[&text(&self.place)]).is_ok());
            self.mounted.set(false);
        }
    }

    /// Mounted again; after a cut, with what had been synced. From a copy of the image: whoever copied our mounts into a name space of
    /// his own meanwhile keeps the old disk alive, dead as it is.
    pub fn come_back(&self) {
        self.go_away();
        let old = self.image.borrow().clone();
        let new = old.with_added_extension("new");
        run("cp", &["--sparse=always", &text(&old), &text(&new)])
            .and_then(|()| fs::remove_file(&old).map_err(|error| error.to_string()))
            .expect("a copy");
        self.image.replace(new);
        self.mount().expect("a disk can be mounted again");
    }

    /// Everything written so far stays.
    pub fn sync(&self) {
        run("sync", &["-f", &text(&self.place)]).expect("a disk can be synced");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted.get() {
            let _ = run("umount", &["--lazy", &text(&self.place)]);
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())) }
}
