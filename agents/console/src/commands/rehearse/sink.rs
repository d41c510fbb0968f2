//! Where hazards go as they are found: there may be a million, so that none is kept but the first of each kind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mailferry_core::rehearse::{Hazard, Kind, Weight};
use serde::Serialize;

use super::{Row, page};
use crate::commands::csv::{self, part, unwritten};
use crate::screen::Screen;
use crate::text;

const COLUMNS: &str = "mailbox,weight,hazard,folder,number,message,size,date,detail,what_happens,what_to_do\n";

pub struct Sink<'a>(Mutex<Inner<'a>>);

struct Inner<'a> {
    screen: &'a mut Screen,
    csv: Option<Table>,
    /// Hazards that were printed as JSON.
    printed: u64,
    kept: Kept,
    examples_max: usize,
    /// The first thing that could not be written.
    failed: Option<anyhow::Error>,
}

/// By weight and kind: how many, and the first of them with their mailbox.
pub type Kept = BTreeMap<(Weight, Kind), (u64, Vec<(String, Hazard)>)>;

/// A CSV file in the making.
struct Table {
    path: PathBuf,
    file: BufWriter<File>,
}

#[derive(Serialize)]
struct Told<'h> {
    mailbox: &'h str,
    #[serde(flatten)]
    hazard: &'h Hazard,
    what_happens: &'static str,
    what_to_do: &'static str,
}

/// Everything behind the hazards, which were printed as they were found.
#[derive(Serialize)]
struct Rest<'r> {
    mailboxes: &'r [Row],
    /// Mailboxes whose turn did not come.
    left: usize,
}

impl<'a> Sink<'a> {
    pub fn open(csv: Option<&Path>, examples_max: usize, screen: &'a mut Screen) -> anyhow::Result<Sink<'a>> {
        let csv = csv.map(Table::begin).transpose()?;
        if screen.json {
            write!(screen, "{{\"hazards\":[")?;
        }
        Ok(Sink(Mutex::new(Inner { screen, csv, printed: 0, kept: Kept::new(), examples_max, failed: None })))
    }

    pub fn take(&self, mailbox: &str, hazard: &Hazard) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = inner.take(mailbox, hazard) {
            inner.failed.get_or_insert(error);
        }
    }

    pub fn end(self, rows: &[Row], left: usize, is_list: bool) -> anyhow::Result<()> {
        let Inner { screen, csv, kept, failed, .. } = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed {
            return Err(error);
        }
        let csv = csv.map(Table::end).transpose()?;
        if screen.json {
            let rest = serde_json::to_string(&Rest { mailboxes: rows, left })?;
            writeln!(screen, "\n],{}", rest.trim_start_matches('{'))?;
            return Ok(());
        }
        page::print(screen, rows, left, &kept, is_list)?;
        if let Some(path) = csv {
            writeln!(screen, "all of them: {}", path.display())?;
        }
        Ok(())
    }
}

impl Inner<'_> {
    fn take(&mut self, mailbox: &str, hazard: &Hazard) -> anyhow::Result<()> {
        if let Some(table) = &mut self.csv {
            table.row(mailbox, hazard)?;
        }
        if self.screen.json {
            let told = Told { mailbox, hazard, what_happens: hazard.kind.what(), what_to_do: hazard.kind.advice() };
            write!(self.screen, "{}\n{}", if self.printed > 0 { "," } else { "" }, serde_json::to_string(&told)?)?;
            self.printed += 1;
        }
        let (count, examples) = self.kept.entry((hazard.weight, hazard.kind)).or_default();
        *count += 1;
        if examples.len() < self.examples_max {
            examples.push((mailbox.to_owned(), hazard.clone()));
        }
        Ok(())
    }
}

impl Table {
    /// Begun before anything is looked at: one that cannot be written is told of at once.
    fn begin(path: &Path) -> anyhow::Result<Table> {
        let file = File::create(part(path)).map_err(|error| unwritten(path, &error))?;
        let mut table = Table { path: path.into(), file: BufWriter::new(file) };
        table.write(COLUMNS)?;
        Ok(table)
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.file.write_all(text.as_bytes()).map_err(|error| unwritten(&self.path, &error))?)
    }

    fn row(&mut self, mailbox: &str, hazard: &Hazard) -> anyhow::Result<()> {
        let folder = hazard.folder.as_ref().map(ToString::to_string).unwrap_or_default();
        let item = hazard.item.as_ref();
        let number = item.map(|item| item.number.to_string()).unwrap_or_default();
        let (name, size) = (item.map(|item| item.name.as_str()).unwrap_or_default(), item.and_then(|item| item.size));
        let fields = [
            mailbox,
            hazard.weight.word(),
            hazard.kind.name(),
            &folder,
            &number,
            name,
            &size.map(|size| size.to_string()).unwrap_or_default(),
            &item.and_then(|item| item.date_s).map(text::date).unwrap_or_default(),
            &hazard.detail,
            hazard.kind.what(),
            hazard.kind.advice(),
        ];
        self.write(&(fields.map(|field| csv::field(&text::lines(field))).join(",") + "\n"))
    }

    fn end(self) -> anyhow::Result<PathBuf> {
        let Table { path, file } = self;
        let done: io::Result<()> = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|_| fs::rename(part(&path), &path));
        done.map_err(|error| unwritten(&path, &error))?;
        Ok(path)
    }
}
