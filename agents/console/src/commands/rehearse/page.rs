//! What was found, for people: within 80 columns, and as long as there are kinds of hazards, not hazards.

use std::io::{self, Write};

use indicatif::{HumanBytes, HumanCount};
use mailferry_core::rehearse::{Hazard, Kind, Weight};

use super::Row;
use super::sink::Kept;
use crate::screen::Screen;
use crate::text;

const WIDTH: usize = 80;
const FOLDERS_MAX: usize = 5;
/// Of the name of a mailbox in a list.
const NAME_WIDTH: usize = 24;

pub fn print(screen: &mut Screen, rows: &[Row], left: usize, kept: &Kept, is_list: bool) -> io::Result<()> {
    match rows {
        [row] if !is_list => mailbox(screen, row)?,
        rows => table(screen, rows)?,
    }
    for ((weight, kind), (count, examples)) in kept {
        writeln!(screen)?;
        hazards(screen, *weight, *kind, *count, examples, is_list)?;
    }
    writeln!(screen)?;
    if left > 0 {
        writeln!(screen, "interrupted: {} not looked at", text::count(left as u64, "mailbox"))?;
    } else if rows.iter().any(|row| !row.rehearsal.is_whole) {
        writeln!(screen, "not everything could be looked at")?;
    }
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let (stops, warnings, notes) = (sum(|row| row.stops), sum(|row| row.warnings), sum(|row| row.notes));
    match stops + warnings + notes {
        0 => writeln!(screen, "no hazard found"),
        _ => writeln!(screen, "{}, {}, {}", text::count(stops, "stop"), text::count(warnings, "warning"), text::count(notes, "note")),
    }
}

fn mailbox(screen: &mut Screen, row: &Row) -> io::Result<()> {
    let rehearsal = &row.rehearsal;
    writeln!(screen, "{} -> {}", text::line(&rehearsal.source), text::line(&rehearsal.target))?;
    let (folders, items) = (text::count(rehearsal.folders.len() as u64, "folder"), text::count(rehearsal.items, "item"));
    writeln!(screen, "  holds        {folders}, {items}, {}", HumanBytes(rehearsal.bytes))?;
    writeln!(screen, "  took         {:.1} s{}", row.seconds, rate(row))?;
    let mut largest: Vec<_> = rehearsal.folders.iter().filter(|folder| folder.items > 0).collect();
    largest.sort_by_key(|folder| std::cmp::Reverse(folder.bytes));
    for folder in largest.iter().take(FOLDERS_MAX) {
        let (items, bytes) = (HumanCount(folder.items).to_string(), HumanBytes(folder.bytes).to_string());
        writeln!(screen, "  {items:>11} items  {bytes:>11}  {}", clipped(&text::folder(&folder.folder), WIDTH - 34))?;
    }
    if largest.len() > FOLDERS_MAX {
        writeln!(screen, "  ... and {}", text::count((largest.len() - FOLDERS_MAX) as u64, "smaller folder"))?;
    }
    for quota in &rehearsal.quotas {
        wrapped(screen, "  room         ", &quota.to_string())?;
    }
    Ok(())
}

/// How fast the source was read: a migration is not faster than that.
fn rate(row: &Row) -> String {
    let bytes: u64 = row.rehearsal.folders.iter().filter(|folder| folder.read > 0).map(|folder| folder.bytes).sum();
    if bytes == 0 {
        return String::new();
    }
    format!(", {}/s: moving it takes at least as long", HumanBytes((bytes as f64 / row.seconds.max(0.001)) as u64))
}

fn table(screen: &mut Screen, rows: &[Row]) -> io::Result<()> {
    let width = rows.iter().map(|row| text::line(&row.name).chars().count()).max().unwrap_or(0).clamp(7, NAME_WIDTH);
    writeln!(
        screen,
        "{:width$}  {:>10}  {:>11}  {:>5}  {:>8}  {:>7}  {:>7}",
        "mailbox", "items", "size", "stops", "warnings", "notes", "seconds"
    )?;
    for row in rows {
        let (items, size) = (HumanCount(row.rehearsal.items).to_string(), HumanBytes(row.rehearsal.bytes).to_string());
        let [stops, warnings, notes] = [row.stops, row.warnings, row.notes].map(text::number);
        let name = clipped(&text::line(&row.name), width);
        writeln!(screen, "{name:width$}  {items:>10}  {size:>11}  {stops:>5}  {warnings:>8}  {notes:>7}  {:>7.1}", row.seconds)?;
    }
    Ok(())
}

fn hazards(screen: &mut Screen, weight: Weight, kind: Kind, count: u64, examples: &[(String, Hazard)], is_list: bool) -> io::Result<()> {
    writeln!(screen, "{:8} {}: {}", weight.word(), kind.name(), text::number(count))?;
    wrapped(screen, "  what   ", kind.what())?;
    wrapped(screen, "  do     ", kind.advice())?;
    for (mailbox, hazard) in examples {
        let mailbox = if is_list { format!("{}: ", text::line(mailbox)) } else { String::new() };
        wrapped(screen, "  where  ", &format!("{mailbox}{}", place(hazard)))?;
    }
    let more = count - examples.len() as u64;
    if more > 0 {
        writeln!(screen, "         ... and {} more; --csv FILE or --json lists all", text::number(more))?;
    }
    Ok(())
}

fn place(hazard: &Hazard) -> String {
    let folder = hazard.folder.as_ref().map(|folder| format!("{}: ", text::folder(folder))).unwrap_or_default();
    let item = hazard.item.as_ref().map(|item| format!("#{} ({}): ", item.number, text::line(&item.name))).unwrap_or_default();
    let date = hazard.item.as_ref().and_then(|item| item.date_s).map(|date| format!("{}, ", text::date(date))).unwrap_or_default();
    format!("{folder}{item}{date}{}", text::line(&hazard.detail))
}

fn clipped(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(3)).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}

/// Lines of words, those after the first as far in as the label is long. A word that is longer than a line stands alone.
fn wrapped(screen: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    let mut line = label.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(screen, "{line}")?;
            (line, is_empty) = (" ".repeat(label.len()), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(screen, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_words_is_longer_than_the_screen() {
        let mut out = Vec::new();
        let text = "some words ".repeat(40) + &"x".repeat(100) + " and more";
        wrapped(&mut out, "  what   ", &text).expect("written");
        let out = String::from_utf8(out).expect("text");
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH || line.trim().len() == 100), "{out}");
        assert_eq!(out.split_whitespace().skip(1).collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        assert!(out.lines().skip(1).all(|line| line.starts_with("         ")));
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_shows_it() {
        assert_eq!(clipped("abcdefgh", 6), "abc...");
        assert_eq!(clipped("Entwürfe", 8), "Entwürfe");
    }
}
