//! CSV files of mailboxes that a project file names: `list` of a collection. Every mistake is a finding with file and line.
//!
//! The columns are the names that a mailbox has in the project file. What is allowed in them is checked with the others.

use super::check::mailboxes::{Place, Row, Said};
use super::finding::{Finding, nearest};
use crate::csv;
use crate::ports::Level;

/// Of a list of mailboxes.
pub(super) const LIST_BYTES_MAX: u64 = 16 << 20;

const COLUMNS: [&str; 6] = ["name", "source", "target", "archive", "priority", "id"];
const REQUIRED: [&str; 3] = ["name", "source", "target"];

/// A name that stays beside the project file, so that a commit can be kept and brought back with its lists.
pub(super) fn is_beside(name: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':']) && !part.contains(char::is_control);
    name.split('/').all(plain) && name.to_ascii_lowercase().ends_with(".csv")
}

/// The rows of a list; `file` is its name in what is reported.
pub(super) fn rows(file: &str, text: &str, findings: &mut Vec<Finding>) -> Vec<Row> {
    let mut list = List { file, findings };
    let (records, bad) = csv::read(text);
    for (line, cause) in bad {
        list.error(line, cause, "docs/reference/project.md describes the list");
    }
    let mut records = records.into_iter();
    let Some(head) = records.next() else {
        list.error(1, "the list has no first line that names its columns".into(), "write name,source,target into the first line");
        return Vec::new();
    };
    let Some(columns) = list.columns(&head) else { return Vec::new() };
    records.filter_map(|record| list.row(&columns, record)).collect()
}

struct List<'a> {
    file: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl List<'_> {
    fn error(&mut self, line: usize, text: String, hint: &str) {
        self.findings.push(Finding::new(Level::Error, self.file, u32::try_from(line).ok(), text).hint(hint));
    }

    /// `None`: the lines cannot be read without the columns.
    fn columns(&mut self, head: &csv::Record) -> Option<Vec<&'static str>> {
        let before = self.findings.len();
        let mut columns = Vec::new();
        for field in &head.fields {
            let name = field.trim();
            match COLUMNS.into_iter().find(|column| column.eq_ignore_ascii_case(name)) {
                Some(column) if columns.contains(&column) => {
                    self.error(head.line, format!("the column {column} stands here twice"), "leave one of them out");
                }
                Some(column) => columns.push(column),
                None => {
                    let near = nearest(name, COLUMNS.into_iter());
                    let hint = near.map_or_else(|| format!("columns are {}", COLUMNS.join(", ")), |near| format!("did you mean {near}?"));
                    self.error(head.line, format!("there is no column `{}`", name.escape_debug()), &hint);
                    // One mistake is told once.
                    columns.extend(near.filter(|near| !columns.contains(near)));
                }
            }
        }
        for missing in REQUIRED.into_iter().filter(|column| !columns.contains(column)) {
            self.error(head.line, format!("the column {missing} is missing"), "write name,source,target into the first line");
        }
        (self.findings.len() == before).then_some(columns)
    }

    fn row(&mut self, columns: &[&'static str], record: csv::Record) -> Option<Row> {
        if record.fields.len() != columns.len() {
            let text = format!("this line has {} fields, the first line {}", record.fields.len(), columns.len());
            self.error(record.line, text, "a comma in a field needs quotes around the field");
            return None;
        }
        let at = Place { file: self.file.into(), line: u32::try_from(record.line).unwrap_or(u32::MAX) };
        let said = |column: &str| {
            let field = columns.iter().position(|known| *known == column).map(|place| record.fields[place].as_str());
            field.filter(|field| !field.is_empty() || REQUIRED.contains(&column)).map(|text| Said { text: text.into(), at: at.clone() })
        };
        let priority = match said("priority").map(|said| said.text.parse::<i32>().map_err(|_| said.text)) {
            None => None,
            Some(Ok(priority)) => Some(priority),
            Some(Err(text)) => {
                self.error(
                    record.line,
                    format!("the priority `{}` is no whole number", text.escape_debug()),
                    "write such as 10, or leave it empty",
                );
                return None;
            }
        };
        Some(Row {
            name: said("name")?,
            source: said("source")?,
            target: said("target")?,
            archive: said("archive"),
            priority,
            id: said("id"),
        })
    }
}
