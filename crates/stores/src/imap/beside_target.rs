//! What stands beside the messages of an account, at the target. Rights are security: nobody gets a right that is not named, and what the
//! server made of it is read again. Who is denied something comes first: where that fails, nobody gets anything in the folder.

use std::collections::BTreeMap;

use mailferry_core::model::{Beside, FolderPath};
use mailferry_core::ports::{Blast, Retry, StoreError};
use mailferry_imap::{Command, ImapError, Kind, Response};

use super::rights::{Letters, Names};
use super::target::ImapTarget;

pub const NO_SUCH_RIGHTS: &str = "the server has no such rights";

/// Whether anybody of this name may get rights here, and why not.
pub fn judged(owner: &str, names: Names, who: &str) -> Result<(), &'static str> {
    let bare = who.strip_prefix('-').unwrap_or(who);
    if [owner, "owner"].iter().any(|own| own.eq_ignore_ascii_case(bare)) {
        return Err("that is the owner here");
    }
    if names.know(who) { Ok(()) } else { Err("such a name means something else here; map it with RightsMap") }
}

/// One name in one folder.
struct Wish<'a> {
    who: &'a str,
    /// In letters that stand for themselves; what is to be seen afterwards.
    rights: String,
}

impl ImapTarget {
    pub(super) fn set_beside_of(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.settle()?;
        let name = self.name(folder)?;
        let mut lost = self.set_rights(folder, &name, &beside.rights)?;
        lost.extend(self.set_annotations(folder, &name, &beside.annotations)?);
        Ok(lost)
    }

    fn set_rights(&mut self, folder: &FolderPath, name: &[u8], rights: &BTreeMap<String, String>) -> Result<Vec<String>, StoreError> {
        let told = |who: &str, rights: &str, why: &str| format!("rights of {who} in {folder}: {rights} ({why})");
        if rights.is_empty() {
            return Ok(Vec::new());
        }
        if !self.line.connection().has("ACL") {
            let given = rights.iter().filter(|(_, rights)| !rights.is_empty());
            return Ok(given.map(|(who, rights)| told(who, rights, "the server has no ACL")).collect());
        }
        let (letters, names) = (Letters::of(self.line.connection()), Names::of(self.line.connection()));
        let mut lost = Vec::new();
        let (mut denied, mut given) = (Vec::new(), Vec::new());
        for (who, rights) in rights {
            match judged(&self.owner, names, who) {
                Ok(()) => {
                    let (set, left) = letters.write(rights, who.starts_with('-'));
                    if !left.is_empty() {
                        lost.push(told(who, &left, NO_SUCH_RIGHTS));
                    }
                    let kind = if who.starts_with('-') { &mut denied } else { &mut given };
                    kind.push(Wish { who, rights: letters.read(&set) });
                }
                Err(_) if rights.is_empty() => {}
                Err(why) => lost.push(told(who, rights, why)),
            }
        }
        let mut denies_all = rights.iter().all(|(who, rights)| !who.starts_with('-') || rights.is_empty() || names.know(who));
        for wish in denied.iter().filter(|wish| !wish.rights.is_empty()) {
            if let Some(why) = self.set_right(name, wish.who, &letters.write(&wish.rights, true).0)? {
                lost.push(told(wish.who, &wish.rights, &why));
                denies_all = false;
            }
        }
        if !denies_all {
            for wish in given.iter_mut().filter(|wish| !wish.rights.is_empty()) {
                lost.push(told(wish.who, &wish.rights, "somebody cannot be denied what others would get"));
                wish.rights.clear();
            }
        }
        for wish in &given {
            let refused = self.set_right(name, wish.who, &letters.write(&wish.rights, false).0)?;
            lost.extend(refused.filter(|_| !wish.rights.is_empty()).map(|why| told(wish.who, &wish.rights, &why)));
        }
        for wish in denied.iter().filter(|wish| wish.rights.is_empty()) {
            self.set_right(name, wish.who, "")?;
        }
        let wishes: Vec<Wish<'_>> = denied.into_iter().chain(given).collect();
        lost.extend(self.compare_rights(folder, name, &wishes, &letters)?);
        Ok(lost)
    }

    /// No letters: the name is taken off the list. `Some`: why the server refuses.
    fn set_right(&mut self, name: &[u8], who: &str, letters: &str) -> Result<Option<String>, StoreError> {
        let command = match letters {
            "" => Command::new("DELETEACL").string(name).string(who.as_bytes()),
            letters => Command::new("SETACL").string(name).string(who.as_bytes()).text(format!(" {letters}")),
        };
        self.asked(command)
    }

    /// `Some`: why the server refuses.
    fn asked(&mut self, command: Command) -> Result<Option<String>, StoreError> {
        match self.line.attempt(async |connection| connection.run(command, |_| {}).await) {
            Ok(_) => Ok(None),
            Err(error) => {
                let is_answer = matches!(error.kind, Kind::No { .. } | Kind::Bad(_));
                let error = self.line.error(error, Blast::Folder);
                // One that says "later" is asked later.
                if is_answer && error.retry == Retry::Never { Ok(Some(error.cause)) } else { Err(error) }
            }
        }
    }

    /// What the server shows in the end: more than was asked for is taken away again, less is told.
    fn compare_rights(
        &mut self,
        folder: &FolderPath,
        name: &[u8],
        wishes: &[Wish<'_>],
        letters: &Letters,
    ) -> Result<Vec<String>, StoreError> {
        let shown = self.shown_rights(name)?;
        let mut lost = Vec::new();
        for wish in wishes {
            let Some(shown) = shown.as_ref().map(|shown| shown.get(wish.who).map(|shown| letters.read(shown)).unwrap_or_default()) else {
                continue;
            };
            let more: String = shown.chars().filter(|letter| !wish.rights.contains(*letter)).collect();
            let less: String = wish.rights.chars().filter(|letter| !shown.contains(*letter)).collect();
            if !more.is_empty() && !wish.who.starts_with('-') {
                let left = self.set_right(name, wish.who, "")?.or_else(|| {
                    let still = self.shown_rights(name).ok().flatten()?.remove(wish.who)?;
                    Some(format!("it shows {still}"))
                });
                let outcome = left.map_or("nothing is given".to_owned(), |why| format!("and they could not be taken away: {why}"));
                lost.push(format!("rights of {} in {folder}: {} (the server would add {more}: {outcome})", wish.who, wish.rights));
            } else if !less.is_empty() {
                lost.push(format!("rights of {} in {folder}: {less} (the server does not show them afterwards)", wish.who));
            }
        }
        Ok(lost)
    }

    /// `None`: the server does not show them.
    fn shown_rights(&mut self, name: &[u8]) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let mut shown = None;
        let each = |response| {
            if let Response::Acl(acl) = response {
                shown = Some(acl.rights.into_iter().collect());
            }
        };
        self.line.run(Blast::Mailbox, async |connection| {
            connection.run(Command::new("GETACL").string(name), each).await.map(|_| ()).or_else(ImapError::unless_fatal)
        })?;
        Ok(shown)
    }

    fn set_annotations(
        &mut self,
        folder: &FolderPath,
        name: &[u8],
        annotations: &BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<Vec<String>, StoreError> {
        let has = self.line.connection().has("METADATA");
        let mut lost = Vec::new();
        for (entry, value) in annotations {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte);
            let refused = match value {
                _ if !has => Some("the server has no METADATA".to_owned()),
                _ if !entry.bytes().all(is_plain) => Some("its name cannot be written".to_owned()),
                Some(value) if value.contains(&0) => Some("it holds a NUL".to_owned()),
                Some(value) => {
                    let command = Command::new("SETMETADATA").string(name).text(format!(" ({entry}"));
                    self.asked(command.secret(value).text(")"))?
                }
                None => self.asked(Command::new("SETMETADATA").string(name).text(format!(" ({entry} NIL)")))?,
            };
            lost.extend(refused.filter(|_| value.is_some()).map(|why| format!("{entry} of {folder} ({why})")));
        }
        Ok(lost)
    }
}
