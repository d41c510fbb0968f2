//! What stands beside the messages of an account, at the target. Rights are security: nobody gets a right that is not named, and what the
//! server made of it is read again. It is closed before it is opened: who is denied something comes first, and where that fails nobody
//! gets anything in the folder; then whoever loses some; then whoever gets some; and denials that are no more go last.

use std::collections::{BTreeMap, BTreeSet};

use mailferry_core::model::{Beside, FolderPath};
use mailferry_core::ports::{Blast, Retry, StoreError};
use mailferry_imap::{Command, ImapError, Kind, Response};

use super::rights::{Letters, Names, Owner, Rights};
use super::target::ImapTarget;

pub const NO_SUCH_RIGHTS: &str = "the server has no such rights";

/// Whether anybody of this name may get rights here, and why not.
pub fn judged(owner: &Owner, names: Names, who: &str) -> Result<(), &'static str> {
    if owner.is(who) {
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

impl Wish<'_> {
    fn denies(&self) -> bool {
        self.who.starts_with('-')
    }

    /// Whether somebody has less with it than with what is shown.
    fn takes_from(&self, shown: &Rights) -> bool {
        shown.get(self.who).is_some_and(|shown| shown.chars().any(|letter| !self.rights.contains(letter)))
    }
}

fn told(who: &str, folder: &FolderPath, rights: &str, why: &str) -> String {
    format!("rights of {who} in {folder}: {rights} ({why})")
}

impl ImapTarget {
    pub(super) fn set_beside_of(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.settle()?;
        let name = self.name(folder)?;
        let mut lost = self.set_rights(folder, &name, beside)?;
        lost.extend(self.set_annotations(folder, &name, &beside.annotations)?);
        Ok(lost)
    }

    fn set_rights(&mut self, folder: &FolderPath, name: &[u8], beside: &Beside) -> Result<Vec<String>, StoreError> {
        if beside.rights.is_empty() && !beside.closed {
            return Ok(Vec::new());
        }
        if !self.line.connection().has("ACL") {
            let given = beside.rights.iter().filter(|(_, rights)| !rights.is_empty());
            return Ok(given.map(|(who, rights)| told(who, folder, rights, "the server has no ACL")).collect());
        }
        let (letters, names) = (Letters::of(self.line.connection()), Names::of(self.line.connection()));
        let rights = names.replaced(&beside.rights);
        let mut lost = Vec::new();
        let (denied, mut given) = self.wishes(folder, &rights, names, &letters, &mut lost);
        let before = self.shown_rights(name, &letters)?;
        let named: BTreeSet<&str> = denied.iter().chain(&given).map(|wish| wish.who).collect();
        let others = before.iter().filter(|_| beside.closed).flat_map(Rights::keys);
        let others: Vec<&String> = others.filter(|who| !named.contains(who.as_str()) && !self.is_own(who)).collect();

        let mut denies_all = rights.iter().all(|(who, rights)| !who.starts_with('-') || rights.is_empty() || names.know(who));
        for wish in denied.iter().filter(|wish| !wish.rights.is_empty()) {
            if let Some(why) = self.set_right(name, wish.who, &letters.write(&wish.rights, true).0)? {
                lost.push(told(wish.who, folder, &wish.rights, &why));
                denies_all = false;
            }
        }
        if !denies_all {
            for wish in given.iter_mut().filter(|wish| !wish.rights.is_empty()) {
                lost.push(told(wish.who, folder, &wish.rights, "somebody cannot be denied what others would get"));
                wish.rights.clear();
            }
        }
        for who in others.iter().filter(|who| !who.starts_with('-')) {
            // What could not be taken away is still shown afterwards, and told then.
            self.set_right(name, who, "")?;
        }
        given.sort_by_key(|wish| !before.as_ref().is_some_and(|before| wish.takes_from(before)));
        for wish in &given {
            let refused = self.set_right(name, wish.who, &letters.write(&wish.rights, false).0)?;
            lost.extend(refused.filter(|_| !wish.rights.is_empty()).map(|why| told(wish.who, folder, &wish.rights, &why)));
        }
        let no_more = denied.iter().filter(|wish| wish.rights.is_empty()).map(|wish| wish.who);
        let of_others = others.iter().filter(|who| who.starts_with('-')).map(|who| who.as_str());
        for who in no_more.chain(of_others).filter(|_| denies_all) {
            self.set_right(name, who, "")?;
        }
        let wishes: Vec<Wish<'_>> = denied.into_iter().chain(given).collect();
        let compared = self.compare_rights((folder, name), &wishes, beside.closed.then_some(&named), &letters)?;
        lost.extend(compared);
        Ok(lost)
    }

    /// Who is denied something and who gets something; what nobody can have here is told.
    fn wishes<'a>(
        &self,
        folder: &FolderPath,
        rights: &'a Rights,
        names: Names,
        letters: &Letters,
        lost: &mut Vec<String>,
    ) -> (Vec<Wish<'a>>, Vec<Wish<'a>>) {
        let mut wishes = Vec::new();
        for (who, rights) in rights {
            match judged(&self.owner, names, who) {
                Ok(()) => {
                    let (set, left) = letters.write(rights, who.starts_with('-'));
                    if !left.is_empty() {
                        lost.push(told(who, folder, &left, NO_SUCH_RIGHTS));
                    }
                    wishes.push(Wish { who, rights: letters.read(&set) });
                }
                Err(_) if rights.is_empty() => {}
                Err(why) => lost.push(told(who, folder, rights, why)),
            }
        }
        wishes.into_iter().partition(Wish::denies)
    }

    fn is_own(&self, who: &str) -> bool {
        self.owner.is(who) || self.owner.may_be(who)
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

    /// What the server shows in the end: more than was asked for is taken away again, less is told. `closed`: who may have any.
    fn compare_rights(
        &mut self,
        (folder, name): (&FolderPath, &[u8]),
        wishes: &[Wish<'_>],
        closed: Option<&BTreeSet<&str>>,
        letters: &Letters,
    ) -> Result<Vec<String>, StoreError> {
        let Some(shown) = self.shown_rights(name, letters)? else {
            let unknown = format!("rights in {folder}: the server does not show who has some, others than at the source may");
            return Ok(closed.map(|_| unknown).into_iter().collect());
        };
        let mut lost = Vec::new();
        for wish in wishes {
            let there = shown.get(wish.who).map_or("", String::as_str);
            let more: String = there.chars().filter(|letter| !wish.rights.contains(*letter)).collect();
            let less: String = wish.rights.chars().filter(|letter| !there.contains(*letter)).collect();
            if !more.is_empty() && !wish.denies() {
                let left = self.set_right(name, wish.who, "")?.or_else(|| {
                    let still = self.shown_rights(name, letters).ok().flatten()?.remove(wish.who)?;
                    Some(format!("it shows {still}"))
                });
                let outcome = left.map_or("nothing is given".to_owned(), |why| format!("and they could not be taken away: {why}"));
                lost.push(told(wish.who, folder, &wish.rights, &format!("the server would add {more}: {outcome}")));
            } else if !less.is_empty() {
                lost.push(told(wish.who, folder, &less, "the server does not show them afterwards"));
            }
        }
        let is_named = |who: &String| closed.is_none_or(|named| named.contains(who.as_str()));
        for (who, there) in shown.iter().filter(|(who, _)| !who.starts_with('-') && !is_named(who) && !self.owner.is(who)) {
            let why = match self.owner.may_be(who) {
                true => "not given at the source, and left: that may be the owner",
                false => "not given at the source, and the server does not take them away",
            };
            lost.push(told(who, folder, there, why));
        }
        Ok(lost)
    }

    /// In letters that stand for themselves. `None`: the server does not show them.
    fn shown_rights(&mut self, name: &[u8], letters: &Letters) -> Result<Option<Rights>, StoreError> {
        let mut shown = None;
        let each = |response| {
            if let Response::Acl(acl) = response {
                shown = Some(acl.rights.into_iter().map(|(who, rights)| (who, letters.read(&rights))).collect());
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
