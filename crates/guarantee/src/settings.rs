//! guarantee.toml: which target stores have copies, who tells how far they are, and what is asked of them (R71, R77). Described
//! in docs/formats/guarantee.md.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mailferry_core::ports::Clock;
use mailferry_core::trouble::Trouble;
use mailferry_rules::guarantee::Constraint;
use serde::Deserialize;

use crate::command::CommandProvider;
use crate::cyrus::Cyrus;
use crate::dovecot::DovecotReplicator;
use crate::dovecot_sync::{DovecotSync, How};
use crate::exchange::Exchange;
use crate::own::{OwnNode, OwnState};
use crate::place::Place;
use crate::provider::Provider;

/// Bytes of the file that are read at most.
const FILE_BYTES_MAX: u64 = 1 << 20;
const PATIENCE_S: u64 = 20;
const PATIENCE_S_MAX: u64 = 300;

/// Stores that match, and what is asked of them.
pub struct Row {
    /// `*` is any text; compared without case.
    pub matches: String,
    /// What the setting says when `None`.
    pub constraint: Option<Constraint>,
    pub provider: Arc<dyn Provider>,
    /// What the provider is called in the file.
    pub kind: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    stores: Vec<RawRow>,
}

#[derive(Deserialize)]
struct RawRow {
    r#match: String,
    constraint: Option<String>,
    patience_s: Option<u64>,
    #[serde(flatten)]
    provider: RawProvider,
}

#[derive(Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case", deny_unknown_fields)]
enum RawProvider {
    Command {
        program: String,
        #[serde(default)]
        arguments: Vec<String>,
        roll: Option<Vec<String>>,
    },
    Dovecot {
        doveadm: Option<String>,
        #[serde(default)]
        options: Vec<String>,
        user: Option<String>,
        active: Place,
        passive: Place,
    },
    DovecotSync {
        doveadm: Option<String>,
        #[serde(default)]
        options: Vec<String>,
        user: Option<String>,
        remote: Option<Vec<String>>,
        stamp: Option<String>,
        active: Place,
        passive: Place,
    },
    Cyrus {
        sync_client: Option<String>,
        config: Option<String>,
        channel: Option<String>,
        rolling: Option<bool>,
        user: Option<String>,
        active: Place,
        passive: Place,
    },
    Exchange {
        database: String,
        command: Option<Vec<String>>,
        #[serde(default)]
        sites: BTreeMap<String, String>,
        utc_offset_min: Option<i32>,
    },
    Mailferry {
        nodes: Vec<OwnNode>,
    },
}

/// Reads the file; an error names place and cause.
pub fn load(path: &Path, clock: &Arc<dyn Clock>) -> Result<Vec<Row>, Trouble> {
    let trouble = |cause: String| {
        Trouble::new("could not read who tells about copies of target stores")
            .place(path.display())
            .cause(cause)
            .hint("docs/formats/guarantee.md describes the file")
    };
    let about = std::fs::metadata(path).map_err(|error| trouble(error.to_string()))?;
    if about.len() > FILE_BYTES_MAX {
        return Err(trouble(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| trouble(error.to_string()))?;
    parse(&text, clock).map_err(trouble)
}

pub fn parse(text: &str, clock: &Arc<dyn Clock>) -> Result<Vec<Row>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().replace('\n', ", "))?;
    let row = |(at, raw): (usize, RawRow)| row(raw, clock).map_err(|why| format!("row {} of [[stores]]: {why}", at + 1));
    file.stores.into_iter().enumerate().map(row).collect()
}

fn row(raw: RawRow, clock: &Arc<dyn Clock>) -> Result<Row, String> {
    let constraint = raw.constraint.map(|word| word.parse::<Constraint>().map_err(|error| error.to_string())).transpose()?;
    let patience_s = raw.patience_s.unwrap_or(PATIENCE_S);
    if !(1..=PATIENCE_S_MAX).contains(&patience_s) {
        return Err(format!("patience_s is {patience_s}, allowed is 1 to {PATIENCE_S_MAX}"));
    }
    let (kind, provider) = provider(raw.provider, Duration::from_secs(patience_s), clock.clone())?;
    Ok(Row { matches: raw.r#match, constraint, provider, kind })
}

fn provider(raw: RawProvider, patience: Duration, clock: Arc<dyn Clock>) -> Result<(&'static str, Arc<dyn Provider>), String> {
    let doveadm = |program: Option<String>| program.unwrap_or_else(|| "doveadm".into());
    let user = |user: Option<String>| user.unwrap_or_else(|| "{user}".into());
    Ok(match raw {
        RawProvider::Command { program, arguments, roll } => ("command", Arc::new(CommandProvider { program, arguments, roll, patience })),
        RawProvider::Dovecot { doveadm: program, options, user: of, active, passive } => {
            let doveadm = doveadm(program);
            ("dovecot", Arc::new(DovecotReplicator { doveadm, options, user: user(of), active, passive, patience, clock }))
        }
        RawProvider::DovecotSync { doveadm: program, options, user: of, remote, stamp, active, passive } => {
            let how = match (remote, stamp) {
                (Some(remote), None) if !remote.is_empty() => How::Run { remote },
                (None, Some(path)) => How::Stamp { path },
                _ => return Err("dovecot-sync wants either `remote` or `stamp`".into()),
            };
            let doveadm = doveadm(program);
            ("dovecot-sync", Arc::new(DovecotSync { doveadm, options, user: user(of), how, active, passive, patience, clock }))
        }
        RawProvider::Cyrus { sync_client, config, channel, rolling, user: of, active, passive } => {
            let sync_client = sync_client.unwrap_or_else(|| "/usr/lib/cyrus/bin/sync_client".into());
            let config = config.unwrap_or_else(|| "/etc/imapd.conf".into());
            let rolling = rolling.unwrap_or(true);
            ("cyrus", Arc::new(Cyrus { sync_client, config, channel, rolling, user: user(of), active, passive, patience, clock }))
        }
        RawProvider::Exchange { database, command, sites, utc_offset_min } => {
            let command = command.unwrap_or_else(|| Exchange::by_powershell(&database));
            ("exchange", Arc::new(Exchange { database, command, sites, utc_offset_min, patience }))
        }
        RawProvider::Mailferry { nodes } => ("mailferry", Arc::new(OwnState { nodes })),
    })
}

impl Row {
    pub fn is_for(&self, store: &str) -> bool {
        matches(&self.matches.to_lowercase(), &store.to_lowercase())
    }
}

/// `*` is any text, nothing else means anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
