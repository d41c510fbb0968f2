//! The log file: at its size limit it becomes `<agent>.log.1.zst`, packed, and so on up to the number kept. Each line is written whole in
//! one call: two threads never mix their words.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone)]
pub(super) struct Rotating(Arc<Mutex<Rotation>>);

struct Rotation {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: u32,
}

impl Rotating {
    pub fn open(path: &Path, bytes_max: u64, files_max: u32) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(path)?;
        let bytes = file.metadata()?.len();
        Ok(Rotating(Arc::new(Mutex::new(Rotation { path: path.into(), file, bytes, bytes_max, files_max }))))
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Rotation {
    /// Nothing has happened where this fails: the log grows on, and it is tried again when as much has come again.
    fn turn(&mut self) -> io::Result<()> {
        self.bytes = 0;
        self.put_away()?;
        let aside = self.aside();
        fs::rename(&self.path, &aside)?;
        match append_to(&self.path) {
            Ok(file) => self.file = file,
            Err(error) => return fs::rename(&aside, &self.path).and(Err(error)),
        }
        self.put_away()
    }

    /// Closed, and not among the numbered ones yet.
    fn aside(&self) -> PathBuf {
        PathBuf::from(format!("{}.0", self.path.display()))
    }

    /// What was closed becomes number 1, packed, or, where that cannot be, as it is. The others count up first: the first that cannot ends it.
    fn put_away(&self) -> io::Result<()> {
        let aside = self.aside();
        if !aside.is_file() {
            return Ok(());
        }
        let plain = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        let packed = |number: u32| PathBuf::from(format!("{}.{number}.zst", self.path.display()));
        let is_there = |done: io::Result<()>| match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        };
        // Up to the first number that is free nothing has to move.
        let free = (1..self.files_max).find(|number| !plain(*number).exists() && !packed(*number).exists());
        let last = free.unwrap_or(self.files_max);
        [plain(last), packed(last)].iter().try_for_each(|path| is_there(fs::remove_file(path)))?;
        for number in (1..last).rev() {
            is_there(fs::rename(plain(number), plain(number + 1)))?;
            is_there(fs::rename(packed(number), packed(number + 1)))?;
        }
        fs::rename(&aside, plain(1))?;
        let _stays_as_it_is = pack(&plain(1), &packed(1));
        Ok(())
    }
}

/// A log stays as it was until all of it is packed.
fn pack(plain: &Path, packed: &Path) -> io::Result<()> {
    let part = packed.with_extension("part");
    let mut encoder = zstd::Encoder::new(File::create(&part)?, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut File::open(plain)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(&part, packed)?;
    fs::remove_file(plain)
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut rotation = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rotation.bytes > 0 && rotation.bytes + line.len() as u64 > rotation.bytes_max {
            // A log that cannot be turned grows; it does not lose lines.
            let _ = rotation.turn();
        }
        rotation.file.write_all(line)?;
        rotation.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Rotating {
    type Writer = Rotating;

    fn make_writer(&'a self) -> Rotating {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const LINES: usize = 2_000;

    fn read(path: &Path) -> String {
        let mut text = String::new();
        let file = File::open(path).expect("a log");
        if path.extension().is_some_and(|ending| ending == "zst") {
            zstd::Decoder::new(file).and_then(|mut log| log.read_to_string(&mut text)).expect("a packed log");
        } else {
            io::BufReader::new(file).read_to_string(&mut text).expect("a log");
        }
        text
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_log_that_is_turned_while_two_threads_write_loses_no_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Rotating::open(&folder.path().join("source.log"), 10_000, 1_000).expect("a log");
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let mut log = log.clone();
                scope.spawn(move || (0..LINES).for_each(|line| log.write_all(format!("{thread} {line}\n").as_bytes()).expect("a line")));
            }
        });
        let names = names(folder.path());
        assert!(names.len() > 2 && names.iter().all(|name| name == "source.log" || name.ends_with(".zst")), "{names:?}");
        let mut lines: Vec<String> =
            names.iter().flat_map(|name| read(&folder.path().join(name)).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.sort();
        let mut wanted: Vec<String> = (0..2).flat_map(|thread| (0..LINES).map(move |line| format!("{thread} {line}"))).collect();
        wanted.sort();
        assert!(lines == wanted, "{} of {} lines", lines.len(), wanted.len());
    }

    #[test]
    fn so_many_logs_are_kept_packed_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        // Packing fails at first: something is in the way.
        fs::create_dir(path("source.log.1.part")).expect("a folder");
        let mut log = Rotating::open(&path("source.log"), 4, 3).expect("a log");
        log.write_all(b"one\n").and_then(|()| log.write_all(b"two\n")).expect("lines");
        assert_eq!(read(&path("source.log.1")), "one\n");
        fs::remove_dir(path("source.log.1.part")).expect("a folder");
        log.write_all(b"three\n").and_then(|()| log.write_all(b"four\n")).expect("lines");
        assert_eq!(names(folder.path()), ["source.log", "source.log.1.zst", "source.log.2.zst", "source.log.3"]);
        assert_eq!(read(&path("source.log.1.zst")) + &read(&path("source.log.2.zst")) + &read(&path("source.log.3")), "three\ntwo\none\n");
        log.write_all(b"five\n").expect("a line");
        assert_eq!(names(folder.path()), ["source.log", "source.log.1.zst", "source.log.2.zst", "source.log.3.zst"]);
    }

    #[test]
    fn a_log_that_cannot_be_turned_grows_and_takes_none_of_the_others_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let mut log = Rotating::open(&path("source.log"), 4, 2).expect("a log");
        ["one\n", "two\n", "six\n"].iter().for_each(|line| log.write_all(line.as_bytes()).expect("a line"));
        // In the way of what is closed.
        fs::create_dir_all(path("source.log.0/x")).expect("a folder");
        (0..9).for_each(|_| log.write_all(b"ten\n").expect("a line"));
        assert_eq!(names(folder.path()), ["source.log", "source.log.0", "source.log.1.zst", "source.log.2.zst"]);
        assert_eq!(read(&path("source.log.1.zst")) + &read(&path("source.log.2.zst")), "two\none\n");
        assert_eq!(read(&path("source.log")), format!("six\n{}", "ten\n".repeat(9)));
    }
}
