//! `mailferry verify --manifest`: whether the target still holds what a manifest says, with nothing else at hand.
//!
//! What is outdated: a manifest and a store cannot tell by themselves that a newer manifest was made. It is told by a number that is
//! asked for, by a newer one that lies beside it, by the previous one that it should follow, and by a store that has renamed its items.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mailferry_core::manifest::{Choices, Header, ManifestError, Report, Trust, VerifyError, What, address, verify};
use mailferry_core::model::FolderPath;
use mailferry_core::ports::MailSource;
use mailferry_core::trouble::Trouble;
use mailferry_stores::{StoreUrl, open_source};

use crate::commands::manifest::trust::Keys;
use crate::commands::manifest::{id_text, open, refused};
use crate::exit::{Exit, WrongUse};
use crate::screen::{self, Screen};
use crate::text;

#[derive(clap::Args)]
pub struct Options {
    /// Check TARGET against this manifest alone: no source is needed
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub keys: Keys,
    /// Refuse a manifest of a lower number
    #[arg(long, value_name = "N", requires = "manifest")]
    pub at_least: Option<u64>,
    /// Refuse a manifest that does not follow this one
    #[arg(long, value_name = "FILE", requires = "manifest")]
    pub previous: Option<PathBuf>,
    /// Refuse a manifest of another mailbox than this id
    #[arg(long, value_name = "ID", requires = "manifest")]
    pub mailbox: Option<String>,
    /// The store is the one the manifest means, though it is reached by another address
    #[arg(long, requires = "manifest")]
    pub elsewhere: bool,
}

pub fn run(file: &Path, target: &str, options: &Options, limit: usize, screen: &mut Screen) -> anyhow::Result<Exit> {
    let url = StoreUrl::parse(target).map_err(WrongUse)?.absolute()?;
    let trust = options.keys.trust()?;
    let (header, _) = open(file, &trust).and_then(|reader| reader.check()).map_err(|error| refused(file, &error))?;
    is_wanted(file, &header, options, &trust)?;
    let mut store = open_source(&url).map_err(Trouble::from)?;
    if !options.elsewhere {
        is_its_target(file, &header, store.as_ref())?;
    }
    let bar = screen::spinner();
    let report = verify(&mut || open(file, &trust), store.as_mut(), Choices { listed_max: limit }, &mut |folder, read| {
        bar.set_message(format!("{}: {} read", text::folder(folder), text::count(read, "item")));
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| match error {
        VerifyError::Manifest(error) => refused(file, &error),
        VerifyError::Store(error) => Trouble::from(error),
    })?;
    if screen.json {
        screen.document(&report)?;
    } else {
        print(screen, &report)?;
    }
    // Both may lack the same.
    Ok(match report.differing() {
        0 if report.said.is_empty() => Exit::Ok,
        0 => Exit::Partly,
        _ => Exit::Failed,
    })
}

fn is_wanted(file: &Path, header: &Header, options: &Options, trust: &Trust) -> Result<(), Trouble> {
    let refuse = |cause: String| Trouble::new("the manifest is refused").place(file.display()).cause(cause);
    if options.mailbox.as_ref().is_some_and(|mailbox| *mailbox != header.mailbox.to_string()) {
        return Err(refuse(format!("it is of the mailbox {}", header.mailbox)));
    }
    if let Some(least) = options.at_least.filter(|least| header.number < *least) {
        return Err(refuse(format!("it is outdated: number {}, and {least} is asked for", header.number)));
    }
    if let Some(newer) = newest_beside(file, header).filter(|newest| header.number < *newest) {
        return Err(
            refuse(format!("it is outdated: number {}, and number {newer} lies beside it", header.number)).hint("verify the newest one")
        );
    }
    let Some(previous) = &options.previous else { return Ok(()) };
    let (before, sealed) =
        open(previous, trust).and_then(|reader| reader.check()).map_err(|error: ManifestError| refused(previous, &error))?;
    if before.mailbox != header.mailbox || Some(sealed.digest) != header.previous {
        return Err(refuse(format!("it does not follow {}, which is number {} of its mailbox", previous.display(), before.number)));
    }
    Ok(())
}

/// The highest number of a manifest of this mailbox in the same folder.
fn newest_beside(file: &Path, header: &Header) -> Option<u64> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}-", header.mailbox);
    let names = std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix(".manifest")?.parse().ok()).max()
}

/// A manifest of one mailbox says nothing about another.
fn is_its_target(file: &Path, header: &Header, store: &dyn MailSource) -> Result<(), Trouble> {
    let given = address(&store.describe());
    let real = |address: &str| {
        let (kind, path) = address.split_once(':')?;
        Some((kind.to_owned(), Path::new(path).canonicalize().ok()?))
    };
    if given == header.target || real(&given).is_some_and(|place| real(&header.target) == Some(place)) {
        return Ok(());
    }
    let cause = format!("it is of another mailbox: {}, and this is {given}", text::line(&header.target));
    let hint = "name the store of the manifest; --elsewhere if it is the same one at another address";
    Err(Trouble::new("the manifest is refused").place(file.display()).cause(cause).hint(hint))
}

fn print(screen: &mut Screen, report: &Report) -> io::Result<()> {
    let target = &report.header.target;
    for finding in &report.findings {
        let folder = text::folder(&FolderPath(finding.folder.clone()));
        writeln!(screen, "{}: {folder}{}", finding.what.kind(), text::line(&described(target, &finding.what)))?;
    }
    let listed: u64 = report.findings.len() as u64;
    let all: u64 = report.findings.iter().filter(|finding| !finding.what.is_information()).count() as u64;
    if report.differing() > all {
        writeln!(screen, "... and {} more of {} listed: see --limit", text::number(report.differing() - all), text::number(listed))?;
    }
    let header = &report.header;
    let made = text::date((header.created_ms / 1000) as i64);
    writeln!(screen, "manifest {} of {}, made {made}, score {}", header.number, text::line(&header.label), report.score)?;
    writeln!(screen, "{} of {} hold the bytes that were signed", text::number(report.holds), text::count(report.expected, "item"))?;
    for (what, count) in &report.said {
        writeln!(screen, "the manifest itself says: {} {what}", text::number(*count))?;
    }
    let kinds: Vec<String> = report.counts.iter().map(|(kind, count)| format!("{} {kind}", text::number(*count))).collect();
    match kinds.as_slice() {
        [] => writeln!(screen, "no differences"),
        kinds => writeln!(screen, "{}: {}", text::count(report.differing(), "difference"), kinds.join(", ")),
    }
}

fn described(target: &str, what: &What) -> String {
    match what {
        What::Missing { token, id } => format!(": {} (item {token})", id_text(target, id)),
        What::Changed { token, id, expected, found } => {
            format!(": {} (item {token}): signed {expected}, found {found}", id_text(target, id))
        }
        What::Unreadable { token, id, cause } => format!(": {} (item {token}): {cause}", id_text(target, id)),
        What::FolderMissing => String::new(),
        What::FolderUnreadable { cause } => format!(": {cause}"),
        What::Renamed { how } => format!(": {how}; the manifest is outdated here, and items are compared by their bytes alone"),
        What::Moved { token, id, to, now } => {
            let to = text::folder(&FolderPath(to.clone()));
            format!(": {} (item {token}) is now {} in {to}", id_text(target, id), id_text(target, now))
        }
        What::Added { items } => format!(": {}", text::count(*items, "item")),
    }
}
