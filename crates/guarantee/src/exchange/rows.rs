//! Rows of names and values out of what PowerShell prints: a list, CSV, JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names in lower case.
pub(super) type Row = BTreeMap<String, String>;

pub(super) fn read(said: &str) -> Result<Vec<Row>, String> {
    let said = said.trim_start_matches('\u{feff}').trim();
    match said.chars().next() {
        None => Err("nothing was said".into()),
        Some('[' | '{') => json(said),
        Some('"' | '#') => csv(said),
        Some(_) if said.lines().next().is_some_and(|line| line.contains(" : ") || line.ends_with(" :")) => list(said),
        Some(_) => csv(said),
    }
}

fn put(row: &mut Row, name: &str, value: &str) -> Result<(), String> {
    let name = name.trim();
    match row.insert(name.to_ascii_lowercase(), value.trim().to_owned()) {
        None if !name.is_empty() => Ok(()),
        _ => Err(format!("{name:?} is said twice of one copy, or by no name")),
    }
}

/// `Name : value`, an empty line between two copies. What is indented belongs to the value above.
fn list(said: &str) -> Result<Vec<Row>, String> {
    let mut rows = vec![Row::new()];
    let mut last = String::new();
    for line in said.lines() {
        let Some(row) = rows.last_mut() else { break };
        if line.trim().is_empty() {
            if !row.is_empty() {
                rows.push(Row::new());
            }
        } else if line.starts_with(char::is_whitespace) {
            row.get_mut(&last).ok_or("a value without a name")?.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(" :").or_else(|| line.split_once(": ")).ok_or_else(|| format!("odd line {line:?}"))?;
            put(row, name, value)?;
            last = name.trim().to_ascii_lowercase();
        }
    }
    rows.retain(|row| !row.is_empty());
    Ok(rows)
}

/// Commas and double quotes; `#TYPE` before the heads is passed over.
fn csv(said: &str) -> Result<Vec<Row>, String> {
    let mut records = records(said)?.into_iter().filter(|record| !record.first().is_some_and(|first| first.starts_with("#TYPE")));
    let heads = records.next().ok_or("no heads")?;
    let row = |record: Vec<String>| {
        if record.len() != heads.len() {
            return Err(format!("{} values below {} heads", record.len(), heads.len()));
        }
        let mut row = Row::new();
        heads.iter().zip(&record).try_for_each(|(head, value)| put(&mut row, head, value))?;
        Ok(row)
    };
    records.map(row).collect()
}

fn records(said: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = said.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err("a quote is open at the end".into());
    }
    record.push(field);
    records.push(record);
    records.retain(|record| record.len() > 1 || record.first().is_some_and(|field| !field.is_empty()));
    Ok(records)
}

/// One object or a list of them.
fn json(said: &str) -> Result<Vec<Row>, String> {
    let value: Value = serde_json::from_str(said).map_err(|error| format!("no JSON: {error}"))?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    values.iter().map(object).collect()
}

fn object(value: &Value) -> Result<Row, String> {
    let mut row = Row::new();
    for (name, value) in value.as_object().ok_or("a copy is no object")? {
        if let Some(text) = text(value) {
            put(&mut row, name, &text)?;
        }
    }
    Ok(row)
}

/// PowerShell wraps what it knows more of into an object with a `value`. Lists say nothing that is asked for.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(yes) => Some(if *yes { "True" } else { "False" }.into()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Object(about) => about.iter().find(|(name, _)| name.eq_ignore_ascii_case("value")).and_then(|(_, value)| text(value)),
        Value::Array(_) => None,
    }
}
