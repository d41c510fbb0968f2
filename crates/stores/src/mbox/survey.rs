//! mbox files as a target, looked at and not touched: they may not even be there yet.

use std::path::{Path, PathBuf};

use mailferry_core::model::{Flags, FolderPath};
use mailferry_core::ports::{MailSource, Naming, Standing, StoreError, TargetSurvey};

use super::{MboxSource, folders, header};
use crate::{files, mutf7};

pub struct MboxSurvey {
    root: PathBuf,
}

impl MboxSurvey {
    pub fn open(root: &Path) -> Self {
        MboxSurvey { root: root.into() }
    }
}

impl TargetSurvey for MboxSurvey {
    fn describe(&self) -> String {
        format!("mbox:{}", self.root.display())
    }

    fn standing(&mut self) -> Result<Vec<Standing>, StoreError> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let there = folders::look(&self.root)?;
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let mut source = MboxSource::open(&self.root, None)?;
        let selectable = folders::infos(&there).into_iter().filter(|info| info.selectable);
        selectable.map(|info| Standing::counted(info.clone(), source.count(&info.path))).collect()
    }

    /// A name is changed where it cannot stand as it is, in modified UTF-7, as the name of a file.
    fn naming(&mut self, folder: &FolderPath) -> Result<Naming, StoreError> {
        let path = folders::target_file(&self.root, folder)?;
        let stored = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = self.root.is_file() || mutf7::decode(&stored).as_ref() == folder.0.last();
        Ok(if plain { Naming::AsItIs } else { Naming::Changed(stored) })
    }

    fn keeps_mark(&mut self, _: &FolderPath, mark: &str) -> Result<Option<bool>, StoreError> {
        Ok(Some(Flags::NAMES.iter().any(|(_, name)| *name == mark) || header::fits(mark)))
    }

    fn tells_names_apart(&self) -> bool {
        files::TELLS_CASE
    }
}
