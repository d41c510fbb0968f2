//! Files that are read again only when they have changed. The agents replace a file whole, so that what is read is never half of it.

use std::collections::BTreeMap;
use std::io;
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

/// Size and time of a file say whether it is the one that was read.
type Stamp = (u64, Option<SystemTime>);

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
        Ok(about) => (about.len(), about.modified().ok()),
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
    let bytes = std::fs::read(path).map_err(|error| Unread::io(path, &error))?;
    work.bytes += bytes.len() as u64;
    let damaged = |error: serde_json::Error| Unread { text: format!("{}: {error}", path.display()), is_missing: false };
    serde_json::from_slice(&bytes).map(Arc::new).map_err(damaged)
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
}
