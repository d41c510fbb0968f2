//! The mailboxes of a list: every line checked, and everything that is wrong told at once, before anything is begun
//! (docs/formats/list.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mailferry_core::trouble::Trouble;
use mailferry_stores::{Secret, StoreUrl};

use super::super::one::{Pair, real};
use super::super::secrets;
use crate::commands::csv::{self, Record};
use crate::exit::WrongUse;

const PAGE: &str = "docs/formats/list.md";
const MAILBOXES_MAX: usize = 100_000;

const COLUMNS: [&str; 11] = [
    "name",
    "source",
    "source_user",
    "source_password",
    "source_password_env",
    "source_password_file",
    "target",
    "target_user",
    "target_password",
    "target_password_env",
    "target_password_file",
];

/// One mailbox.
#[derive(Debug)]
pub struct Entry {
    pub line: usize,
    pub name: String,
    pub pair: Pair,
}

#[derive(Debug, Default)]
pub struct List {
    pub entries: Vec<Entry>,
    /// By address.
    given: BTreeMap<String, Secret>,
}

impl List {
    /// One mailbox that is in no list.
    pub fn of_one(pair: Pair) -> List {
        List { entries: vec![Entry { line: 0, name: named(&pair.source), pair }], given: BTreeMap::new() }
    }

    /// The secrets it gives, and those that are asked for on the terminal.
    pub fn secrets(&self) -> anyhow::Result<BTreeMap<String, Secret>> {
        let stores = self.entries.iter().flat_map(|entry| [&entry.pair.source, &entry.pair.target]);
        secrets::with_asked(self.given.clone(), stores)
    }
}

pub fn read(file: &Path) -> anyhow::Result<List> {
    let text = csv::load(file, PAGE).map_err(WrongUse)?;
    let (list, mut mistakes) = checked(&text);
    if list.holds_passwords && secrets::readable_by_others(file) {
        mistakes.push((list.header_line, "there are passwords in it, and other users of this machine may read it: chmod 600".into()));
    }
    if mistakes.is_empty() {
        return Ok(list.list);
    }
    Err(WrongUse(csv::unusable(file, PAGE, mistakes).now("nothing was begun")).into())
}

struct Checked {
    list: List,
    header_line: usize,
    holds_passwords: bool,
}

type Mistakes = Vec<csv::Bad>;

fn checked(text: &str) -> (Checked, Mistakes) {
    let (records, mut mistakes) = csv::read(text);
    let mut checked = Checked { list: List::default(), header_line: 1, holds_passwords: false };
    let mut records = records.into_iter();
    let Some(header) = records.next() else {
        mistakes.push((1, "there is no line with the names of the columns".into()));
        return (checked, mistakes);
    };
    checked.header_line = header.line;
    let columns = columns(&header, &mut mistakes);
    if columns.is_none() {
        return (checked, mistakes);
    }
    let columns = columns.unwrap_or_default();
    for record in records {
        checked.take(&columns, &record, &mut mistakes);
    }
    if checked.list.entries.is_empty() && mistakes.is_empty() {
        mistakes.push((header.line, "there is no mailbox in it".into()));
    }
    if checked.list.entries.len() > MAILBOXES_MAX {
        mistakes.push((header.line, format!("there are more than {MAILBOXES_MAX} mailboxes in it")));
    }
    clashes(&checked.list.entries, &mut mistakes);
    (checked, mistakes)
}

/// Which column stands where. `None`: the lines cannot be read by it.
fn columns(header: &Record, mistakes: &mut Mistakes) -> Option<Vec<&'static str>> {
    let mut found = Vec::new();
    for name in &header.fields {
        let name = name.trim().to_ascii_lowercase();
        match COLUMNS.iter().find(|known| **known == name) {
            None => mistakes.push((header.line, format!("there is no column `{name}`; there are {}", COLUMNS.join(", ")))),
            Some(known) if found.contains(known) => mistakes.push((header.line, format!("the column `{name}` is there twice"))),
            Some(known) => found.push(known),
        }
    }
    let missing: Vec<_> = ["source", "target"].into_iter().filter(|needed| !found.contains(needed)).collect();
    mistakes.extend(missing.iter().map(|needed| (header.line, format!("the column `{needed}` is missing"))));
    (found.len() == header.fields.len() && missing.is_empty()).then_some(found)
}

impl Checked {
    fn take(&mut self, columns: &[&'static str], record: &Record, mistakes: &mut Mistakes) {
        let line = record.line;
        if record.fields.len() != columns.len() {
            let what = format!("it has {} fields, the first line names {}", record.fields.len(), columns.len());
            return mistakes.push((line, what));
        }
        let value = |column: &str| {
            let at = columns.iter().position(|there| *there == column)?;
            Some(record.fields[at].trim()).filter(|value| !value.is_empty())
        };
        self.holds_passwords |= ["source", "target"].iter().any(|side| value(&format!("{side}_password")).is_some());
        let before = mistakes.len();
        let mut store = |side: &str| {
            let store = store_of(side, &value);
            let store = store.and_then(|url| self.list.keep_secret(side, &url, &value).map(|()| url));
            store.map_err(|what| mistakes.push((line, what))).ok()
        };
        let (source, target) = (store("source"), store("target"));
        let (Some(source), Some(target)) = (source, target) else { return };
        let pair = Pair { source, target };
        if let Err(trouble) = pair.apart() {
            mistakes.push((line, flat(&trouble)));
        }
        if mistakes.len() == before {
            let name = value("name").map_or_else(|| named(&pair.source), str::to_owned);
            self.list.entries.push(Entry { line, name, pair });
        }
    }
}

fn store_of<'v>(side: &str, value: &dyn Fn(&str) -> Option<&'v str>) -> Result<StoreUrl, String> {
    let text = value(side).ok_or_else(|| format!("{side}: there is no store"))?;
    let url = match value(&format!("{side}_user")) {
        Some(user) => with_user(text, user).map_err(|what| format!("{side}: {what}"))?,
        None => text.to_owned(),
    };
    let url = StoreUrl::parse(&url).map_err(|trouble| format!("{side}: {}", flat(&trouble)))?;
    let url = url.absolute().map_err(|error| format!("{side}: {error}"))?;
    if let StoreUrl::Imap(url) = &url {
        url.check_place().map_err(|trouble| format!("{side}: {}", flat(&trouble)))?;
    }
    Ok(url)
}

/// Puts the user of a column into an address that has none.
fn with_user(text: &str, user: &str) -> Result<String, String> {
    let Some((scheme, rest)) = text.split_once("://") else { return Err("only an address of a server takes a user".into()) };
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    if place.contains('@') {
        return Err("the user stands in its column and in the address: one of them is enough".into());
    }
    let mut encoded = String::new();
    for byte in user.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(format!("{scheme}://{encoded}@{rest}"))
}

impl List {
    fn keep_secret<'v>(&mut self, side: &str, url: &StoreUrl, value: &dyn Fn(&str) -> Option<&'v str>) -> Result<(), String> {
        let column = |kind: &str| value(&format!("{side}_password{kind}"));
        let given: Vec<(&str, &str)> = ["", "_env", "_file"].into_iter().filter_map(|kind| Some((kind, column(kind)?))).collect();
        let secret = match (given[..].first(), given.len()) {
            (None, _) => return secrets::named_by(url).map_err(|trouble| format!("{side}: {}", flat(&trouble))),
            (_, 2..) => return Err(format!("{side}: there is more than one password")),
            (Some(("", password)), _) => Ok(Secret((*password).to_owned())),
            (Some(("_env", name)), _) => secrets::from_env(name),
            (Some((_, path)), _) => secrets::from_file(Path::new(path)),
        };
        let secret = secret.map_err(|trouble| format!("{side}: {}", flat(&trouble)))?;
        let StoreUrl::Imap(imap) = url else { return Err(format!("{side}: a store on disk has no password")) };
        if imap.names_secret() {
            return Err(format!("{side}: the address says where the password is, and a column does"));
        }
        match self.given.insert(url.to_string(), secret.clone()) {
            Some(other) if other != secret => Err(format!("{side}: another line gives another password for the same account")),
            _ => Ok(()),
        }
    }
}

/// Two mailboxes into one would mix them, and what is filled while it is read is never read to its end.
fn clashes(entries: &[Entry], mistakes: &mut Mistakes) {
    let key = |url: &StoreUrl| url.account().unwrap_or_else(|| url.to_string());
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        if let Some(line) = targets.insert(key(&entry.pair.target), entry.line) {
            mistakes.push((entry.line, format!("its target is that of line {line}")));
        }
    }
    for entry in entries {
        if let Some(line) = targets.get(&key(&entry.pair.source)) {
            mistakes.push((entry.line, format!("its source is the target of line {line}")));
        }
    }
    nested(entries, mistakes);
}

/// Stores on disk that lie in each other. Paths in order: whatever lies in a folder comes right behind it.
fn nested(entries: &[Entry], mistakes: &mut Mistakes) {
    let mut paths: Vec<(PathBuf, usize, bool)> = Vec::new();
    for Entry { line, pair, .. } in entries {
        paths.extend(pair.source.path().map(|path| (real(path), *line, false)));
        paths.extend(pair.target.path().map(|path| (real(path), *line, true)));
    }
    paths.sort();
    for outer_is_target in [true, false] {
        let mut outer: Option<&(PathBuf, usize, bool)> = None;
        for there in &paths {
            let (path, line, is_target) = there;
            match outer.filter(|(above, of, _)| path.starts_with(above) && of != line && (outer_is_target || *is_target)) {
                // The same path was told of already, by its address.
                Some((above, ..)) if above == path => {}
                Some((_, of, _)) => {
                    let (side, other) = if *is_target { ("target", outer_is_target) } else { ("source", true) };
                    mistakes.push((*line, format!("its {side} lies in the {} of line {of}", if other { "target" } else { "source" })));
                }
                None if *is_target == outer_is_target && outer.is_none_or(|(above, ..)| !path.starts_with(above)) => outer = Some(there),
                None => {}
            }
        }
    }
}

fn named(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Imap(imap) => imap.user().to_owned(),
        StoreUrl::Disk(disk) => disk.path.file_name().map_or_else(|| url.to_string(), |name| name.to_string_lossy().into_owned()),
    }
}

/// On one line.
fn flat(trouble: &Trouble) -> String {
    trouble.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
