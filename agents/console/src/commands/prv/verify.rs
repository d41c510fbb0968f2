//! `mailferry prv verify`: every byte of a container checked, and of a damaged one what is lost (R40).

use std::io::{self, Write};
use std::path::PathBuf;

use mailferry_core::prv::{Damage, IndexEntry, SalvageReport, Summary, verify};
use serde_json::{Value, json};

use super::{open_file, unreadable};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

/// Check every byte of a container
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 sound, 1 damaged or not readable, 2 wrong usage")]
pub struct Args {
    /// The container
    file: PathBuf,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    match verify(open_file(&args.file)?) {
        Ok(summary) => {
            sound(args, &summary, screen)?;
            Ok(Exit::Ok)
        }
        Err(damage) if damage.is_damage() => {
            damaged(args, &damage, screen)?;
            Ok(Exit::Failed)
        }
        Err(damage) => Err(unreadable(&args.file, &damage.cause).into()),
    }
}

fn sound(args: &Args, summary: &Summary, screen: &mut Screen) -> io::Result<()> {
    let digest = summary.digest.to_string();
    if screen.json {
        let Summary { bytes, raw_bytes, items, records, .. } = *summary;
        return screen.document(&json!({
            "sound": true, "bytes": bytes, "raw_bytes": raw_bytes, "items": items, "records": records, "digest": digest,
        }));
    }
    let (items, records, bytes) =
        (text::count(summary.items, "item"), text::count(summary.records, "record"), text::count(summary.bytes, "byte"));
    writeln!(screen, "{}: sound\n{items}, {records}, {bytes}\ndigest {digest}", text::line(&args.file.display().to_string()))
}

fn damaged(args: &Args, damage: &Damage, screen: &mut Screen) -> io::Result<()> {
    if screen.json {
        let salvage = damage.salvage.as_deref().map(salvage_json);
        return screen.document(&json!({ "sound": false, "cause": damage.cause.to_string(), "salvage": salvage }));
    }
    writeln!(screen, "{}: damaged\n{}", text::line(&args.file.display().to_string()), text::line(&damage.to_string()))?;
    for range in damage.salvage.iter().flat_map(|report| &report.damaged) {
        writeln!(screen, "  bad bytes: {} from byte {}", range.bytes, range.offset)?;
    }
    for item in damage.lost().unwrap_or_default() {
        writeln!(screen, "  lost: item {}, folder {}, {}", item.token, item.folder, text::count(item.size, "byte"))?;
    }
    Ok(())
}

pub fn salvage_json(report: &SalvageReport) -> Value {
    let ranges = report.damaged.iter().map(|range| json!({ "offset": range.offset, "bytes": range.bytes }));
    let lost = |items: &Vec<IndexEntry>| items.iter().map(lost_json).collect::<Vec<_>>();
    json!({
        "items": report.items, "records": report.records, "bad_ranges": ranges.collect::<Vec<_>>(),
        "items_lost": report.lost.as_ref().map(lost), "other_records_lost": report.records_lost,
    })
}

fn lost_json(item: &IndexEntry) -> Value {
    json!({ "token": item.token.to_string(), "folder_id": item.folder, "size": item.size, "digest": item.digest.to_string() })
}
