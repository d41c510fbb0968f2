//! `report`: how a migration stands or has gone, collection by collection, for those who were not there: a page to send, a table for a
//! spreadsheet, and JSON (docs/formats/report.md).
//!
//! ```text
//! rows   one mailbox with everything known of it
//! table  rows as CSV
//! page   a collection as one HTML file that needs no other
//! ```

mod page;
mod rows;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use mailferry_core::ports::Clock;
use mailferry_core::trouble::Trouble;
use mailferry_host::SystemClock;

use super::csv::{part, unwritten};
use super::project::ProjectFile;
use crate::exit::{Exit, WrongUse};
use crate::fleet::{Fleet, Looker};
use crate::screen::Screen;
use rows::Report;

/// Write a report of each collection: HTML, CSV and JSON
///
/// Everything known of each mailbox: what was packed, applied and left out, its move request with the time it spent in each state, and its
/// errors. Without --out, the reports go to the output as JSON with --json, and as a summary otherwise.
/// Exit codes: 0 all mailboxes are well, 1 failed, 2 wrong usage, 3 some are not.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// Folder to write to, made if need be; files of an earlier report are replaced
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only these collections
    #[arg(long = "collection", value_name = "NAME")]
    collections: Vec<String>,
    /// Only these forms
    #[arg(long = "format", value_name = "FORM", value_enum)]
    forms: Vec<Form>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Form {
    Html,
    Csv,
    Json,
}

impl Form {
    const ALL: [Form; 3] = [Form::Html, Form::Csv, Form::Json];

    fn ending(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Csv => "csv",
            Form::Json => "json",
        }
    }
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let fleet = Looker::new(args.file.loaded()?).look(SystemClock.now_ms());
    fleet.troubles.iter().for_each(|trouble| crate::exit::complain("warning", trouble));
    let reports = chosen(&fleet, &args.collections)?;
    let written = match &args.out {
        Some(folder) => write_all(folder, &fleet, &reports, if args.forms.is_empty() { &Form::ALL } else { &args.forms })?,
        None => Vec::new(),
    };
    if screen.json && args.out.is_none() {
        screen.document(&reports)?;
    } else if screen.json {
        screen.document(&written)?;
    } else {
        reports.iter().try_for_each(|report| writeln!(screen, "{}", report.in_short()))?;
        written.iter().try_for_each(|path| writeln!(screen, "{} is written", path.display()))?;
    }
    Ok(if reports.iter().all(Report::is_well) && fleet.troubles.is_empty() { Exit::Ok } else { Exit::Partly })
}

fn chosen<'a>(fleet: &'a Fleet, wanted: &[String]) -> anyhow::Result<Vec<Report<'a>>> {
    let all: Vec<&String> = fleet.totals.collections.keys().collect();
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        let there = all.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let trouble = Trouble::new(format!("the project has no collection {unknown} with mailboxes")).now("nothing is written");
        return Err(WrongUse(trouble.hint(format!("there are: {there}"))).into());
    }
    let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(name);
    Ok(all.into_iter().filter(is_wanted).map(|name| Report::of(fleet, name)).collect())
}

fn write_all(folder: &Path, fleet: &Fleet, reports: &[Report<'_>], forms: &[Form]) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    let (mut taken, mut written) = (BTreeSet::new(), Vec::new());
    for report in reports {
        let name = file_name(report.collection, &mut taken);
        for form in Form::ALL.into_iter().filter(|form| forms.contains(form)) {
            let path = folder.join(format!("{name}.{}", form.ending()));
            let text = match form {
                Form::Html => page::html(fleet, report),
                Form::Csv => table::csv(report),
                Form::Json => serde_json::to_string_pretty(report)? + "\n",
            };
            let done = fs::write(part(&path), text).and_then(|()| fs::rename(part(&path), &path));
            done.map_err(|error| unwritten(&path, &error))?;
            written.push(path);
        }
    }
    Ok(written)
}

/// No name of a collection becomes a path unchecked. Two that read the same get a number.
fn file_name(collection: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let name: String = collection.chars().map(plain).take(80).collect();
    let name = format!("report-{}", name.trim_matches(['.', '-']));
    let names = std::iter::once(name.clone()).chain((2u32..).map(|number| format!("{name}-{number}")));
    let free = names.into_iter().find(|name| taken.insert(name.to_ascii_lowercase()));
    free.unwrap_or(name)
}

#[cfg(test)]
mod tests;
