//! `mailferry verify`: whether the target holds what the source holds, by reading both (`mailferry_core::compare`), or what a manifest
//! says (`manifest`).

mod manifest;

use std::io::{self, Write};

use mailferry_core::compare::{Choices, Comparison, Difference, Holding, What, compare};
use mailferry_core::ports::MailSource;
use mailferry_core::trouble::Trouble;
use mailferry_stores::{StoreUrl, open_source};

use crate::exit::{Exit, WrongUse};
use crate::screen::{self, Screen};
use crate::text;

/// Compare two mailboxes: every folder and every byte of every item, with flags, keywords and dates; or a target with its manifest
#[derive(clap::Args)]
#[command(after_help = "Both are only read. Dates are compared to the second, keywords without case; subscriptions and special \
                  uses only where each side shows one. Items that users add, move or mark meanwhile are differences.\n\n\
                  With --manifest: the signature, then every item at the target by its bytes. What users add or move is told and \
                  is no difference; flags are not looked at.\n\n\
                  Exit codes: 0 no difference, 1 differences or a mailbox that cannot be read, 2 wrong usage, 3 the store holds \
                  what was signed, and the manifest itself says that something has not arrived")]
pub struct Args {
    /// Store that was moved, such as maildir:/srv/mail/alice. With --manifest, the store it was moved to
    #[arg(value_name = "SOURCE")]
    first: String,
    /// Store it was moved to
    #[arg(required_unless_present = "manifest", conflicts_with = "manifest")]
    target: Option<String>,
    /// What only the target has is no difference; an item that is there more often than at the source still is
    #[arg(long)]
    allow_extra: bool,
    /// List this many differences; all are counted
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    proof: manifest::Options,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    if let Some(file) = &args.proof.manifest {
        return manifest::run(file, &args.first, &args.proof, args.limit, screen);
    }
    let (mut source, mut target) = open_both(args)?;
    let choices = Choices { allow_extra: args.allow_extra, listed_max: args.limit };
    let bar = screen::spinner();
    let compared = compare(source.as_mut(), target.as_mut(), choices, &mut |progress| {
        let read = format!("{}, {}", text::count(progress.items, "item"), text::count(progress.bytes, "byte"));
        bar.set_message(format!("{} {}: {read} read", progress.side, text::folder(progress.folder)));
    });
    bar.finish_and_clear();
    let comparison = compared.map_err(Trouble::from)?;
    if screen.json {
        screen.document(&comparison)?;
    } else {
        print(screen, &comparison)?;
    }
    Ok(if comparison.differing() == 0 { Exit::Ok } else { Exit::Failed })
}

type Pair = (Box<dyn MailSource>, Box<dyn MailSource>);

/// A mailbox compared with itself would prove nothing and look like a proof.
fn open_both(args: &Args) -> anyhow::Result<Pair> {
    let parse = |url: &String| StoreUrl::parse(url).map_err(WrongUse);
    let (source, target) = (parse(&args.first)?, parse(args.target.as_ref().unwrap_or(&args.first))?);
    let real = |url: &StoreUrl| url.path().and_then(|path| path.canonicalize().ok());
    if source == target || real(&source).is_some_and(|path| real(&target) == Some(path)) {
        let trouble = Trouble::new("source and target are the same mailbox").place(&source);
        return Err(WrongUse(trouble.hint("name the mailbox it was moved to")).into());
    }
    let open = |url: &StoreUrl| open_source(url).map_err(Trouble::from);
    Ok((open(&source)?, open(&target)?))
}

fn print(screen: &mut Screen, comparison: &Comparison) -> io::Result<()> {
    comparison.differences.iter().try_for_each(|difference| print_difference(screen, difference))?;
    let unlisted = comparison.differing() - comparison.differences.len() as u64;
    if unlisted > 0 {
        writeln!(screen, "... and {} more: see --limit", text::number(unlisted))?;
    }
    print_holding(screen, "source", &comparison.source)?;
    print_holding(screen, "target", &comparison.target)?;
    if comparison.extra_allowed > 0 {
        writeln!(screen, "extra at the target, allowed: {}", text::number(comparison.extra_allowed))?;
    }
    let kinds: Vec<String> = comparison.counts.iter().map(|(kind, count)| format!("{} {kind}", text::number(*count))).collect();
    match kinds.as_slice() {
        [] => writeln!(screen, "no differences"),
        kinds => writeln!(screen, "{}: {}", text::count(comparison.differing(), "difference"), kinds.join(", ")),
    }
}

fn print_holding(screen: &mut Screen, side: &str, holding: &Holding) -> io::Result<()> {
    let (folders, items) = (text::count(holding.folders, "folder"), text::count(holding.items, "item"));
    writeln!(screen, "{side}: {folders}, {items}, {} in {}", text::count(holding.bytes, "byte"), text::line(&holding.store))
}

fn print_difference(screen: &mut Screen, difference: &Difference) -> io::Result<()> {
    let described = text::line(&describe(&difference.what));
    writeln!(
        screen,
        "{}: {}{}{described}",
        difference.what.kind(),
        text::folder(&difference.folder),
        if described.is_empty() { "" } else { ": " }
    )
}

fn describe(what: &What) -> String {
    match what {
        What::FolderMissing | What::FolderExtra => String::new(),
        What::FolderUnreadable { side, cause } => format!("{side}: {cause}"),
        What::Subscription { source, target } => sides(yes_no(*source), yes_no(*target)),
        What::SpecialUse { source, target } => sides(source.as_deref().unwrap_or("none"), target.as_deref().unwrap_or("none")),
        What::ItemMissing { item } | What::ItemExtra { item } | What::ItemDoubled { item } => item.to_string(),
        What::ItemUnreadable { side, number, key, cause } => format!("{side} #{number} {}: {cause}", key.text()),
        What::ItemGone { side, number, key } => format!("{side} #{number} {}: it went away while it was read", key.text()),
        What::MarksDiffer { item, at_target, source, target } => {
            format!("{item}, at the target #{} {}: {}", at_target.number, at_target.key.text(), sides(source, target))
        }
        What::DateDiffers { item, at_target, source_s, target_s } => {
            let dates = sides(text::date(*source_s), text::date(*target_s));
            format!("{item}, at the target #{} {}: {dates}", at_target.number, at_target.key.text())
        }
    }
}

fn sides(source: impl std::fmt::Display, target: impl std::fmt::Display) -> String {
    format!("source {source}, target {target}")
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
