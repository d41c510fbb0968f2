//! Collections, mailboxes and the stores they name.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use mailferry_rules::ids::MailboxId;
use toml::Spanned;

use super::{Check, TITLE_HINT, is_title};
use crate::settings::mailbox::{Mailbox, mailbox_id};
use crate::settings::project::{RawCollection, RawMailbox, RawProject};

/// What mailboxes are read against.
struct Frame<'a> {
    project: &'a str,
    source_root: Option<&'a str>,
    target_root: Option<&'a str>,
}

/// Lines of what was seen already.
#[derive(Default)]
struct Seen {
    names: HashMap<String, u32>,
    ids: HashMap<MailboxId, u32>,
    targets: HashMap<String, u32>,
    sources: Vec<(String, Range<usize>)>,
}

impl Check<'_> {
    pub(super) fn collections(&mut self, raw: &RawProject) -> Vec<Mailbox> {
        let frame = Frame {
            project: raw.project.name.get_ref(),
            source_root: self.root(raw.source.store_root.as_ref()),
            target_root: self.root(raw.target.store_root.as_ref()),
        };
        let mut seen = Seen::default();
        let mut mailboxes = Vec::new();
        for collection in &raw.collections {
            self.title("collection", &collection.name);
            for raw in collection.mailboxes.iter().flatten() {
                mailboxes.extend(self.mailbox(&frame, collection, raw).filter(|mailbox| self.is_new(&mut seen, raw, mailbox)));
            }
        }
        self.crossings(&seen);
        self.archives(raw, &mut mailboxes);
        if raw.collections.iter().all(|collection| collection.mailboxes.as_ref().is_none_or(Vec::is_empty)) {
            self.warning(raw.project.name.span(), "the project has no mailbox yet")
                .hint("add [[collections]] and [[collections.mailboxes]]");
        }
        mailboxes.sort_by_key(|mailbox| Reverse(mailbox.priority));
        mailboxes
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

    fn mailbox(&mut self, frame: &Frame<'_>, collection: &RawCollection, raw: &RawMailbox) -> Option<Mailbox> {
        self.title("mailbox", &raw.name);
        let source = self.store(frame.source_root, &raw.source);
        let target = self.store(frame.target_root, &raw.target);
        let id = raw.id.as_ref().map_or_else(|| Some(mailbox_id(frame.project, raw.name.get_ref())), |text| self.id(text));
        Some(Mailbox {
            id: id?,
            name: raw.name.get_ref().clone(),
            collection: collection.name.get_ref().clone(),
            priority: raw.priority.or(collection.priority).unwrap_or(0),
            source: source?,
            target: target?,
            archive: None,
        })
    }

    /// An archive is another mailbox of the project, of one user, and has none itself (R76).
    fn archives(&mut self, raw: &RawProject, mailboxes: &mut [Mailbox]) {
        let ids: HashMap<String, MailboxId> = mailboxes.iter().map(|of| (of.name.to_ascii_lowercase(), of.id)).collect();
        let mut whose = HashMap::new();
        let named = raw.collections.iter().flat_map(|collection| collection.mailboxes.iter().flatten());
        let named = named.filter_map(|of| of.archive.as_ref().map(|archive| (of.name.get_ref(), archive)));
        for (name, archive) in named.clone() {
            let wrong = match ids.get(&archive.get_ref().to_ascii_lowercase()) {
                None => Some(format!("the project has no mailbox `{}`", archive.get_ref().escape_debug())),
                Some(_) if archive.get_ref().eq_ignore_ascii_case(name) => Some("a mailbox is not its own archive".into()),
                Some(_) if named.clone().any(|(other, _)| other.eq_ignore_ascii_case(archive.get_ref())) => {
                    Some(format!("the mailbox {} has an archive itself", archive.get_ref()))
                }
                Some(id) => whose.insert(*id, name).map(|other| format!("{} is the archive of {other} already", archive.get_ref())),
            };
            match (wrong, mailboxes.iter_mut().find(|of| of.name == *name)) {
                (Some(wrong), _) => {
                    let hint = "name a mailbox of the project that is the archive of this one alone";
                    self.error(archive.span(), format!("the archive of {name}: {wrong}")).hint(hint);
                }
                (None, Some(mailbox)) => mailbox.archive = ids.get(&archive.get_ref().to_ascii_lowercase()).copied(),
                (None, None) => {}
            }
        }
    }

    fn id(&mut self, text: &Spanned<String>) -> Option<MailboxId> {
        let id: Result<MailboxId, _> = text.get_ref().parse();
        if let Err(wrong) = &id {
            self.error(text.span(), wrong.to_string());
        }
        id.ok()
    }

    fn store(&mut self, root: Option<&str>, url: &Spanned<String>) -> Option<String> {
        let text = url.get_ref();
        if holds_password(text) || root.is_some_and(holds_password) {
            let hint = "the project file is copied to every node: keep passwords in the key store, a file or the environment";
            self.error(url.span(), "a password stands in the name of a store").hint(hint);
            return None;
        }
        let full = full_url(root, text);
        if full.is_none() {
            let hint = "write its kind and place, such as maildir:/srv/mail/alice, or set store_root";
            self.error(url.span(), format!("`{}` does not name a store", text.escape_debug())).hint(hint);
        }
        full
    }

    /// Of two mailboxes of one name the first counts. Two of one id or in one target store could not be told apart again.
    fn is_new(&mut self, seen: &mut Seen, raw: &RawMailbox, mailbox: &Mailbox) -> bool {
        let (name, at) = (&mailbox.name, raw.name.span());
        let line = self.line(&at);
        if let Some(earlier) = seen.names.get(&name.to_ascii_lowercase()) {
            self.warning(at, format!("the mailbox {name} stands in line {earlier} too: that one counts, this one is left out"));
            return false;
        }
        seen.names.insert(name.to_ascii_lowercase(), line);
        if let Some(earlier) = seen.ids.insert(mailbox.id, line) {
            self.error(at.clone(), format!("the mailbox {name} has the id of the mailbox in line {earlier}"));
        }
        if let Some(earlier) = seen.targets.insert(place_of(&mailbox.target), line) {
            let text = format!("the mailbox {name} goes to the same store as the mailbox in line {earlier}");
            self.error(at.clone(), text).hint("two mailboxes in one store cannot be told apart again: give each its own");
        }
        seen.sources.push((place_of(&mailbox.source), at));
        true
    }

    /// A store that is read is never written to (R20).
    fn crossings(&mut self, seen: &Seen) {
        for (source, at) in &seen.sources {
            if let Some(line) = seen.targets.get(source) {
                let text = format!("{source} is read from here and written to by the mailbox in line {line}");
                self.error(at.clone(), text).hint("a source store is never changed: choose another target");
            }
        }
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
