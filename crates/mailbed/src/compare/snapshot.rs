//! Everything a user has, without the bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::corpus::date_of_imap;
use crate::fill::Names;
use crate::talk::{Said, Talk, Value, quoted};

pub type Becomes<'b> = &'b mut dyn FnMut(&[u8]) -> Cow<'_, [u8]>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By a name with `/` between the levels, encoded as on the wire.
    pub folders: BTreeMap<String, Folder>,
    pub subscriptions: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// `\Sent` and its like.
    pub special_uses: BTreeSet<String>,
    /// In the order of their UIDs.
    pub messages: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub uid: u64,
    pub digest: blake3::Hash,
    pub bytes: u64,
    /// Without `\Recent`, which no client can set.
    pub flags: BTreeSet<String>,
    pub date_s: Option<i64>,
    /// The first Message-ID, to tell what was altered from what is missing.
    pub message_id: Option<String>,
}

impl Snapshot {
    pub fn read(talk: &mut Talk) -> Result<Self> {
        Snapshot::read_as(talk, &mut |bytes| Cow::Borrowed(bytes))
    }

    /// With other bytes in place of those of each message.
    pub fn read_as(talk: &mut Talk, becomes: Becomes<'_>) -> Result<Self> {
        let names = Names::ask(talk)?;
        let mut snapshot = Snapshot::default();
        let listed = talk.ok("LIST \"\" \"*\"")?;
        for values in listed.all("LIST") {
            let (words, Some(name)) = (values[1].list(), values.get(3).and_then(Value::text)) else { bail!("a LIST without a name") };
            if words.iter().any(|word| word.is_atom("\\Noselect") || word.is_atom("\\NonExistent")) {
                continue;
            }
            let plain = ["\\HasChildren", "\\HasNoChildren", "\\Marked", "\\UnMarked", "\\Subscribed", "\\Noinferiors"];
            let special = words.iter().filter(|word| !plain.iter().any(|plain| word.is_atom(plain))).filter_map(Value::text).collect();
            let messages = messages(talk, &name, becomes)?;
            snapshot.folders.insert(names.common(&name), Folder { special_uses: special, messages });
        }
        let subscribed = talk.ok("LSUB \"\" \"*\"")?;
        let named = subscribed.all("LSUB").filter(|values| !values[1].list().iter().any(|word| word.is_atom("\\Noselect")));
        snapshot.subscriptions = named.filter_map(|values| values.get(3).and_then(Value::text)).map(|name| names.common(&name)).collect();
        Ok(snapshot)
    }

    pub fn messages(&self) -> usize {
        self.folders.values().map(|folder| folder.messages.len()).sum()
    }
}

fn messages(talk: &mut Talk, name: &str, becomes: Becomes<'_>) -> Result<Vec<Entry>> {
    let opened = talk.ok(&format!("EXAMINE {}", quoted(name)))?;
    let exists = opened.all("EXISTS").last().and_then(|values| values[0].number()).unwrap_or(0);
    let mut entries = Vec::new();
    if exists == 0 {
        return Ok(entries);
    }
    let tag = talk.begin(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")?;
    loop {
        match talk.next(&tag)? {
            // Without a body it is news of what another session has just done to a message.
            Said::Untagged(values) if values.get(1).is_some_and(|word| word.is_atom("FETCH")) => {
                entries.extend(entry(values[2].list(), becomes)?);
            }
            Said::Untagged(_) => {}
            Said::GoOn => bail!("the server waits for more"),
            Said::Done(status) if status.starts_with("OK") => break,
            Said::Done(status) => bail!("{name}: {status}"),
        }
    }
    if entries.len() as u64 != exists {
        bail!("{name}: {} of {exists} messages were read", entries.len());
    }
    entries.sort_by_key(|entry| entry.uid);
    Ok(entries)
}

fn entry(items: &[Value], becomes: Becomes<'_>) -> Result<Option<Entry>> {
    let Some(body) = Value::of(items, "BODY[]") else { return Ok(None) };
    let Some(body) = body.bytes() else { bail!("a message without a body: {items:?}") };
    let body = &*becomes(body);
    let flags = Value::of(items, "FLAGS").map(Value::list).unwrap_or_default();
    Ok(Some(Entry {
        uid: Value::of(items, "UID").and_then(Value::number).unwrap_or(0),
        digest: blake3::hash(body),
        bytes: body.len() as u64,
        flags: flags.iter().filter(|flag| !flag.is_atom("\\Recent")).filter_map(Value::text).collect(),
        date_s: Value::of(items, "INTERNALDATE").and_then(Value::text).as_deref().and_then(date_of_imap),
        message_id: message_id(body),
    }))
}

fn message_id(body: &[u8]) -> Option<String> {
    let lines = body.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let mut found = lines.filter(|line| line.get(..11).is_some_and(|name| name.eq_ignore_ascii_case(b"message-id:")));
    found.next().map(|line| String::from_utf8_lossy(line[11..].trim_ascii()).into_owned())
}
