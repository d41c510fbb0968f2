//! Our JSON of copy statuses, docs/formats/guarantee.md: what a command prints that tells how far the copies of a store are.
//!
//! One document, nothing before and nothing behind it. An unknown name is refused: a misspelt number would otherwise be
//! "unknown" for ever. What is left out is not known.

use mailferry_rules::guarantee::{Copy, Index, State};
use serde::{Deserialize, Serialize};

/// Version 1: as below.
pub const FORMAT: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    copies: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    active: bool,
    state: String,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active_since_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copy_queue: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay_behind_ms: Option<u64>,
    #[serde(default)]
    replay_lag_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replayed_until_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<IndexWord>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
enum IndexWord {
    UpToDate,
    Behind,
    Unknown,
}

/// `Err` is what is wrong with the text.
pub fn read(text: &str) -> Result<Vec<Copy>, String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    // The version first: the rest may mean something else.
    let head: Head = serde_json::from_str(text).map_err(|error| format!("no copy status: {error}"))?;
    if head.format != FORMAT {
        return Err(format!("copy status of format {}; this version reads format {FORMAT}", head.format));
    }
    let document: Document = serde_json::from_str(text).map_err(|error| format!("no copy status: {error}"))?;
    Ok(document.copies.into_iter().map(copy).collect())
}

fn copy(entry: Entry) -> Copy {
    let state = state(&entry.state, entry.cause);
    Copy {
        name: entry.name,
        site: entry.site,
        active: entry.active,
        state,
        active_since_ms: entry.active_since_ms,
        copy_queue: entry.copy_queue,
        replay_behind_ms: entry.replay_behind_ms,
        replay_lag_ms: entry.replay_lag_ms,
        replayed_until_ms: entry.replayed_until_ms,
        index: match entry.index {
            Some(IndexWord::UpToDate) => Index::UpToDate,
            Some(IndexWord::Behind) => Index::Behind,
            Some(IndexWord::Unknown) | None => Index::Unknown,
        },
    }
}

fn state(word: &str, cause: Option<String>) -> State {
    match word {
        "Healthy" => State::Healthy,
        "Mounted" => State::Mounted,
        "Unreachable" => State::Unreachable(cause.unwrap_or_else(|| "no cause is given".into())),
        other => State::Other(other.into()),
    }
}

/// The same document, for people who look and programs that read on.
pub fn write(copies: &[Copy]) -> serde_json::Value {
    let entry = |copy: &Copy| Entry {
        name: copy.name.clone(),
        site: copy.site.clone(),
        active: copy.active,
        state: copy.state.word().into(),
        cause: match &copy.state {
            State::Unreachable(why) => Some(why.clone()),
            _ => None,
        },
        active_since_ms: copy.active_since_ms,
        copy_queue: copy.copy_queue,
        replay_behind_ms: copy.replay_behind_ms,
        replay_lag_ms: copy.replay_lag_ms,
        replayed_until_ms: copy.replayed_until_ms,
        index: match copy.index {
            Index::UpToDate => Some(IndexWord::UpToDate),
            Index::Behind => Some(IndexWord::Behind),
            Index::Unknown => None,
        },
    };
    // Numbers and texts alone: it can always be written.
    serde_json::to_value(Document { format: FORMAT, copies: copies.iter().map(entry).collect() }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"format":1,"copies":[
        {"name":"A","site":"X","active":true,"active_since_ms":1699999990000,"state":"Mounted","index":"UpToDate"},
        {"name":"B","site":"Y","active":false,"state":"Healthy","copy_queue":3,"replay_behind_ms":1500,
         "replay_lag_ms":60000,"replayed_until_ms":1700000000000,"index":"Behind"},
        {"name":"C","active":false,"state":"Unreachable","cause":"timed out"}]}"#;

    #[test]
    fn a_document_is_read_and_written_without_loss() {
        let copies = read(WHOLE).unwrap();
        assert_eq!(copies[0].active_since_ms, Some(1_699_999_990_000));
        assert_eq!(copies[1].copy_queue, Some(3));
        assert_eq!(copies[1].replayed_until_ms, Some(1_700_000_000_000));
        assert_eq!(copies[2].state, State::Unreachable("timed out".into()));
        assert_eq!(copies[2].site, None);
        assert_eq!(read(&write(&copies).to_string()).unwrap(), copies);
    }

    #[test]
    fn anything_odd_is_no_document() {
        let entry = r#""name":"A","active":true,"state":"Mounted""#;
        let with = |more: &str| format!(r#"{{"format":1,"copies":[{{{entry}{more}}}]}}"#);
        assert!(read(&with("")).is_ok());
        for odd in [
            String::new(),
            "null".into(),
            "[]".into(),
            "{}".into(),
            r#"{"format":1}"#.into(),
            r#"{"format":2,"copies":[]}"#.into(),
            r#"{"format":"1","copies":[]}"#.into(),
            r#"{"format":1,"copies":[],"satisfied":true}"#.into(),
            r#"{"format":1,"copies":[{"name":"A","state":"Mounted"}]}"#.into(),
            format!("{} {}", with(""), with("")),
            format!("warning\n{}", with("")),
            with("")[..20].into(),
            with(r#","copy_queue":-1"#),
            with(r#","copy_queue":1.5"#),
            with(r#","copy_queue":"3""#),
            with(r#","replayed_until_ms":1e400"#),
            with(r#","replayed_until":1700000000000"#),
            with(r#","index":"Healthy""#),
            with(r#","name":"B""#),
        ] {
            assert!(read(&odd).is_err(), "{odd}");
        }
    }
}
