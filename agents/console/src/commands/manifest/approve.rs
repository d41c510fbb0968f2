//! `mailferry manifest approve`: a person accepts an item as it is.

use std::io::Write;
use std::path::{Path, PathBuf};

use mailferry_core::manifest::{Approval, Approvals, Approved, Entry, Item, ManifestError, State};
use mailferry_core::model::Token;
use mailferry_core::ports::Clock;
use mailferry_core::trouble::Trouble;
use mailferry_host::SystemClock;

use super::trust::Keys;
use super::{open, refused};
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;

/// Accept items of a manifest as they are: they count no more in the score of the next one
///
/// The approvals stand in a file beside the manifest, `<mailbox>.approvals`. The target agent reads the one in NTA/MANIFEST of its share.
#[derive(clap::Args)]
pub struct Args {
    file: PathBuf,
    /// Token of the item, as `manifest show --items` prints it; several times for several
    #[arg(long = "item", value_name = "TOKEN", required = true)]
    items: Vec<String>,
    /// Why it is accepted
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Who accepts it. Default: the user who is logged in
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// File of approvals
    #[arg(long, value_name = "FILE")]
    approvals: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let tokens = args.items.iter().map(|text| token(text)).collect::<Result<Vec<_>, _>>().map_err(WrongUse)?;
    let who = args
        .who
        .clone()
        .or_else(logged_in)
        .ok_or_else(|| WrongUse(Trouble::new("nobody is logged in by name").hint("say who approves with --who")))?;
    let trust = args.keys.trust()?;
    let refuse = |error: ManifestError| refused(&args.file, &error);
    let (header, _) = open(&args.file, &trust).and_then(|reader| reader.check()).map_err(refuse)?;
    let mut reader = open(&args.file, &trust).map_err(refuse)?;
    let mut found: Vec<Item> = Vec::new();
    while let Some(entry) = reader.next().map_err(refuse)? {
        if let Entry::Item(item) = entry
            && tokens.contains(&item.token)
        {
            found.push(*item);
        }
    }
    if let Some(token) = tokens.iter().find(|token| !found.iter().any(|item| item.token == **token)) {
        return Err(Trouble::new(format!("the manifest names no item {token}"))
            .place(args.file.display())
            .hint("`manifest show --items` lists them")
            .into());
    }
    if let Some(item) = found.iter().find(|item| item.state == State::There && item.keywords_lost.is_empty() && item.reread_date.is_none())
    {
        let trouble = Trouble::new(format!("item {} is at the target as it was: there is nothing to approve", item.token));
        return Err(WrongUse(trouble.hint("`manifest show --items` lists what counts in the score")).into());
    }
    let file = args.approvals.clone().unwrap_or_else(|| args.file.with_file_name(format!("{}.approvals", header.mailbox)));
    let approved = Approved { who, when_ms: SystemClock.now_ms(), why: args.why.clone() };
    let lines = found.iter().map(|item| Approval::of(header.mailbox, item, approved.clone()).line()).collect::<String>();
    append(&file, &lines, &header.mailbox)?;
    for item in &found {
        writeln!(screen, "approved: {} ({}), in {}", item.token, item.state.name(), file.display())?;
    }
    Ok(Exit::Ok)
}

fn token(text: &str) -> Result<Token, Trouble> {
    text.parse().map_err(|_| Trouble::new(format!("`{text}` is no item")).hint("a token is 32 hex digits: see `manifest show --items`"))
}

fn logged_in() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}

/// Whole or not at all: a torn line would make the agent refuse all of them.
fn append(file: &Path, lines: &str, mailbox: &mailferry_rules::ids::MailboxId) -> Result<(), Trouble> {
    let trouble = || Trouble::new("could not write the approvals").place(file.display());
    let before = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        before => before.map_err(|error| trouble().cause(error))?,
    };
    Approvals::read(&before, *mailbox)
        .map_err(|cause| trouble().cause(cause).hint("move the file away: it was changed by hand or is of another mailbox"))?;
    let making = file.with_extension("approvals.new");
    let written = std::fs::File::create(&making).and_then(|mut out| {
        out.write_all((before + lines).as_bytes())?;
        out.sync_all()
    });
    written.and_then(|()| std::fs::rename(&making, file)).map_err(|error| trouble().cause(error))
}
