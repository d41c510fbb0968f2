//! Files that are read again only when they have changed. The agents replace a file whole, so that what is read is never half of it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

/// What looking has cost so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Files asked for their size and time.
    pub asked: u64,
    /// Files opened, and bytes read from them.
    pub opened: u64,
    pub bytes: u64,
}

/// Size, time and number of a file say whether it is the one that was read: within one tick of a coarse clock only the number is another.
type Stamp = (u64, Option<SystemTime>, u64);

/// Reports of tens of thousands of mailboxes are smaller by far. What is larger is none, and must not fill the memory of whoever looks.
pub const BYTES_MAX: u64 = 256 << 20;

pub struct Kept<T> {
    stamp: Stamp,
    value: Result<Arc<T>, Unread>,
}

/// Why a file could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    pub text: String,
    pub is_missing: bool,
}

impl Unread {
    fn io(path: &Path, error: &io::Error) -> Self {
        Unread { text: format!("{}: {error}", path.display()), is_missing: error.kind() == io::ErrorKind::NotFound }
    }
}

/// The value of a JSON file, from memory where it has not changed.
pub fn read_json<T: DeserializeOwned>(kept: &mut BTreeMap<PathBuf, Kept<T>>, path: &Path, work: &mut Work) -> Result<Arc<T>, Unread> {
    work.asked += 1;
    let stamp = match std::fs::metadata(path) {
        Ok(about) => (about.len(), about.modified().ok(), number(&about)),
        Err(error) => {
            kept.remove(path);
            return Err(Unread::io(path, &error));
        }
    };
    if let Some(kept) = kept.get(path).filter(|kept| kept.stamp == stamp) {
        return kept.value.clone();
    }
    let value = read(path, work);
    kept.insert(path.to_path_buf(), Kept { stamp, value: value.clone() });
    value
}

fn read<T: DeserializeOwned>(path: &Path, work: &mut Work) -> Result<Arc<T>, Unread> {
    work.opened += 1;
    let bytes = bytes(path, BYTES_MAX).map_err(|error| Unread::io(path, &error))?;
    work.bytes += bytes.len() as u64;
    let damaged = |error: serde_json::Error| Unread { text: format!("{}: {error}", path.display()), is_missing: false };
    serde_json::from_slice(&bytes).map(Arc::new).map_err(damaged)
}

/// The whole of a file that is one, such as no pipe, which would be waited for, and not too large.
pub fn bytes(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {bytes_max} bytes: no agent writes so much"))),
        false => Ok(bytes),
    }
}

#[cfg(unix)]
fn number(about: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(about)
}

/// Times of NTFS are fine enough.
#[cfg(not(unix))]
fn number(_about: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("n.json");
        let (mut kept, mut work) = (BTreeMap::new(), Work::default());
        let mut read = |work: &mut Work| read_json::<u64>(&mut kept, &path, work);
        assert!(read(&mut work).is_err_and(|error| error.is_missing));
        std::fs::write(&path, "41")?;
        assert_eq!([read(&mut work), read(&mut work)].map(|value| value.map(|value| *value)), [Ok(41), Ok(41)]);
        assert_eq!(work, Work { asked: 3, opened: 1, bytes: 2 });
        std::fs::write(&path, "410")?;
        assert_eq!(read(&mut work).map(|value| *value), Ok(410));
        std::fs::write(&path, "damaged")?;
        assert!(read(&mut work).is_err_and(|error| !error.is_missing && error.text.contains("n.json")));
        std::fs::remove_file(&path)?;
        assert!(read(&mut work).is_err_and(|error| error.is_missing), "what is gone is not shown as if it were there");
        Ok(())
    }

    #[test]
    fn a_file_that_took_the_place_of_another_is_read_though_size_and_time_are_the_same() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let [path, next] = ["n.json", "next"].map(|name| dir.path().join(name));
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        let (mut kept, mut work) = (BTreeMap::new(), Work::default());
        for number in if cfg!(unix) { [41, 42] } else { [41, 41] } {
            std::fs::write(&next, number.to_string())?;
            File::options().write(true).open(&next)?.set_modified(at)?;
            std::fs::rename(&next, &path)?;
            assert_eq!(read_json::<u64>(&mut kept, &path, &mut work).map(|value| *value), Ok(number));
        }
        Ok(())
    }

    #[test]
    fn what_is_no_file_or_too_large_is_not_read() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("n.json");
        std::fs::write(&path, "1234567")?;
        assert_eq!(bytes(&path, 7)?, b"1234567");
        assert!(bytes(&path, 6).is_err_and(|error| error.to_string().contains("more than 6 bytes")));
        assert!(bytes(dir.path(), 6).is_err_and(|error| error.to_string() == "it is no file"));
        Ok(())
    }
}
