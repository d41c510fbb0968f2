//! The folders of an account: LIST in its richest form that the server knows, with subscriptions, special uses and the numbers that
//! tell whether a folder has changed (RFC 5258, 5819, 6154).

use std::collections::BTreeMap;

use mailferry_core::model::{FolderInfo, FolderPath};
use mailferry_core::ports::{Blast, Retry, StoreError};
use mailferry_imap::{Command, Connection, ImapError, Listed, Response, StatusItems};

use super::line::Line;
use super::names::{Form, Names};

const STATUS_ITEMS: &str = "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ";

pub struct Folder {
    pub info: FolderInfo,
    /// As the server writes it; empty for a parent that it does not list.
    pub name: Vec<u8>,
    pub status: Option<StatusItems>,
}

/// Folders of the account by path, parents before children.
#[derive(Default)]
pub struct Folders {
    pub names: Names,
    pub by_path: BTreeMap<FolderPath, Folder>,
}

impl Folders {
    /// `status`: also the numbers that tell of changes.
    pub fn read(line: &mut Line, status: bool) -> Result<Folders, StoreError> {
        let (namespace, root) = line.run(Blast::Mailbox, async |connection| {
            let namespace = connection.namespace().await?;
            // The separator of a server without NAMESPACE (RFC 9051, 6.3.9.2).
            let told = namespace.personal.first().is_some_and(|(_, separator)| separator.is_some());
            let root = if told { Vec::new() } else { connection.list(Command::new("LIST \"\" \"\"")).await? };
            Ok((namespace, root))
        })?;
        let (prefix, separator) = namespace.personal.first().cloned().unwrap_or_default();
        let names = Names { prefix, separator: separator.or_else(|| root.first().and_then(|listed| listed.separator)) };
        let foreign: Vec<Vec<u8>> =
            namespace.others.into_iter().chain(namespace.shared).map(|(prefix, _)| prefix).filter(|prefix| !prefix.is_empty()).collect();
        let found = line.run(Blast::Mailbox, async |connection| listed(connection, status).await)?;
        let mut folders = Folders { names, by_path: BTreeMap::new() };
        for (listed, status) in found {
            if !foreign.iter().any(|prefix| is_below(&listed.name, prefix)) {
                folders.add(listed, status);
            }
        }
        Ok(folders)
    }

    fn add(&mut self, listed: Listed, status: Option<StatusItems>) {
        let names = Names { prefix: self.names.prefix.clone(), separator: listed.separator.or(self.names.separator) };
        let path = names.decode(&listed.name);
        let selectable = !listed.has("\\Noselect") && !listed.has("\\NonExistent");
        let info = FolderInfo { path: path.clone(), selectable, subscribed: listed.has("\\Subscribed"), special_use: special_use(&listed) };
        for parent in 1..path.0.len() {
            let parent = FolderPath(path.0[..parent].to_vec());
            self.by_path.entry(parent.clone()).or_insert_with(|| Folder {
                info: FolderInfo { selectable: false, ..FolderInfo::plain(parent) },
                name: Vec::new(),
                status: None,
            });
        }
        let folder = Folder { info, name: listed.name, status };
        self.insert(folder, &names);
    }

    /// Two names for one path: that of an escape is meant literally, or nobody would see one of the folders. With `INBOX` and `inbox`
    /// the first selectable one is meant.
    fn insert(&mut self, mut folder: Folder, names: &Names) {
        let path = folder.info.path.clone();
        let is_there = |known: &&mut Folder| known.info.selectable && !known.name.is_empty();
        let Some(known) = self.by_path.get_mut(&path).filter(is_there) else {
            self.by_path.insert(path, folder);
            return;
        };
        if names.decode_literally(&folder.name) == path {
            std::mem::swap(known, &mut folder);
        }
        let literal = names.decode_literally(&folder.name);
        if literal == path {
            // Neither is an escape: as before.
            std::mem::swap(known, &mut folder);
        } else {
            folder.info.path = literal.clone();
            self.by_path.insert(literal, folder);
        }
    }

    /// How to write a name: below its parent as that is written already.
    pub fn encode(&self, path: &FolderPath, form: Form) -> Vec<u8> {
        let above = path.0.split_last().map(|(_, above)| FolderPath(above.to_vec()));
        match above.as_ref().filter(|above| !above.is_inbox()).and_then(|above| self.name(above)) {
            Some(parent) => self.names.encode_below(parent, path, form),
            None => self.names.encode(path, form),
        }
    }

    pub fn name(&self, path: &FolderPath) -> Option<&[u8]> {
        self.by_path.get(path).map(|folder| folder.name.as_slice()).filter(|name| !name.is_empty())
    }

    /// Parents before children, each once; none at all is an error, for no account is without an inbox (T18).
    pub fn infos(&self, url: &str) -> Result<Vec<FolderInfo>, StoreError> {
        let mut infos: Vec<FolderInfo> = self.by_path.values().map(|folder| folder.info.clone()).collect();
        infos.sort_by(|a, b| (a.path.0.len(), &a.path).cmp(&(b.path.0.len(), &b.path)));
        if infos.is_empty() {
            let cause = "the server lists no folder at all, not even an inbox";
            return Err(StoreError::new(Blast::Mailbox, Retry::Later, "list the folders of an account", url, cause));
        }
        Ok(infos)
    }
}

fn is_below(name: &[u8], prefix: &[u8]) -> bool {
    name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix)
}

/// RFC 6154, and the names XLIST had for it.
fn special_use(listed: &Listed) -> Option<String> {
    const USES: [&str; 8] = ["All", "Archive", "Drafts", "Flagged", "Junk", "Sent", "Trash", "Important"];
    let used =
        |attribute: &String| USES.iter().find(|known| attribute.strip_prefix('\\').is_some_and(|name| name.eq_ignore_ascii_case(known)));
    let old = |attribute: &String| match attribute.to_ascii_lowercase().as_str() {
        "\\spam" => Some(&"Junk"),
        "\\starred" => Some(&"Flagged"),
        "\\allmail" => Some(&"All"),
        _ => None,
    };
    listed.attributes.iter().find_map(|attribute| used(attribute).or_else(|| old(attribute))).map(|name| (*name).to_owned())
}

type Found = Vec<(Listed, Option<StatusItems>)>;

async fn listed(connection: &mut Connection, status: bool) -> Result<Found, ImapError> {
    if connection.has("LIST-EXTENDED") || connection.has("LIST-STATUS") || connection.has("IMAP4REV2") {
        match extended(connection, status).await {
            // A server that promises more than it knows (T18).
            Err(error) if !error.is_fatal() => {}
            found => return found,
        }
    }
    plain(connection, status).await
}

async fn extended(connection: &mut Connection, status: bool) -> Result<Found, ImapError> {
    let with_status = status && connection.has("LIST-STATUS");
    let mut wanted = vec!["SUBSCRIBED".to_owned()];
    if connection.has("SPECIAL-USE") {
        wanted.push("SPECIAL-USE".into());
    }
    if with_status {
        wanted.push(format!("STATUS ({})", status_items(connection)));
    }
    let mut found: Found = Vec::new();
    let each = |response| match response {
        Response::List(listed) => found.push((listed, None)),
        Response::StatusOf(name, items) => {
            if let Some((_, status)) = found.iter_mut().rev().find(|(listed, _)| listed.name == name) {
                *status = Some(items);
            }
        }
        _ => {}
    };
    connection.run(Command::new(format!("LIST \"\" \"*\" RETURN ({})", wanted.join(" "))), each).await?;
    if status && !with_status {
        ask_status(connection, &mut found).await?;
    }
    Ok(found)
}

async fn plain(connection: &mut Connection, status: bool) -> Result<Found, ImapError> {
    let listed = connection.list(Command::new("LIST \"\" \"*\"")).await?;
    let subscribed = connection.list(Command::new("LSUB \"\" \"*\"")).await?;
    let mut found: Found = listed.into_iter().map(|listed| (listed, None)).collect();
    for (listed, _) in &mut found {
        if subscribed.iter().any(|there| there.name == listed.name) {
            listed.attributes.push("\\Subscribed".into());
        }
    }
    if status {
        ask_status(connection, &mut found).await?;
    }
    Ok(found)
}

/// Without CONDSTORE nothing tells of changed flags, and the numbers say nothing.
async fn ask_status(connection: &mut Connection, found: &mut Found) -> Result<(), ImapError> {
    if !connection.has("CONDSTORE") && !connection.has("QRESYNC") {
        return Ok(());
    }
    let items = status_items(connection);
    let mut tags = Vec::new();
    for (at, (listed, _)) in found.iter().enumerate().filter(|(_, (listed, _))| !listed.has("\\Noselect")) {
        tags.push((at, connection.send(Command::new("STATUS").string(&listed.name).text(format!(" ({items})"))).await?));
    }
    for (at, tag) in tags {
        let mut items = None;
        let each = |response| {
            if let Response::StatusOf(_, found) = response {
                items = Some(found);
            }
        };
        match connection.finish(&tag, "STATUS", each).await {
            Err(error) if error.is_fatal() => return Err(error),
            _ => found[at].1 = items,
        }
    }
    Ok(())
}

fn status_items(connection: &Connection) -> &'static str {
    match connection.has("CONDSTORE") || connection.has("QRESYNC") {
        true => STATUS_ITEMS,
        false => "MESSAGES UIDNEXT UIDVALIDITY",
    }
}
