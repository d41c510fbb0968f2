//! An account as a target, asked and not changed: by LIST, STATUS, GETQUOTAROOT, and SELECT only where nothing is \Recent.
//!
//! Which keywords a folder keeps is told by SELECT alone (EXAMINE answers that none can be stored, which is true of it), and SELECT takes
//! \Recent away from messages. So a folder that has such messages is not asked, and a new folder counts as one like the inbox.

use std::collections::HashMap;

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{Blast, KeepsBeside, Lack, MailTarget, Naming, Quota, Standing, StoreError, TargetSurvey};
use mailferry_imap::{Command, ImapError, Response};

use super::access::Access;
use super::account::Folders;
use super::beside_target;
use super::marks::Storable;
use super::names::Form;
use super::rights::{Letters, Names};
use super::settings::ImapUrl;
use super::target::ImapTarget;

/// Of a level: most servers keep one as the name of a file.
const LEVEL_BYTES_MAX: usize = 255;
/// Of a whole name; Cyrus takes 490.
const NAME_BYTES_MAX: usize = 490;

pub struct ImapSurvey {
    /// Never told to write.
    target: ImapTarget,
    kind: Names,
    /// How folders would be written that are not there yet.
    written: HashMap<FolderPath, Vec<u8>>,
    /// `None`: cannot be told.
    storable: HashMap<FolderPath, Option<Storable>>,
}

impl ImapSurvey {
    pub fn open(url: &ImapUrl, access: &Access) -> Result<Self, StoreError> {
        let mut target = ImapTarget::open(url, access)?;
        target.folders = Folders::read(&mut target.line, true)?;
        let kind = Names::of(target.line.connection());
        Ok(ImapSurvey { target, kind, written: HashMap::new(), storable: HashMap::new() })
    }

    /// A folder that is yet to be made is like the inbox.
    fn like<'f>(&self, folder: &'f FolderPath, inbox: &'f FolderPath) -> &'f FolderPath {
        if self.target.folders.name(folder).is_some() { folder } else { inbox }
    }

    /// A server ends a connection on which nothing is asked while the source is read: it is made anew, once.
    fn asked<T>(&mut self, ask: impl Fn(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match ask(self) {
            Err(error) if error.away => {
                self.target.selected = None;
                self.target.line.reopen()?;
                ask(self)
            }
            answer => answer,
        }
    }

    fn storable(&mut self, folder: &FolderPath) -> Result<Option<&Storable>, StoreError> {
        if !self.storable.contains_key(folder) {
            let told = match self.recent(folder)? {
                Some(0) => {
                    let flags = self.target.select(folder)?.permanent_flags;
                    // What comes from now on is \Recent to its user, not to us.
                    self.target.unselect()?;
                    Some(Storable::new(flags))
                }
                _ => None,
            };
            self.storable.insert(folder.clone(), told);
        }
        Ok(self.storable.get(folder).and_then(Option::as_ref))
    }

    fn recent(&mut self, folder: &FolderPath) -> Result<Option<u32>, StoreError> {
        let name = self.target.name(folder)?;
        let mut recent = None;
        let each = |response| {
            if let Response::StatusOf(_, status) = response {
                recent = status.recent;
            }
        };
        self.target.line.run(Blast::Mailbox, async |connection| {
            let asked = connection.run(Command::new("STATUS").string(&name).text(" (RECENT)"), each).await;
            asked.map(|_| ()).or_else(ImapError::unless_fatal)
        })?;
        Ok(recent)
    }
}

impl TargetSurvey for ImapSurvey {
    fn describe(&self) -> String {
        self.target.describe()
    }

    fn standing(&mut self) -> Result<Vec<Standing>, StoreError> {
        let count = |folder: &super::account::Folder| folder.status.as_ref().and_then(|status| status.messages).map(u64::from);
        let folders = self.target.folders.by_path.values().filter(|folder| folder.info.selectable);
        Ok(folders.map(|folder| Standing { info: folder.info.clone(), items: count(folder) }).collect())
    }

    fn naming(&mut self, folder: &FolderPath) -> Result<Naming, StoreError> {
        let names = self.target.folders.names.clone();
        let above = folder.0.split_last().map(|(_, above)| FolderPath(above.to_vec()));
        let above = above.and_then(|above| self.written.get(&above)).cloned();
        let encoded = |form| match &above {
            Some(above) => names.encode_below(above, folder, form),
            None => self.target.folders.encode(folder, form),
        };
        let taken = Form::ALL.into_iter().map(encoded).find(|name| !self.kind.refuse(name, names.separator));
        let name = taken.unwrap_or_else(|| encoded(Form::Safe));
        let shown = names.decode_literally(&name);
        let longest = name.split(|byte| Some(*byte) == names.separator).map(<[u8]>::len).max().unwrap_or(0);
        let length = name.len();
        self.written.insert(folder.clone(), name);
        Ok(match () {
            () if longest > LEVEL_BYTES_MAX => Naming::Long(longest),
            () if length > NAME_BYTES_MAX => Naming::Long(length),
            // The name of its parent was told of with the parent.
            () if shown == *folder || above.is_some() && shown.0.last() == folder.0.last() => Naming::AsItIs,
            () => Naming::Changed(shown.to_string()),
        })
    }

    fn quotas(&mut self) -> Result<Vec<Quota>, StoreError> {
        self.target.quotas()
    }

    fn size_max(&mut self, folder: &FolderPath) -> Result<Option<u64>, StoreError> {
        let inbox = FolderPath::inbox();
        let like = self.like(folder, &inbox).clone();
        match self.target.folders.name(&like) {
            Some(_) => self.asked(|survey| survey.target.size_max(&like)),
            None => Ok(None),
        }
    }

    fn keeps_mark(&mut self, folder: &FolderPath, mark: &str) -> Result<Option<bool>, StoreError> {
        let inbox = FolderPath::inbox();
        let like = self.like(folder, &inbox).clone();
        if self.target.folders.name(&like).is_none() {
            return Ok(None);
        }
        // What no server can keep need not be asked for.
        if !Storable::default().keeps(mark) {
            return Ok(Some(false));
        }
        self.asked(|survey| Ok(survey.storable(&like)?.map(|storable| storable.keeps(mark))))
    }

    fn keeps_beside(&mut self) -> KeepsBeside {
        MailTarget::keeps_beside(&mut self.target).unwrap_or_default()
    }

    fn rights_lost(&mut self, who: &str, rights: &str) -> Option<(String, String)> {
        let letters = Letters::of(self.target.line.connection());
        match beside_target::judged(&self.target.owner, self.kind, who) {
            Err(why) => Some((rights.to_owned(), why.to_owned())),
            Ok(()) => {
                let (_, left) = letters.write(rights, who.starts_with('-'));
                (!left.is_empty()).then(|| (left, beside_target::NO_SUCH_RIGHTS.to_owned()))
            }
        }
    }

    fn keeps_special_uses(&mut self) -> bool {
        self.target.line.connection().has("CREATE-SPECIAL-USE")
    }

    fn keeps_any_bytes(&self) -> bool {
        false
    }

    fn tells_names_apart(&self) -> bool {
        false
    }

    fn lacks(&mut self) -> Vec<Lack> {
        let has = self.target.line.connection().has("UIDPLUS");
        (!has).then_some(Lack::AppendedNames).into_iter().collect()
    }
}
