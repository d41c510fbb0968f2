//! `mailferry prv show`: header, summary and records of a container; or one item, or its bytes.

use std::io::{self, Write};
use std::path::PathBuf;

use mailferry_core::prv::{Header, Reader, Record};
use mailferry_core::trouble::Trouble;

use super::rows::{Folders, ItemRow, describe, header_json, kind, record_json};
use super::{open, unreadable};
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;
use crate::text;

/// Show header and records of a container, or one item of it
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 shown, 1 the container or the item cannot be read, 2 wrong usage")]
pub struct Args {
    /// The container
    file: PathBuf,
    /// Show this item alone, by its number in `mailferry prv list`
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    item: Option<u32>,
    /// Print the bytes of the item, exactly as they were read from the source
    #[arg(long, requires = "item")]
    raw: bool,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut reader = open(&args.file)?;
    match args.item {
        Some(number) => item(args, &mut reader, number, screen)?,
        None => whole(args, &mut reader, screen)?,
    }
    Ok(Exit::Ok)
}

fn item<R: io::Read + io::Seek>(args: &Args, reader: &mut Reader<R>, number: u32, screen: &mut Screen) -> anyhow::Result<()> {
    let items = reader.index().len();
    if number as usize > items {
        let held = format!("the container holds {}", text::count(items as u64, "item"));
        let trouble = Trouble::new(format!("there is no item {number}")).place(args.file.display()).cause(held);
        return Err(WrongUse(trouble.hint("`mailferry prv list` numbers them")).into());
    }
    if args.raw {
        reader.seek_item(number as usize - 1).map_err(|error| unreadable(&args.file, &error))?;
        return copy(reader, screen).map_err(|error| cut_off(args, error));
    }
    let (folders, record) = find(reader, number).map_err(|error| unreadable(&args.file, &error))?;
    let Some(Record::Item { folder, envelope, size, digest }) = record else { return Ok(()) };
    let row = ItemRow::of(number.into(), &folders, folder, &envelope, size, digest);
    if screen.json {
        screen.document(&row)?
    } else {
        print_item(screen, &row, &folders, &text::marks(&envelope.marks))?
    }
    Ok(())
}

/// Reads up to the item: only the records before it say which folder its number means.
fn find<R: io::Read + io::Seek>(reader: &mut Reader<R>, number: u32) -> Result<(Folders, Option<Record>), mailferry_core::prv::PrvError> {
    let (mut folders, mut left) = (Folders::default(), number);
    while let Some(record) = reader.next()? {
        folders.note(&record);
        left -= u32::from(matches!(record, Record::Item { .. }));
        if left == 0 {
            return Ok((folders, Some(record)));
        }
    }
    Ok((folders, None))
}

enum CopyError {
    Container(io::Error),
    Screen(io::Error),
}

/// `io::copy`, telling apart which side failed.
fn copy<R: io::Read + io::Seek>(reader: &mut Reader<R>, screen: &mut Screen) -> Result<(), CopyError> {
    let mut body = reader.body();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match io::Read::read(&mut body, &mut buffer).map_err(CopyError::Container)? {
            0 => return Ok(()),
            count => screen.write_all(&buffer[..count]).map_err(CopyError::Screen)?,
        }
    }
}

fn cut_off(args: &Args, error: CopyError) -> anyhow::Error {
    match error {
        CopyError::Screen(error) => error.into(),
        CopyError::Container(error) => {
            let trouble = Trouble::new("could not read the item to its end").place(args.file.display()).cause(error);
            let trouble = trouble.now("what was printed is not the whole item");
            trouble.hint("`mailferry prv verify` says what is lost, `mailferry prv extract --salvage` gets out the rest").into()
        }
    }
}

fn print_item(screen: &mut Screen, row: &ItemRow<'_>, folders: &Folders, marks: &str) -> io::Result<()> {
    writeln!(screen, "item     {}", row.number)?;
    writeln!(screen, "token    {}", row.token)?;
    writeln!(screen, "folder   {}", folders.name(row.folder_id))?;
    writeln!(screen, "key      {}", text::line(&row.key))?;
    writeln!(screen, "bytes    {}", row.size)?;
    writeln!(screen, "digest   {}", row.digest)?;
    writeln!(screen, "date     {}", text::date(row.date_s))?;
    writeln!(screen, "marks    {}", if marks.is_empty() { "none" } else { marks })
}

fn whole<R: io::Read + io::Seek>(args: &Args, reader: &mut Reader<R>, screen: &mut Screen) -> anyhow::Result<()> {
    let header = reader.header().clone();
    let (items, bytes) = (reader.index().len(), reader.index().iter().map(|item| item.size).sum::<u64>());
    if screen.json {
        write!(screen, "{{\"container\":{},\"items\":{items},\"item_bytes\":{bytes},\"records\":[", header_json(&header))?;
    } else {
        print_header(screen, &header)?;
        writeln!(screen, "items     {}, {}\n", text::number(items as u64), text::count(bytes, "byte"))?;
    }
    let (mut folders, mut first, mut number) = (Folders::default(), true, 0);
    while let Some(record) = reader.next().map_err(|error| unreadable(&args.file, &error))? {
        folders.note(&record);
        number += u64::from(matches!(record, Record::Item { .. }));
        if screen.json {
            write!(screen, "{}\n{}", if first { "" } else { "," }, record_json(&record, &folders, number))?;
        } else {
            writeln!(screen, "{}", describe(&record, &folders))?;
        }
        first = false;
    }
    if screen.json {
        writeln!(screen, "]}}")?;
    }
    Ok(())
}

fn print_header(screen: &mut Screen, header: &Header) -> io::Result<()> {
    let name = &header.name;
    let created = text::date(i64::try_from(header.created_ms / 1000).unwrap_or(i64::MAX));
    writeln!(screen, "name      {name}")?;
    writeln!(screen, "kind      {}", kind(header.kind))?;
    writeln!(screen, "mailbox   {}", name.mailbox)?;
    writeln!(screen, "sequence  {} (base {}), epoch {} (before: {})", name.sequence, header.base, name.epoch, header.previous)?;
    writeln!(screen, "written   {created} by {} of {}", text::line(&header.node), text::line(&header.cluster))
}
