//! `mailferry manifest show`: what a manifest says.

use std::io::Write;
use std::path::PathBuf;

use mailferry_core::manifest::{Entry, Folder, Header, Item, ManifestError, Sealed, State, Trust};

use super::trust::Keys;
use super::{id_text, open, refused};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

/// Print what a manifest says, after its signature was checked
#[derive(clap::Args)]
pub struct Args {
    file: PathBuf,
    /// Name every item that is not as it was at the source
    #[arg(long)]
    items: bool,
    /// Name every item
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    keys: Keys,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let known = args.keys.is_given();
    let trust = if known { args.keys.trust()? } else { Trust::Anybody };
    let refuse = |error: ManifestError| refused(&args.file, &error);
    // What is printed is believed: so the whole of it is checked before.
    let (header, sealed) = open(&args.file, &trust).and_then(|reader| reader.check()).map_err(refuse)?;
    if screen.json {
        screen.document(&serde_json::json!({ "header": header, "digest": sealed.digest.to_string(), "root": sealed.root.to_string(),
            "summary": sealed.summary, "key_is_known": known }))?;
        return Ok(Exit::Ok);
    }
    print_head(screen, &header, &sealed, known)?;
    let mut reader = open(&args.file, &trust).map_err(refuse)?;
    let mut roots = Vec::new();
    while let Some(entry) = reader.next().map_err(refuse)? {
        match entry {
            Entry::Folder(folder) => roots.push(title(&folder)),
            Entry::EndOfFolder(root) => {
                let title = roots.pop().unwrap_or_default();
                writeln!(screen, "  folder       {title}: {}, root {}", text::count(root.items, "item"), root.root)?;
            }
            Entry::Item(item) if args.all || args.items && is_notable(&item) => print_item(screen, &header, &item)?,
            Entry::Item(_) => {}
        }
    }
    Ok(Exit::Ok)
}

fn title(folder: &Folder) -> String {
    let path = |names: &Vec<String>| text::folder(&mailferry_core::model::FolderPath(names.clone()));
    match (&folder.target, &folder.source) {
        (None, _) => "(not at the target)".into(),
        (Some(target), Some(source)) if target != source => format!("{} (at the source {})", path(target), path(source)),
        (Some(target), _) => path(target),
    }
}

fn is_notable(item: &Item) -> bool {
    item.state != State::There || !item.keywords_lost.is_empty() || item.reread_date.is_some()
}

fn print_head(screen: &mut Screen, header: &Header, sealed: &Sealed, known: bool) -> std::io::Result<()> {
    let (counts, signer) = (&sealed.summary.counts, &header.signer);
    let trusted = if known { "" } else { ", which was compared with no known one" };
    writeln!(screen, "manifest {} of mailbox {} ({})", header.number, text::line(&header.label), header.mailbox)?;
    writeln!(screen, "  target       {}", text::line(&header.target))?;
    writeln!(
        screen,
        "  made         {} by the {} agent of {} on {}",
        text::date((header.created_ms / 1000) as i64),
        signer.agent,
        signer.organisation,
        signer.node
    )?;
    writeln!(screen, "  signed by    {}{trusted}", header.key)?;
    writeln!(screen, "  digest       {}", sealed.digest)?;
    let previous = header.previous.map_or_else(|| "none".into(), |digest| digest.to_string());
    writeln!(screen, "  previous     {previous}")?;
    writeln!(screen, "  position     container {} of epoch {}", header.sequence, header.epoch)?;
    writeln!(
        screen,
        "  holds        {} in {}, {}",
        text::count(counts.items, "item"),
        text::count(counts.folders, "folder"),
        text::count(counts.bytes, "byte")
    )?;
    writeln!(screen, "  score        {}", sealed.summary.score)?;
    for reason in counts.found().reasons() {
        writeln!(screen, "    {:<11}{} {}", reason.score.name(), text::number(reason.count), reason.what)?;
    }
    if counts.approved > 0 {
        writeln!(screen, "    approved   {}", text::count(counts.approved, "item"))?;
    }
    sealed.summary.archived.iter().try_for_each(|name| writeln!(screen, "    given up   {name}"))?;
    sealed.summary.waiting.iter().try_for_each(|name| writeln!(screen, "    waits in IN {name}"))
}

fn print_item(screen: &mut Screen, header: &Header, item: &Item) -> std::io::Result<()> {
    let id = item.id.as_deref().map(|id| id_text(&header.target, id)).unwrap_or_default();
    let mut facts = item.altered.clone();
    facts.extend((!item.keywords_lost.is_empty()).then(|| format!("keywords lost: {}", item.keywords_lost.join(" "))));
    facts.extend(item.reread_date.map(|date| format!("date {}", text::date(date))));
    facts.extend(item.gone_at_source.then(|| "gone at the source".into()));
    facts.extend(item.reason.clone());
    facts.extend(item.approved.as_ref().map(|by| format!("approved by {}: {}", by.who, by.why)));
    writeln!(screen, "    {:<11}{} {} {}", item.state.name(), item.token, text::line(&id), text::line(&facts.join("; ")))
}
