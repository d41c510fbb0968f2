//! mbox files as a target.
//!
//! Appends go to the end of the file, under lock, behind a journal of its length before them; changes and deletions are
//! collected and done by one rewrite of the file at `flush`. Within a flush all appends of all files are made durable
//! before the first rewrite: a move cut in two leaves the item in both folders, never in none, and doing it again ends it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mailferry_core::model::{Envelope, FolderInfo, FolderPath, ItemKey, Marks, TargetId, Token};
use mailferry_core::ports::{Appended, Blast, MailTarget, May, NewItem, Retry, StoreError, Wanted};

use super::rewrite::Edit;
use super::target_file::TargetFile;
use super::{block, folder_error, folders, journal};
use crate::files;

pub struct MboxTarget {
    root: PathBuf,
    files: BTreeMap<FolderPath, TargetFile>,
    /// Directories that got or lost names, or may have in a run that was killed: what is found there counts as done, and a
    /// journal that comes back after a power cut would undo what was recorded.
    made_in: BTreeSet<PathBuf>,
}

impl MboxTarget {
    /// Opens a file or a directory of files, making a directory when nothing is there, and undoes what a killed run left.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |error: &io::Error| StoreError::io(Blast::Mailbox, "open an mbox store", root.display().to_string(), error);
        let mut made_in = BTreeSet::new();
        if fs::symlink_metadata(root).is_err() {
            files::make_dirs(root).map_err(|error| failed(&error))?;
        }
        made_in.extend(root.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_path_buf));
        recover_all(root)?;
        Ok(MboxTarget { root: root.into(), files: BTreeMap::new(), made_in })
    }

    fn file(&mut self, folder: &FolderPath) -> Result<&mut TargetFile, StoreError> {
        if !self.files.contains_key(folder) {
            let path = folders::target_file(&self.root, folder)?;
            if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
                let cause = "it is not there, or is no file; a symbolic link is never followed";
                return Err(StoreError::new(Blast::Folder, Retry::Never, "use a folder", path.display().to_string(), cause));
            }
            let above = path.ancestors().skip(1).take_while(|dir| dir.starts_with(&self.root));
            self.made_in.extend(above.map(Path::to_path_buf));
            self.files.insert(folder.clone(), TargetFile::new(path));
        }
        self.files
            .get_mut(folder)
            .ok_or_else(|| StoreError::new(Blast::Folder, Retry::Later, "use a folder", folder.to_string(), "it is not open"))
    }

    fn make(&mut self, path: &Path) -> Result<(), StoreError> {
        let mut parents: Vec<&Path> =
            path.ancestors().skip(1).take_while(|dir| dir.starts_with(&self.root) && !files::is_dir(dir)).collect();
        parents.reverse();
        for dir in parents {
            fs::create_dir(dir).map_err(|error| folder_error("make a folder", dir, &error))?;
            self.made_in.extend(dir.parent().map(Path::to_path_buf));
        }
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => self.made_in.extend(path.parent().map(Path::to_path_buf)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_other_case(path)?,
            Err(error) => return Err(folder_error("make a folder", path, &error)),
        }
        Ok(())
    }

    fn commit(&mut self, may: May<'_>) -> Result<(), StoreError> {
        self.files.values_mut().try_for_each(|file| file.sync_appended(may))?;
        self.files.values_mut().try_for_each(|file| file.apply_edits(may))?;
        for dir in std::mem::take(&mut self.made_in) {
            files::sync_if_allowed(&dir).map_err(|error| folder_error("write a directory to disk", &dir, &error))?;
        }
        self.files.values_mut().for_each(TargetFile::release);
        Ok(())
    }
}

/// On a disk that does not tell cases apart, another folder may answer to this name: they are not merged.
fn refuse_other_case(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(dir).map_err(|error| folder_error("list a directory", dir, &error))?;
    if entries.flatten().any(|entry| Some(entry.file_name().as_os_str()) == path.file_name()) {
        return Ok(());
    }
    let cause = "a folder whose name differs in upper and lower case only is there, and this disk cannot hold both";
    Err(StoreError::new(Blast::Folder, Retry::Never, "make a folder", path.display().to_string(), cause)
        .hint("rename one of the two at the source"))
}

fn recover_all(root: &Path) -> Result<(), StoreError> {
    if root.is_file() {
        return journal::recover(root);
    }
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            // Not ours; and a file of ours is recovered once more before it is used.
            Err(error) if dir != root && error.kind() == io::ErrorKind::PermissionDenied => continue,
            entries => entries.map_err(|error| folder_error("list a directory", &dir, &error))?,
        };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => journal::owner(&entry.path()).map_or(Ok(()), |mbox| journal::recover(&mbox))?,
                _ => (),
            }
        }
    }
    Ok(())
}

pub(super) fn token_of(id: &TargetId) -> Option<Token> {
    std::str::from_utf8(&id.0).ok()?.parse().ok()
}

fn id_of(token: Token) -> TargetId {
    TargetId(token.to_string().into_bytes())
}

impl MailTarget for MboxTarget {
    fn describe(&self) -> String {
        format!("mbox:{}", self.root.display())
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        let path = folders::target_file(&self.root, &folder.path)?;
        if folder.selectable {
            self.make(&path)?;
            self.file(&folder.path)?;
        }
        Ok(folder.path.clone())
    }

    fn adopt(&mut self, _: HashSet<Token>) -> Result<(), StoreError> {
        let cause = "mbox files know a message that others have put there by nothing that stays";
        Err(StoreError::new(Blast::Mailbox, Retry::Never, "adopt what is there already", self.root.display().to_string(), cause)
            .hint("switch AdoptExisting off, or move into a Maildir or by IMAP"))
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        let file = self.file(folder)?;
        wanted.iter().map(|wanted| Ok(file.holds(wanted.token)?.then(|| id_of(wanted.token)))).collect()
    }

    fn date_of(&mut self, _: &FolderPath, _: &TargetId) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let file = self.file(folder)?;
        if file.holds(item.envelope.token)? {
            // Appended before, by this run or an earlier one: never doubled (R42).
            io::copy(body, &mut io::sink()).map_err(|error| folder_error("read a message to append", file.path(), &error))?;
        } else {
            file.append(item.envelope, item.size, body)?;
        }
        let keywords_lost = block::keywords_lost(&item.envelope.marks);
        Ok(Appended { keywords_lost, ..Appended::unaltered(id_of(item.envelope.token)) })
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let file = self.file(folder)?;
        let Some(token) = token_of(id) else { return Ok(None) };
        if !file.holds(token)? {
            return Ok(None);
        }
        file.edit(token, Edit::Marks(marks.clone()))?;
        Ok(Some(id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let Some(token) = token_of(id) else { return Ok(None) };
        let there = self.file(to)?.holds(token)?;
        if from == to {
            return Ok(there.then(|| id.clone()));
        }
        let source = self.file(from)?;
        if !source.holds(token)? {
            return Ok(there.then(|| id.clone()));
        }
        if !there {
            let Some((message, mut body)) = source.read(token)? else { return Ok(None) };
            let (key, date, sender) = (ItemKey(Vec::new()), message.date(), message.sender());
            let envelope = Envelope { token, key, marks: message.marks, date, sender };
            self.file(to)?.append(&envelope, message.size, &mut body)?;
        }
        self.file(from)?.edit(token, Edit::Remove)?;
        Ok(Some(id.clone()))
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let file = self.file(folder)?;
        match token_of(id) {
            Some(token) if file.holds(token)? => file.edit(token, Edit::Remove),
            _ => Ok(()),
        }
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        let done = self.commit(may);
        if done.is_err() {
            // Nothing is assumed: the journals undo what was appended when the files are next used.
            self.files.clear();
        }
        done
    }
}
