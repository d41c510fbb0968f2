//! Puts mail into a server over IMAP: literals that wait for nobody where offered, many commands at once.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Result, bail};

use crate::corpus::{Mail, Mailboxes, from_modified_utf7, imap_date, modified_utf7};
use crate::talk::{Talk, Value, quoted};

/// Commands on their way; the server's answers to them fit into any socket.
const AHEAD: usize = 64;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Folders that say what they are for, where the server lets a client say so.
pub const SPECIAL_USES: [&str; 4] = ["Drafts", "Sent", "Junk", "Trash"];

/// Where a server keeps folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub prefix: String,
    pub separator: String,
}

impl Names {
    /// By NAMESPACE, or by LIST where that is not offered.
    pub fn ask(talk: &mut Talk) -> Result<Self> {
        let answer = talk.command("NAMESPACE")?;
        if let Some(personal) = answer.all("NAMESPACE").next().and_then(|values| values.get(1)).and_then(|value| value.list().first()) {
            let text = |at: usize| personal.list().get(at).and_then(Value::text);
            return Ok(Names { prefix: text(0).unwrap_or_default(), separator: text(1).unwrap_or_default() });
        }
        let answer = talk.ok("LIST \"\" \"\"")?;
        let separator = answer.all("LIST").next().and_then(|values| values.get(2)).and_then(Value::text).unwrap_or_default();
        Ok(Names { prefix: String::new(), separator })
    }

    /// Back again, still encoded: a name that two servers can be compared by. What stands escaped in a level, as `\\2e` or `=2e=`, is the
    /// character; a slash within a level is `\\2f`.
    pub fn common(&self, wire: &str) -> String {
        let name = wire.strip_prefix(&self.prefix).filter(|_| wire != "INBOX").unwrap_or(wire);
        let levels: Vec<&str> = if self.separator.is_empty() { vec![name] } else { name.split(&self.separator).collect() };
        let common = |level: &str| modified_utf7(&unescaped(&from_modified_utf7(level))).replace('/', "\\2f");
        levels.into_iter().map(common).collect::<Vec<_>>().join("/")
    }

    /// As it goes over the wire, with `/` between the levels of what is given.
    pub fn wire(&self, folder: &str) -> String {
        match folder.strip_prefix("INBOX") {
            Some("") => "INBOX".into(),
            Some(below) if below.starts_with('/') => format!("INBOX{}", modified_utf7(below).replace('/', &self.separator)),
            _ => self.prefix.clone() + &modified_utf7(folder).replace('/', &self.separator),
        }
    }
}

/// Each escape by itself is bytes of UTF-8; NUL is none.
fn unescaped(level: &str) -> String {
    let bytes = level.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = |closed: bool| {
            let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(|digit| b"0123456789abcdef".contains(digit)))?;
            let digits = std::str::from_utf8(digits).ok().filter(|_| !closed || bytes.get(at + 3) == Some(&b'='))?;
            u8::from_str_radix(digits, 16).ok()
        };
        let (byte, length) = match bytes[at] {
            b'\\' => digits(false).map_or((b'\\', 1), |byte| (byte, 3)),
            b'=' => digits(true).map_or((b'=', 1), |byte| (byte, 4)),
            byte => (byte, 1),
        };
        out.extend((length == 1 || byte != 0).then_some(byte));
        at += length;
    }
    String::from_utf8(out).unwrap_or_else(|_| level.to_owned())
}

/// Users 1 to the last of the corpus, and how many messages that were.
#[cfg(unix)]
pub fn users(server: &crate::servers::Server, corpus: &crate::corpus::Corpus) -> Result<usize> {
    let mut count = 0;
    for number in 1..=corpus.users {
        let boxes = corpus.user(number);
        count += boxes.mail.len();
        mailboxes(&mut server.talk(number)?, &boxes)?;
    }
    Ok(count)
}

/// The folders a server refuses are left out with their mail, and told.
pub fn mailboxes(talk: &mut Talk, boxes: &Mailboxes) -> Result<Vec<String>> {
    let names = Names::ask(talk)?;
    let may_say_use = talk.offers("CREATE-SPECIAL-USE")?;
    let mut refused = Vec::new();
    for folder in boxes.folders.iter().filter(|folder| *folder != "INBOX") {
        let with_use = may_say_use && SPECIAL_USES.contains(&folder.as_str());
        let special = if with_use { format!(" (USE (\\{folder}))") } else { String::new() };
        let answer = talk.command(&format!("CREATE {}{special}", quoted(&names.wire(folder))))?;
        let made = answer.is_ok() || answer.status.contains("ALREADYEXISTS") || answer.status.contains("already exists");
        // Some say yes to a name that they do not know afterwards.
        if !made || !talk.command(&format!("STATUS {} (MESSAGES)", quoted(&names.wire(folder))))?.is_ok() {
            refused.push(folder.clone());
        }
    }
    for folder in boxes.subscriptions.iter().filter(|folder| !refused.contains(folder)) {
        talk.command(&format!("SUBSCRIBE {}", quoted(&names.wire(folder))))?;
    }
    append(talk, &names, boxes.mail.iter().filter(|mail| !refused.contains(&mail.folder)).cloned())?;
    Ok(refused)
}

/// Every message, or the first refusal.
pub fn append(talk: &mut Talk, names: &Names, mail: impl IntoIterator<Item = Mail>) -> Result<usize> {
    append_wire(talk, mail.into_iter().map(|mail| Mail { folder: names.wire(&mail.folder), ..mail }))
}

/// The same, with folder names as they go over the wire.
pub fn append_wire(talk: &mut Talk, mail: impl IntoIterator<Item = Mail>) -> Result<usize> {
    let (runs_ahead, together) = (talk.offers("LITERAL+")?, talk.offers("MULTIAPPEND")?);
    let mut batch = Batch::default();
    let mut waiting = VecDeque::new();
    let mut count = 0;
    for mail in mail {
        count += 1;
        if !runs_ahead {
            let answer = talk.append(&mail.folder, &options_of(&mail), &mail.bytes)?;
            check(&answer.status, &mail.folder)?;
            continue;
        }
        if !together || !batch.takes(&mail) {
            waiting.extend(batch.send(talk)?);
        }
        batch.add(&mail);
        if waiting.len() > AHEAD {
            finish_first(talk, &mut waiting)?;
        }
    }
    waiting.extend(batch.send(talk)?);
    while !waiting.is_empty() {
        finish_first(talk, &mut waiting)?;
    }
    Ok(count)
}

/// Messages of one command: Dovecot looks through a Maildir after each.
#[derive(Default)]
struct Batch {
    folder: String,
    command: Vec<u8>,
}

impl Batch {
    fn takes(&self, mail: &Mail) -> bool {
        self.folder == mail.folder && self.command.len() + mail.bytes.len() <= BATCH_BYTES_MAX
    }

    fn add(&mut self, mail: &Mail) {
        if self.command.is_empty() {
            self.folder.clone_from(&mail.folder);
            self.command = format!("APPEND {}", quoted(&mail.folder)).into_bytes();
        }
        self.command.extend_from_slice(format!(" {} {{{}+}}\r\n", options_of(mail), mail.bytes.len()).as_bytes());
        self.command.extend_from_slice(&mail.bytes);
    }

    /// Its tag and folder, unless it is empty.
    fn send(&mut self, talk: &mut Talk) -> Result<Option<(String, String)>> {
        let command = std::mem::take(&mut self.command);
        if command.is_empty() {
            return Ok(None);
        }
        Ok(Some((talk.begin(&command)?, self.folder.clone())))
    }
}

fn finish_first(talk: &mut Talk, waiting: &mut VecDeque<(String, String)>) -> Result<()> {
    let Some((tag, folder)) = waiting.pop_front() else { return Ok(()) };
    check(&talk.finish(&tag)?.status, &folder)
}

fn check(status: &str, folder: &str) -> Result<()> {
    if status.starts_with("OK") { Ok(()) } else { bail!("APPEND to {folder}: {status}") }
}

/// Flags and date.
fn options_of(mail: &Mail) -> String {
    let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
    format!("({}) \"{}\"", flags.join(" "), imap_date(mail.date_s))
}

/// How many messages each folder got.
pub fn counts(boxes: &Mailboxes) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    boxes.mail.iter().for_each(|mail| *counts.entry(mail.folder.as_str()).or_default() += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_a_server_writes_it() {
        let names = |prefix: &str, separator: &str| Names { prefix: prefix.into(), separator: separator.into() };
        let (slash, dot) = (names("", "/"), names("INBOX.", "."));
        for (one, other) in [
            ("Acme v2.0/x", "INBOX.Acme v2\\2e0.x"),
            ("R&-D", "INBOX.R=26=D"),
            ("Emoji &2D3eAA-", "INBOX.Emoji =f0==9f==98==80="),
            ("a\\2fb", "INBOX.a/b"),
            ("INBOX", "INBOX"),
        ] {
            assert_eq!(slash.common(one), dot.common(other));
        }
        assert_ne!(slash.common("a/b"), dot.common("INBOX.a/b"));
    }
}
