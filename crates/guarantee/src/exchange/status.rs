//! One row of Get-MailboxDatabaseCopyStatus as a copy.

use mailferry_rules::guarantee::{Copy, Index, State};

use super::Exchange;
use super::rows::Row;
use super::times::{span, time};

/// What only an active copy can be.
const ACTIVE: [&str; 4] = ["Mounted", "Mounting", "Dismounted", "Dismounting"];

pub(super) fn copy(row: &Row, exchange: &Exchange) -> Result<Copy, String> {
    let value = |name: &str| row.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let name = value("name").ok_or("a copy without a name")?;
    let (database, server) = name.rsplit_once('\\').ok_or_else(|| format!("{name} is not DATABASE\\SERVER"))?;
    if !database.eq_ignore_ascii_case(&exchange.database) {
        return Err(format!("{name} is no copy of database {}", exchange.database));
    }
    let status = value("status").ok_or_else(|| format!("copy {name} has no status"))?;
    if status.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("copy {name} has a status by number: convert it to a text"));
    }
    let at = |name: &str| value(name).and_then(|text| time(text, exchange.utc_offset_min));
    let replayed_until_ms = at("lastreplayedlogtime");
    let behind_ms = match number(row, "replayqueuelength", name)? {
        Some(0) => Some(0),
        Some(_) => at("lastinspectedlogtime").zip(replayed_until_ms).map(|(inspected, replayed)| inspected.saturating_sub(replayed)),
        None => None,
    };
    Ok(Copy {
        site: value("site").map(String::from).or_else(|| site_of(exchange, server)),
        copy_queue: number(row, "copyqueuelength", name)?,
        replay_behind_ms: behind_ms,
        replay_lag_ms: lag(value("replaylagtime"), value("replaylagstatus"), name)?,
        replayed_until_ms,
        index: index(value("contentindexstate")),
        ..Copy::new(name, is_active(value("activecopy"), status, name)?, state(status))
    })
}

fn number(row: &Row, what: &str, copy: &str) -> Result<Option<u64>, String> {
    let text = row.get(what).map(String::as_str).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("copy {copy} has a {what} of {text:?}"))
}

fn is_active(said: Option<&str>, status: &str, copy: &str) -> Result<bool, String> {
    match said {
        None => Ok(ACTIVE.contains(&status)),
        Some(word) if word.eq_ignore_ascii_case("True") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("False") => Ok(false),
        Some(odd) => Err(format!("copy {copy} has an ActiveCopy of {odd:?}")),
    }
}

fn state(status: &str) -> State {
    match status {
        "Healthy" => State::Healthy,
        "Mounted" => State::Mounted,
        // Its replication service does not answer: what it holds cannot be told.
        "ServiceDown" | "Unknown" | "Misconfigured" => State::Unreachable(format!("status {status}")),
        other => State::Other(other.into()),
    }
}

/// From Exchange 2019 on, the index is a part of the mailbox and is replayed with it.
fn index(said: Option<&str>) -> Index {
    match said {
        Some("Healthy" | "NotApplicable") => Index::UpToDate,
        None | Some("Unknown") => Index::Unknown,
        Some(_) => Index::Behind,
    }
}

/// As the property of the database says it, or within `Enabled:True; ...; Configured:7.00:00:00; ...`. Not lagged when neither is
/// there; should that be wrong, the copy is merely found to be too far behind.
fn lag(time: Option<&str>, status: Option<&str>, copy: &str) -> Result<u64, String> {
    let configured = || status?.split(';').find_map(|part| part.trim().strip_prefix("Configured:"));
    let Some(text) = time.or_else(configured) else { return Ok(0) };
    span(text.trim()).ok_or_else(|| format!("copy {copy} has a replay lag of {text:?}"))
}

fn site_of(exchange: &Exchange, server: &str) -> Option<String> {
    let known = exchange.sites.iter().find(|(name, _)| name.eq_ignore_ascii_case(server));
    known.map(|(_, site)| site.clone())
}
