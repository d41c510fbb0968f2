//! Collections, mailboxes and the stores they name.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use mailferry_rules::ids::MailboxId;
use toml::Spanned;

use super::{Check, Found, TITLE_HINT, is_title};
use crate::ports::Level;
use crate::settings::finding::Finding;
use crate::settings::lists::{self, is_beside};
use crate::settings::mailbox::{Mailbox, mailbox_id};
use crate::settings::project::{RawCollection, RawMailbox, RawProject};
use crate::settings::topology::Side;

/// Where something was said: in the project file or in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::settings) struct Place {
    pub file: Rc<str>,
    pub line: u32,
}

/// A text of a mailbox, and where it stands.
pub(in crate::settings) struct Said {
    pub text: String,
    pub at: Place,
}

/// A mailbox as it is written.
pub(in crate::settings) struct Row {
    pub name: Said,
    pub source: Said,
    pub target: Said,
    pub archive: Option<Said>,
    pub priority: Option<i32>,
    pub id: Option<Said>,
}

/// What mailboxes are read against.
struct Frame<'a> {
    project: &'a str,
    source_root: Option<&'a str>,
    target_root: Option<&'a str>,
}

/// Places of what was seen already.
#[derive(Default)]
struct Seen {
    names: HashMap<String, Place>,
    ids: HashMap<MailboxId, Place>,
    targets: HashMap<String, Place>,
    sources: Vec<(String, Place)>,
    /// Mailboxes that name an archive, with the place where it is named.
    archives: Vec<(String, Said)>,
}

impl Check<'_> {
    pub(super) fn collections(&mut self, raw: &RawProject) -> Vec<Mailbox> {
        let frame = Frame {
            project: raw.project.name.get_ref(),
            source_root: self.root(raw.source.store_root.as_ref()),
            target_root: self.root(raw.target.store_root.as_ref()),
        };
        let mut seen = Seen::default();
        let (mut mailboxes, mut rows_seen) = (Vec::new(), false);
        for collection in &raw.collections {
            self.title("collection", &collection.name);
            for row in self.rows(collection) {
                rows_seen = true;
                let mailbox = self.mailbox(&frame, collection, &row).filter(|mailbox| self.is_new(&mut seen, &row, mailbox));
                mailboxes.extend(mailbox);
                seen.archives.extend(row.archive.map(|archive| (row.name.text, archive)));
            }
        }
        self.crossings(&seen);
        self.archives(&seen.archives, &mut mailboxes);
        if !rows_seen {
            self.warning(raw.project.name.span(), "the project has no mailbox yet")
                .hint("add [[collections]] and [[collections.mailboxes]], or `list` with a CSV file");
        }
        mailboxes.sort_by_key(|mailbox| Reverse(mailbox.priority));
        mailboxes
    }

    /// Those of the project file, then those of its list.
    fn rows(&mut self, collection: &RawCollection) -> Vec<Row> {
        let here: Rc<str> = self.file.into();
        let said = |text: &Spanned<String>| {
            let at = Place { file: here.clone(), line: self.line(&text.span()) };
            Said { text: text.get_ref().clone(), at }
        };
        let row = |raw: &RawMailbox| Row {
            name: said(&raw.name),
            source: said(&raw.source),
            target: said(&raw.target),
            archive: raw.archive.as_ref().map(said),
            priority: raw.priority,
            id: raw.id.as_ref().map(said),
        };
        let mut rows: Vec<Row> = collection.mailboxes.iter().flatten().map(row).collect();
        rows.extend(collection.list.iter().flat_map(|list| self.list(list)));
        rows
    }

    fn list(&mut self, list: &Spanned<String>) -> Vec<Row> {
        let (name, at) = (list.get_ref(), list.span());
        if !is_beside(name) {
            self.error(at, format!("`{}` is no list of mailboxes beside the project file", name.escape_debug()))
                .hint("write the name of a CSV file, such as first.csv or waves/first.csv");
            return Vec::new();
        }
        if self.texts.iter().any(|(earlier, _)| earlier == name) {
            self.error(at, format!("the list {name} belongs to a collection already")).hint("give each collection a list of its own");
            return Vec::new();
        }
        match (self.known.list)(name) {
            Ok(text) => {
                let shown = std::path::Path::new(self.file).with_file_name(name).display().to_string();
                let rows = lists::rows(&shown, &text, &mut self.findings);
                self.texts.push((name.clone(), text));
                rows
            }
            Err(cause) => {
                self.error(at, format!("could not read the list {name}: {cause}")).hint("it lies beside the project file, as UTF-8");
                Vec::new()
            }
        }
    }

    fn at(&mut self, level: Level, at: &Place, text: String) -> Found<'_> {
        Found(self.findings.push_mut(Finding::new(level, &*at.file, Some(at.line), text)))
    }

    fn title(&mut self, what: &str, name: &Spanned<String>) {
        if !is_title(name.get_ref()) {
            self.error(name.span(), format!("`{}` is no name for a {what}", name.get_ref().escape_debug())).hint(TITLE_HINT);
        }
    }

    fn root<'r>(&mut self, root: Option<&'r Spanned<String>>) -> Option<&'r str> {
        let root = root?;
        if kind_of(root.get_ref()).is_none() {
            let text = format!("store_root `{}` does not say which kind of store it is", root.get_ref().escape_debug());
            self.error(root.span(), text).hint("begin it with the kind, such as maildir:/srv/mail");
        }
        Some(root.get_ref())
    }

    fn mailbox(&mut self, frame: &Frame<'_>, collection: &RawCollection, row: &Row) -> Option<Mailbox> {
        if !is_title(&row.name.text) {
            let text = format!("`{}` is no name for a mailbox", row.name.text.escape_debug());
            self.at(Level::Error, &row.name.at, text).hint(TITLE_HINT);
        }
        let source = self.store(Side::Source, frame.source_root, row);
        let target = self.store(Side::Target, frame.target_root, row);
        let id = row.id.as_ref().map_or_else(|| Some(mailbox_id(frame.project, &row.name.text)), |text| self.id(text));
        Some(Mailbox {
            id: id?,
            name: row.name.text.clone(),
            collection: collection.name.get_ref().clone(),
            priority: row.priority.or(collection.priority).unwrap_or(0),
            source: source?,
            target: target?,
            archive: None,
        })
    }

    /// An archive is another mailbox of the project, of one user, and has none itself (R76).
    fn archives(&mut self, named: &[(String, Said)], mailboxes: &mut [Mailbox]) {
        let lower = |name: &str| name.to_ascii_lowercase();
        let places: HashMap<String, usize> = mailboxes.iter().enumerate().map(|(place, of)| (lower(&of.name), place)).collect();
        let having: HashSet<String> = named.iter().map(|(name, _)| lower(name)).collect();
        let mut whose = HashMap::new();
        for (name, archive) in named {
            let place = places.get(&lower(&archive.text)).copied();
            let wrong = match place {
                None => Some(format!("the project has no mailbox `{}`", archive.text.escape_debug())),
                Some(_) if archive.text.eq_ignore_ascii_case(name) => Some("a mailbox is not its own archive".into()),
                Some(_) if having.contains(&lower(&archive.text)) => Some(format!("the mailbox {} has an archive itself", archive.text)),
                Some(place) => whose.insert(place, name).map(|other| format!("{} is the archive of {other} already", archive.text)),
            };
            match (wrong, place, places.get(&lower(name))) {
                (Some(wrong), _, _) => {
                    let hint = "name a mailbox of the project that is the archive of this one alone";
                    self.at(Level::Error, &archive.at, format!("the archive of {name}: {wrong}")).hint(hint);
                }
                (None, Some(place), Some(primary)) if mailboxes[*primary].name == *name => {
                    mailboxes[*primary].archive = Some(mailboxes[place].id);
                }
                _ => {}
            }
        }
    }

    fn id(&mut self, said: &Said) -> Option<MailboxId> {
        let id: Result<MailboxId, _> = said.text.parse();
        if let Err(wrong) = &id {
            self.at(Level::Error, &said.at, wrong.to_string())
                .hint("leave the id out: it is then made from the names of project and mailbox");
        }
        id.ok()
    }

    fn store(&mut self, side: Side, root: Option<&str>, row: &Row) -> Option<String> {
        let Said { text, at } = if side == Side::Source { &row.source } else { &row.target };
        if holds_password(text) || root.is_some_and(holds_password) {
            let hint = "the project file is copied to every node: keep passwords in the key store, a file or the environment";
            self.at(Level::Error, at, "a password stands in the name of a store".into()).hint(hint);
            return None;
        }
        let Some(full) = full_url(root, text) else {
            let hint = "write its kind and place, such as maildir:/srv/mail/alice, or set store_root";
            self.at(Level::Error, at, format!("`{}` does not name a store", text.escape_debug())).hint(hint);
            return None;
        };
        if let Err(cause) = (self.known.store)(&full) {
            let kind = kind_of(&full).unwrap_or_default();
            let text = format!("the {side} of mailbox {} is of the kind `{kind}`, {cause}", row.name.text.escape_debug());
            self.at(Level::Error, at, text).hint(STORE_HINT);
            return None;
        }
        Some(full)
    }

    /// Of two mailboxes of one name the first counts. Two of one id or in one target store could not be told apart again.
    fn is_new(&mut self, seen: &mut Seen, row: &Row, mailbox: &Mailbox) -> bool {
        let (name, at) = (&mailbox.name, &row.name.at);
        if let Some(earlier) = seen.names.get(&name.to_ascii_lowercase()) {
            let text = format!("the mailbox {name} stands in {} too: that one counts, this one is left out", earlier.from(at));
            self.at(Level::Warning, at, text).hint("take one of the two out");
            return false;
        }
        seen.names.insert(name.to_ascii_lowercase(), at.clone());
        if let Some(earlier) = seen.ids.insert(mailbox.id, at.clone()) {
            let text = format!("the mailbox {name} has the id of the mailbox in {}", earlier.from(at));
            self.at(Level::Error, at, text).hint("every mailbox has an id of its own; leave it out, and it is made from the name");
        }
        if let Some(earlier) = seen.targets.insert(place_of(&mailbox.target), at.clone()) {
            let text = format!("the mailbox {name} goes to the same store as the mailbox in {}", earlier.from(at));
            self.at(Level::Error, at, text).hint("two mailboxes in one store cannot be told apart again: give each its own");
        }
        seen.sources.push((place_of(&mailbox.source), at.clone()));
        true
    }

    /// A store that is read is never written to (R20).
    fn crossings(&mut self, seen: &Seen) {
        for (source, at) in &seen.sources {
            if let Some(other) = seen.targets.get(source) {
                let text = format!("{source} is read from here and written to by the mailbox in {}", other.from(at));
                self.at(Level::Error, at, text).hint("a source store is never changed: choose another target");
            }
        }
    }
}

const STORE_HINT: &str = "maildir:PATH, mbox:PATH, mboxo:PATH, mboxrd:PATH, mboxcl2:PATH, imap://USER@HOST or imaps://USER@HOST";

impl Place {
    /// As someone says it who stands at another place.
    fn from(&self, other: &Place) -> String {
        if self.file == other.file { format!("line {}", self.line) } else { format!("{}:{}", self.file, self.line) }
    }
}

fn place_of(url: &str) -> String {
    url.trim_end_matches(['/', '\\']).into()
}

/// With the root before it where it names no kind of its own.
fn full_url(root: Option<&str>, text: &str) -> Option<String> {
    if text.is_empty() || text.trim() != text || text.contains(char::is_control) {
        return None;
    }
    if kind_of(text).is_some() {
        return Some(text.into());
    }
    let root = root?;
    let leaves = text.starts_with(['/', '\\']) || text.contains(':') || text.split(['/', '\\']).any(|name| name == "..");
    let between = if root.ends_with(['/', '\\', ':']) { "" } else { "/" };
    (!leaves).then(|| format!("{root}{between}{text}"))
}

/// The kind before the colon. One letter is a drive of Windows.
fn kind_of(url: &str) -> Option<&str> {
    let (kind, rest) = url.split_once(':')?;
    let wellformed = kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (wellformed && !rest.is_empty()).then_some(kind)
}

/// `imap://alice:secret@host`: never shown, never copied to a node.
fn holds_password(url: &str) -> bool {
    let authority = url.split_once("//").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
