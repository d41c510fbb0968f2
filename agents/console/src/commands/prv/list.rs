//! `mailferry prv list`: a table of the items. Rows are printed as they are read, so that memory does not grow with them.

use std::io::{self, Write};
use std::path::PathBuf;

use mailferry_core::prv::Record;

use super::rows::{Folders, ItemRow, header_json};
use super::{open, unreadable};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

/// List the items of a container
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 listed, 1 the container cannot be read to its end, 2 wrong usage")]
pub struct Args {
    /// The container
    file: PathBuf,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut reader = open(&args.file)?;
    let head = header_json(reader.header());
    begin(screen, &head)?;
    let (mut folders, mut number) = (Folders::default(), 0);
    while let Some(record) = reader.next().map_err(|error| unreadable(&args.file, &error))? {
        folders.note(&record);
        if let Record::Item { folder, envelope, size, digest } = &record {
            number += 1;
            let row = ItemRow::of(number, &folders, *folder, envelope, *size, *digest);
            if screen.json { item_json(screen, &row)? } else { item_line(screen, &row, &folders, &text::marks(&envelope.marks))? }
        }
    }
    end(screen, number)?;
    Ok(Exit::Ok)
}

fn begin(screen: &mut Screen, head: &serde_json::Value) -> io::Result<()> {
    match screen.json {
        true => write!(screen, "{{\"container\":{head},\"items\":["),
        false => writeln!(screen, "{:>6}  {:>12}  {:<20}  {:<32}  FOLDER  MARKS", "NUMBER", "BYTES", "DATE", "TOKEN"),
    }
}

fn item_json(screen: &mut Screen, row: &ItemRow<'_>) -> io::Result<()> {
    let comma = if row.number > 1 { "," } else { "" };
    write!(screen, "{comma}\n{}", serde_json::to_string(row)?)
}

fn item_line(screen: &mut Screen, row: &ItemRow<'_>, folders: &Folders, marks: &str) -> io::Result<()> {
    let (date, folder) = (text::date(row.date_s), folders.name(row.folder_id));
    let line = format!("{:>6}  {:>12}  {date:<20}  {}  {folder}  {marks}", row.number, row.size, row.token);
    writeln!(screen, "{}", line.trim_end())
}

fn end(screen: &mut Screen, items: u64) -> io::Result<()> {
    match screen.json {
        true => writeln!(screen, "]}}"),
        false => writeln!(screen, "{}", text::count(items, "item")),
    }
}
