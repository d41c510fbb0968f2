//! A Maildir++ as a target, looked at and not touched: it may not even be there yet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mailferry_core::model::{Flags, FolderPath, Marks};
use mailferry_core::ports::{MailSource, Naming, Standing, StoreError, TargetSurvey};

use super::keywords::KeywordTable;
use super::{MaildirSource, folder_error, layout};
use crate::{files, mutf7};

pub struct MaildirSurvey {
    root: PathBuf,
    /// With the letters that were given to keywords in this survey, which never reach the disk.
    keywords: HashMap<FolderPath, KeywordTable>,
}

impl MaildirSurvey {
    pub fn open(root: &Path) -> Self {
        MaildirSurvey { root: root.into(), keywords: HashMap::new() }
    }

    fn table(&mut self, folder: &FolderPath) -> Result<&mut KeywordTable, StoreError> {
        if !self.keywords.contains_key(folder) {
            let dir = layout::target_dir(&self.root, folder)?;
            let table = KeywordTable::read(&dir).map_err(|error| folder_error("read the keywords of a folder", &dir, &error))?;
            self.keywords.insert(folder.clone(), table);
        }
        Ok(self.keywords.entry(folder.clone()).or_default())
    }
}

impl TargetSurvey for MaildirSurvey {
    fn describe(&self) -> String {
        format!("maildir:{}", self.root.display())
    }

    fn standing(&mut self) -> Result<Vec<Standing>, StoreError> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let there = layout::look(&self.root)?;
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let mut source = MaildirSource::open(&self.root)?;
        let selectable = there.into_iter().map(|found| found.info).filter(|info| info.selectable);
        selectable.map(|info| Standing::counted(info.clone(), source.count(&info.path))).collect()
    }

    /// A name is changed where it cannot stand as it is, in modified UTF-7, as the name of a file.
    fn naming(&mut self, folder: &FolderPath) -> Result<Naming, StoreError> {
        layout::target_dir(&self.root, folder)?;
        let stored = layout::stored_levels(folder);
        let plain = stored.iter().zip(&folder.0).all(|(stored, level)| mutf7::decode(stored).as_ref() == Some(level));
        Ok(if plain { Naming::AsItIs } else { Naming::Changed(stored.join("/")) })
    }

    fn keeps_mark(&mut self, folder: &FolderPath, mark: &str) -> Result<Option<bool>, StoreError> {
        if Flags::NAMES.iter().any(|(_, name)| *name == mark) || layout::target_dir(&self.root, folder).is_err() {
            return Ok(Some(true));
        }
        let marks = Marks { keywords: [mark.to_owned()].into(), ..Marks::default() };
        Ok(Some(self.table(folder)?.letters_for(&marks).1.is_empty()))
    }

    fn tells_names_apart(&self) -> bool {
        files::TELLS_CASE
    }
}
