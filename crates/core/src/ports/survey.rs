//! What a target would do with what is to come, asked before anything is brought to it.

use super::{Blast, KeepsBeside, Lack, Quota, StoreError};
use crate::model::{FolderInfo, FolderPath};

/// One mailbox that is to be filled, looked at. Nothing here changes anything there: no folder is made, no mark is set, not even
/// what a session takes away by opening a folder.
pub trait TargetSurvey: Send {
    fn describe(&self) -> String;

    /// What is there already. Nothing at all where the mailbox is yet to be made.
    fn standing(&mut self) -> Result<Vec<Standing>, StoreError>;

    /// How the folder would be named. An error: it cannot be made, and why.
    fn naming(&mut self, folder: &FolderPath) -> Result<Naming, StoreError>;

    fn quotas(&mut self) -> Result<Vec<Quota>, StoreError> {
        Ok(Vec::new())
    }

    /// Bytes of the largest message that the folder would take; `None`: no limit is known.
    fn size_max(&mut self, folder: &FolderPath) -> Result<Option<u64>, StoreError> {
        let _ = folder;
        Ok(None)
    }

    /// Whether a keyword, or a system flag by its name, would be kept in the folder. Asked once for each that a folder has: those that
    /// were asked for before take their places. `None`: that cannot be told without changing something.
    fn keeps_mark(&mut self, folder: &FolderPath, mark: &str) -> Result<Option<bool>, StoreError>;

    fn keeps_beside(&mut self) -> KeepsBeside {
        KeepsBeside::default()
    }

    /// Of rights that somebody is to have: those that would not be given, and why.
    fn rights_lost(&mut self, who: &str, rights: &str) -> Option<(String, String)> {
        let _ = (who, rights);
        None
    }

    fn keeps_special_uses(&mut self) -> bool {
        false
    }

    /// Bytes are kept as they are, whatever they are; a server may refuse or change some.
    fn keeps_any_bytes(&self) -> bool {
        true
    }

    /// Whether names of folders that differ in case or normalisation only are certainly two.
    fn tells_names_apart(&self) -> bool {
        true
    }

    fn lacks(&mut self) -> Vec<Lack> {
        Vec::new()
    }
}

/// A folder that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub info: FolderInfo,
    /// How many, where that can be told.
    pub items: Option<u64>,
}

impl Standing {
    /// A folder that is busy or cannot be read now is there all the same.
    pub fn counted(info: FolderInfo, count: Result<u64, StoreError>) -> Result<Standing, StoreError> {
        match count {
            Ok(items) => Ok(Standing { info, items: Some(items) }),
            Err(error) if error.blast <= Blast::Folder => Ok(Standing { info, items: None }),
            Err(error) => Err(error),
        }
    }
}

/// How a folder is named at a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Naming {
    AsItIs,
    /// As people see it there.
    Changed(String),
    /// It may be longer than the target takes; in bytes.
    Long(usize),
}
