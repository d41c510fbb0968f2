//! How the mailboxes of a list ended: a table for people, CSV and JSON for programs. No secret is in any of them: there is none in an
//! address.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use indicatif::{HumanBytes, HumanCount};
use mailferry_core::trouble::Trouble;
use serde::Serialize;

use crate::commands::csv::{self, part, unwritten};
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;
use crate::text;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Done,
    /// Only said what would be done.
    Rehearsed,
    /// Something waits or could not be moved, or the run was interrupted in it.
    Partly,
    Failed,
    /// The run was interrupted before its turn.
    Waiting,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Rehearsed => "rehearsed",
            State::Partly => "partly",
            State::Failed => "failed",
            State::Waiting => "waiting",
        }
    }
}

/// One mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub line: usize,
    pub name: String,
    pub source: String,
    pub target: String,
    pub state: State,
    pub folders: u64,
    pub items: u64,
    pub bytes: u64,
    /// In a rehearsal: would be appended.
    pub appended: u64,
    pub found_again: u64,
    pub already_there: u64,
    pub skipped: u64,
    pub seconds: f64,
    /// What waits, was skipped or failed.
    pub message: String,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub mailboxes: Vec<Row>,
    pub jobs: usize,
    pub seconds: f64,
    pub interrupted: bool,
}

impl Report {
    fn count(&self, state: State) -> usize {
        self.mailboxes.iter().filter(|row| row.state == state).count()
    }

    pub fn exit(&self) -> Exit {
        let fine = self.count(State::Done) + self.count(State::Rehearsed);
        match (fine == self.mailboxes.len(), self.count(State::Failed) == self.mailboxes.len()) {
            (true, _) => Exit::Ok,
            (_, true) => Exit::Failed,
            _ => Exit::Partly,
        }
    }

    pub fn print(&self, screen: &mut Screen) -> anyhow::Result<()> {
        if screen.json {
            return Ok(screen.document(self)?);
        }
        let width = self.mailboxes.iter().map(|row| text::line(&row.name).chars().count()).max().unwrap_or(0).clamp(7, 40);
        writeln!(
            screen,
            "{:width$}  {:9}  {:>11}  {:>11}  {:>11}  {:>7}  {:>7}",
            "mailbox", "state", "items", "size", "appended", "skipped", "seconds"
        )?;
        for row in &self.mailboxes {
            let size = HumanBytes(row.bytes).to_string();
            let [items, appended, skipped] = [row.items, row.appended, row.skipped].map(|count| HumanCount(count).to_string());
            let (name, state) = (text::line(&row.name), row.state.word());
            writeln!(screen, "{name:width$}  {state:9}  {items:>11}  {size:>11}  {appended:>11}  {skipped:>7}  {:>7.1}", row.seconds)?;
            for line in row.message.lines() {
                writeln!(screen, "    {}", text::line(line))?;
            }
        }
        self.print_sums(screen)
    }

    fn print_sums(&self, screen: &mut Screen) -> anyhow::Result<()> {
        let states = [State::Done, State::Rehearsed, State::Partly, State::Failed, State::Waiting];
        let told: Vec<String> = states
            .into_iter()
            .map(|state| (self.count(state), state))
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {}", state.word()))
            .collect();
        let sum = |value: fn(&Row) -> u64| self.mailboxes.iter().map(value).sum::<u64>();
        let mailboxes = text::count(self.mailboxes.len() as u64, "mailbox");
        writeln!(
            screen,
            "{mailboxes}: {}; {} of {} items {}, {} at the source, in {:.1} s",
            told.join(", "),
            HumanCount(sum(|row| row.appended)),
            HumanCount(sum(|row| row.items)),
            if self.count(State::Rehearsed) > 0 { "would be appended" } else { "appended" },
            HumanBytes(sum(|row| row.bytes)),
            self.seconds
        )?;
        if self.interrupted {
            writeln!(screen, "interrupted: run the same command again to go on")?;
        }
        Ok(())
    }

    fn csv(&self) -> String {
        let mut out =
            String::from("line,name,source,target,state,folders,items,bytes,appended,found_again,already_there,skipped,seconds,message\n");
        for row in &self.mailboxes {
            let words = [&row.name, &row.source, &row.target].map(|word| csv::field(word)).join(",");
            let counts = [row.folders, row.items, row.bytes, row.appended, row.found_again, row.already_there, row.skipped];
            let counts = counts.map(|count| count.to_string()).join(",");
            let message = row.message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
            let (state, message) = (row.state.word(), csv::field(&message));
            out.push_str(&format!("{},{words},{state},{counts},{:.3},{message}\n", row.line, row.seconds));
        }
        out
    }
}

/// Files to write, by what they end in. They can be written, which is seen before anything is moved.
#[derive(Debug)]
pub struct Files(BTreeMap<PathBuf, Form>);

#[derive(Clone, Copy, Debug)]
enum Form {
    Csv,
    Json,
}

impl Files {
    /// `list.report.csv` beside the list where nothing else is said.
    pub fn prepare(wanted: &[PathBuf], list: &Path) -> anyhow::Result<Files> {
        let default = [list.with_extension("report.csv")];
        let wanted = if wanted.is_empty() { &default } else { wanted };
        let mut files = BTreeMap::new();
        for path in wanted {
            let form = match path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
                Some("csv") => Form::Csv,
                Some("json") => Form::Json,
                _ => {
                    let trouble = Trouble::new("could not tell in which form the report is wanted").place(path.display());
                    return Err(WrongUse(trouble.hint("let its name end in .csv or .json")).into());
                }
            };
            fs::File::create(part(path)).map_err(|error| unwritten(path, &error))?;
            files.insert(path.clone(), form);
        }
        Ok(Files(files))
    }

    pub fn write(&self, report: &Report) -> anyhow::Result<()> {
        for (path, form) in &self.0 {
            let text = match form {
                Form::Csv => report.csv(),
                Form::Json => serde_json::to_string_pretty(report)? + "\n",
            };
            let written = fs::write(part(path), text).and_then(|()| fs::rename(part(path), path));
            written.map_err(|error| unwritten(path, &error))?;
        }
        Ok(())
    }

    pub fn tell(&self, screen: &mut Screen) -> io::Result<()> {
        self.0.keys().try_for_each(|path| writeln!(screen, "report: {}", path.display()))
    }
}
