//! A directory as a share: no more than the measurement needs, synced like the real one.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use mailferry_core::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space};

pub struct DirectoryShare(PathBuf);

struct Part(File);

impl DirectoryShare {
    pub fn new(root: PathBuf) -> Self {
        DirectoryShare(root)
    }

    fn path(&self, path: &SharePath) -> PathBuf {
        path.names().fold(self.0.clone(), |whole, name| whole.join(name))
    }

    fn sync_folder_of(&self, path: &SharePath) -> std::io::Result<()> {
        if cfg!(unix) { File::open(self.path(&path.parent()))?.sync_all() } else { Ok(()) }
    }
}

fn failed(place: &SharePath) -> impl Fn(std::io::Error) -> ShareError {
    let place = place.to_string();
    move |error| {
        let kind = if error.kind() == ErrorKind::NotFound { ShareErrorKind::NotFound } else { ShareErrorKind::Other };
        ShareError { kind, place: place.clone(), cause: error.to_string() }
    }
}

impl Write for Part {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl PartWriter for Part {
    fn sync(&mut self) -> Result<(), ShareError> {
        self.0.sync_all().map_err(failed(&SharePath::root()))
    }
}

impl Share for DirectoryShare {
    fn describe(&self) -> String {
        self.0.display().to_string()
    }

    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError> {
        let entries = match fs::read_dir(self.path(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(folder)(error)),
        };
        let files =
            entries.filter_map(|entry| entry.ok().and_then(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?))));
        let mut files: Vec<Entry> = files.filter(|(_, data)| data.is_file()).map(|(name, data)| Entry { name, size: data.len() }).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError> {
        Ok(fs::metadata(self.path(file)).ok().map(|data| data.len()))
    }

    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError> {
        Ok(Box::new(File::open(self.path(file)).map_err(failed(file))?))
    }

    fn part(&self, file: &SharePath, _keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        fs::create_dir_all(self.path(&file.parent())).map_err(failed(file))?;
        Ok(Box::new(Part(File::create(self.path(file)).map_err(failed(file))?)))
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        fs::rename(self.path(part), self.path(file)).and_then(|()| self.sync_folder_of(file)).map_err(failed(file))
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        let new = file.parent().join(&format!("{}.new", file.name())).ok_or_else(|| failed(file)(ErrorKind::InvalidInput.into()))?;
        let mut part = self.part(&new, 0)?;
        part.write_all(content).map_err(failed(file))?;
        part.sync()?;
        drop(part);
        self.publish(&new, file)
    }

    fn claim(&self, file: &SharePath, _content: &[u8]) -> Result<Claim, ShareError> {
        Err(failed(file)(ErrorKind::Unsupported.into()))
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        fs::rename(self.path(file), self.path(to)).map_err(failed(file))
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        fs::remove_file(self.path(file)).and_then(|()| self.sync_folder_of(file)).map_err(failed(file)).map(|()| Removed::Deleted)
    }

    fn settle(&self, folder: &SharePath) -> Result<(), ShareError> {
        match File::open(self.path(folder)).and_then(|folder| folder.sync_all()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(failed(folder)),
        }
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        Ok(None)
    }
}
