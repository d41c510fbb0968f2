//! Whether a project file has the tables and names that it may have: every mistake at once, each with its line.
//!
//! What is wrong is taken out, so that what is left can be checked further: an unknown name, a value of another type, an entry of
//! `collections` or `mailboxes` that lacks a name it must have. Where `[project]`, `[source]`, `[target]` or a node lacks
//! something, nothing sensible can be said of the rest.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::finding::{Finding, nearest};
use super::project::{Field, Lines, RawCluster, RawCollection, RawHead};
use crate::ports::Level;

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Whole,
    /// Keys of config.ini: `RawKeys` reads them.
    Keys,
    Table(&'static [Field]),
    /// Tables of a list; one that is not as it should be is left out.
    Tables(&'static [Field]),
    /// The same, and none can be left out.
    AllTables(&'static [Field]),
}

/// The type of a field, and whether it must be there.
pub(super) trait Shaped {
    const KIND: Kind;
    const REQUIRED: bool = true;
}

impl Shaped for Spanned<String> {
    const KIND: Kind = Kind::Text;
}

impl Shaped for i32 {
    const KIND: Kind = Kind::Whole;
}

impl<T: Shaped> Shaped for Option<T> {
    const KIND: Kind = T::KIND;
    const REQUIRED: bool = false;
}

impl Kind {
    fn fits(self, value: &DeValue<'_>) -> bool {
        match self {
            Kind::Text => value.is_str(),
            Kind::Whole => value.as_integer().is_some_and(|number| i32::from_str_radix(number.as_str(), number.radix()).is_ok()),
            Kind::Keys | Kind::Table(_) => value.is_table(),
            Kind::Tables(_) | Kind::AllTables(_) => value.is_array(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Whole => "a whole number",
            Kind::Keys | Kind::Table(_) => "a table",
            Kind::Tables(_) | Kind::AllTables(_) => "a list of tables",
        }
    }
}

const fn field(name: &'static str, kind: Kind, required: bool) -> Field {
    Field { name, doc: "", kind, required }
}

const TOP: &[Field] = &[
    field("project", Kind::Table(RawHead::FIELDS), true),
    field("source", Kind::Table(RawCluster::FIELDS), true),
    field("target", Kind::Table(RawCluster::FIELDS), true),
    field("settings", Kind::Keys, false),
    field("additional-parameters", Kind::Keys, false),
    field("collections", Kind::Tables(RawCollection::FIELDS), false),
];

/// Whether what is left can be read further.
pub(super) fn shape(file: &str, lines: &Lines, whole: &mut Spanned<DeTable<'_>>, findings: &mut Vec<Finding>) -> bool {
    Shape { file, lines, findings }.table(whole.get_mut(), TOP, "the project file", 0..0)
}

struct Shape<'a> {
    file: &'a str,
    lines: &'a Lines,
    findings: &'a mut Vec<Finding>,
}

impl Shape<'_> {
    fn error(&mut self, at: &Range<usize>, text: String, hint: String) {
        let line = Some(self.lines.number(at.start));
        self.findings.push(Finding::new(Level::Error, self.file, line, text).hint(hint));
    }

    fn table(&mut self, table: &mut DeTable<'_>, fields: &'static [Field], title: &str, at: Range<usize>) -> bool {
        self.unknown(table, fields, title);
        let mut usable = true;
        for field in fields {
            let well = match table.get_mut(field.name) {
                None => self.missing(field, title, &at),
                Some(value) => self.value(value, field),
            };
            if !well {
                table.remove(field.name);
                usable &= !field.required;
            }
        }
        usable
    }

    fn unknown(&mut self, table: &mut DeTable<'_>, fields: &'static [Field], title: &str) {
        let known = |name: &str| fields.iter().any(|field| field.name == name);
        let unknown: Vec<(String, Range<usize>)> =
            table.keys().filter(|key| !known(key.get_ref())).map(|key| (key.get_ref().to_string(), key.span())).collect();
        for (name, at) in unknown {
            let names = || fields.iter().map(|field| field.name);
            let near = nearest(&name, names());
            let hint = near.map_or_else(
                || format!("names here are {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean {near}?"),
            );
            self.error(&at, format!("`{}` is no name of {title}", name.escape_debug()), hint);
            let value = table.remove(name.as_str());
            // It is read as what was meant: one mistake is told once.
            if let (Some(near), Some(value)) = (near.filter(|near| !table.contains_key(*near)), value) {
                table.insert(Spanned::new(at, near.into()), value);
            }
        }
    }

    fn missing(&mut self, field: &Field, title: &str, at: &Range<usize>) -> bool {
        if field.required {
            let hint = match field.kind {
                Kind::Table(_) | Kind::Keys => format!("write [{}]; `mailferry init` writes a project file to begin with", field.name),
                Kind::Tables(_) | Kind::AllTables(_) => format!("write {} = [...], or a table for each", field.name),
                Kind::Text | Kind::Whole => format!("write {} = ...; docs/reference/project.md describes it", field.name),
            };
            self.error(at, format!("{title} has no `{}`", field.name), hint);
        }
        !field.required
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>, field: &Field) -> bool {
        let at = value.span();
        if !field.kind.fits(value.get_ref()) {
            let text = format!("`{}` must be {}, it is {}", field.name, field.kind.words(), described(value.get_ref()));
            let hint = if matches!(field.kind, Kind::Text) { "put it between quotes" } else { "docs/reference/project.md describes it" };
            self.error(&at, text, hint.into());
            return false;
        }
        match (field.kind, value.get_mut()) {
            (Kind::Table(fields), DeValue::Table(table)) => self.table(table, fields, &format!("[{}]", field.name), at),
            (Kind::Tables(fields), DeValue::Array(entries)) => {
                self.entries(entries, fields, field.name);
                true
            }
            (Kind::AllTables(fields), DeValue::Array(entries)) => self.entries(entries, fields, field.name),
            _ => true,
        }
    }

    /// Whether none had to be left out.
    fn entries(&mut self, entries: &mut DeArray<'_>, fields: &'static [Field], name: &str) -> bool {
        let before = entries.len();
        let mut kept = DeArray::new();
        for mut entry in std::mem::replace(entries, DeArray::new()) {
            let at = entry.span();
            let usable = match entry.get_mut() {
                DeValue::Table(table) => self.table(table, fields, &title_of(table, name), at),
                other => {
                    let text = format!("an entry of `{name}` must be a table, it is {}", described(other));
                    self.error(&at, text, "docs/reference/project.md describes it".into());
                    false
                }
            };
            if usable {
                kept.push(entry);
            }
        }
        *entries = kept;
        entries.len() == before
    }
}

/// By its own name, where it has one.
fn title_of(table: &DeTable<'_>, list: &str) -> String {
    match table.get("name").and_then(|name| name.get_ref().as_str()) {
        Some(name) => format!("`{}` in `{list}`", name.escape_debug()),
        None => format!("an entry of `{list}`"),
    }
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Table(_) => "a table".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::String(_) => "a text".into(),
        DeValue::Boolean(on) => on.to_string(),
        other => format!("a {}", other.type_str()),
    }
}
