//! Gmail's labels (X-GM-EXT-1): there a folder is a label, and a message of five labels stands in five folders and in All Mail. It is
//! read once, in its home, and its other labels become keywords (T20). A message is left out of a folder only where it was seen in its
//! home: labels alone are not believed.

use std::collections::{BTreeMap, HashMap, HashSet};

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{Blast, StoreError};
use mailferry_imap::{Command, Fetch, Response};

use super::account::Folders;
use super::names::Names;
use super::source::ImapSource;

/// What is asked of each message besides.
pub const ITEMS: &str = " X-GM-MSGID X-GM-LABELS";

/// Of the folders in which a message stands, the least is its home. Views show what has a mark, and are no place of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Inbox,
    Drafts,
    Sent,
    Own,
    All,
    Important,
    Starred,
}

/// Folders of an account that are labels, and which messages stand there by their X-GM-MSGID. Spam and Trash are none: what is there is
/// nowhere else.
pub struct Labels {
    ranks: BTreeMap<FolderPath, Rank>,
    names: Names,
    ids: HashMap<FolderPath, HashSet<u64>>,
}

impl Labels {
    pub fn of(folders: &Folders) -> Labels {
        let selectable = folders.by_path.iter().filter(|(_, folder)| folder.info.selectable);
        let ranks = selectable.filter_map(|(path, folder)| {
            let rank = match folder.info.special_use.as_deref() {
                _ if path.is_inbox() => Rank::Inbox,
                Some("Junk" | "Trash") => return None,
                Some("Drafts") => Rank::Drafts,
                Some("Sent") => Rank::Sent,
                Some("All") => Rank::All,
                Some("Important") => Rank::Important,
                Some("Flagged") => Rank::Starred,
                _ => Rank::Own,
            };
            Some((path.clone(), rank))
        });
        Labels { ranks: ranks.collect(), names: folders.names.clone(), ids: HashMap::new() }
    }

    fn of_rank(&self, wanted: Rank) -> Option<FolderPath> {
        self.ranks.iter().find(|(_, rank)| **rank == wanted).map(|(path, _)| path.clone())
    }

    /// The folder that shows this label, where it is shown.
    fn folder(&self, label: &str) -> Option<FolderPath> {
        match label.to_ascii_lowercase().as_str() {
            "\\inbox" => self.of_rank(Rank::Inbox),
            "\\draft" | "\\drafts" => self.of_rank(Rank::Drafts),
            "\\sent" => self.of_rank(Rank::Sent),
            "\\important" => self.of_rank(Rank::Important),
            "\\starred" => self.of_rank(Rank::Starred),
            other if other.starts_with('\\') => None,
            _ => Some(self.names.decode(label.as_bytes())).filter(|path| self.ranks.contains_key(path)),
        }
    }

    /// Whether a message is read here; it has its other labels as keywords then. The label of the folder that is open is not among
    /// those that the server tells.
    fn take(&self, here: &FolderPath, fetch: &mut Fetch) -> bool {
        let labels = fetch.labels.take().unwrap_or_default();
        let places: Vec<Option<FolderPath>> = labels.iter().map(|label| self.folder(label)).collect();
        let home = match self.ranks.contains_key(here) {
            true => self.home(here, places.iter().flatten().cloned(), fetch.gmail_id),
            false => here.clone(),
        };
        if home != *here {
            return false;
        }
        let others = labels.iter().zip(&places).filter(|(_, place)| place.as_ref() != Some(here)).filter_map(|(label, _)| keyword(label));
        fetch.flags.get_or_insert_default().extend(others);
        true
    }

    fn home(&self, here: &FolderPath, places: impl Iterator<Item = FolderPath>, id: Option<u64>) -> FolderPath {
        let stands = |path: &FolderPath| id.is_some_and(|id| self.ids.get(path).is_some_and(|ids| ids.contains(&id)));
        let all = places.chain(self.of_rank(Rank::All)).filter(stands).chain([here.clone()]);
        all.min_by_key(|path| (self.ranks.get(path).copied(), path.clone())).unwrap_or_else(|| here.clone())
    }
}

/// `\Starred` is `\Flagged` already. What an atom cannot hold is escaped as in names of folders (`=20=`).
fn keyword(label: &str) -> Option<String> {
    if label.eq_ignore_ascii_case("\\Starred") {
        return None;
    }
    if label.eq_ignore_ascii_case("\\Important") {
        return Some("$Important".into());
    }
    let mut text = String::new();
    for byte in label.strip_prefix('\\').unwrap_or(label).bytes() {
        match byte {
            b'=' | b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']' | ..=b' ' | 0x7f.. => text.push_str(&format!("={byte:02x}=")),
            byte => text.push(char::from(byte)),
        }
    }
    (!text.is_empty()).then_some(text)
}

impl ImapSource {
    /// Looks which messages stand in which folder, once for a pass.
    pub(super) fn look_at_labels(&mut self) -> Result<(), StoreError> {
        self.known()?;
        let Some(labels) = self.labels.as_ref().filter(|labels| labels.ids.is_empty()) else { return Ok(()) };
        for path in labels.ranks.keys().cloned().collect::<Vec<_>>() {
            self.examine(&path, true)?;
            let mut ids = HashSet::new();
            if self.open.as_ref().is_some_and(|open| open.selected.exists > 0) {
                let each = |response| {
                    if let Response::Fetch(fetch) = response {
                        ids.extend(fetch.gmail_id);
                    }
                };
                self.line.run(Blast::Folder, async |connection| {
                    connection.run(Command::new("FETCH 1:* (X-GM-MSGID)"), each).await.map(|_| ())
                })?;
            }
            if let Some(labels) = &mut self.labels {
                labels.ids.insert(path, ids);
            }
        }
        Ok(())
    }

    /// Those of these messages that have their home in the folder that is open.
    pub(super) fn at_home(&self, fetched: &mut Vec<Fetch>) {
        if let (Some(labels), Some(open)) = (&self.labels, &self.open) {
            fetched.retain_mut(|fetch| fetch.flags.is_some() && labels.take(&open.path, fetch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_a_keyword_that_an_atom_can_hold_and_no_two_are_one() {
        let labels = ["a.b/c@d", "two words", "two=20=words", "(x)]", "&APw-", "\\Sent", "\\Important"];
        let keywords: HashSet<String> = labels.iter().filter_map(|label| keyword(label)).collect();
        assert_eq!(keywords.len(), labels.len());
        assert_eq!((keyword("two words").as_deref(), keyword("a.b/c@d").as_deref()), (Some("two=20=words"), Some("a.b/c@d")));
        assert!(keywords.iter().all(|word| word.bytes().all(|byte| byte > b' ' && byte < 0x7f && !b"(){%*\"\\]".contains(&byte))));
        assert_eq!(keyword("\\Starred"), None);
    }
}
