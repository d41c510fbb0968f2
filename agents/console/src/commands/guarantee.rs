//! `mailferry guarantee`: what the copies of target stores hold, whether that is enough, and which constraint suits them (R70-R73).
//!
//! The very providers and rules of the target agent answer. Nothing is changed, but for providers to which to ask is to sync.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use mailferry_core::ports::{Clock, DataGuarantee};
use mailferry_core::trouble::Trouble;
use mailferry_guarantee::{Guard, WallClock, answer};
use mailferry_rules::guarantee::{Answer, Constraint, Copy, recommend, warnings};
use serde_json::{Value, json};

use super::project;
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;
use crate::text;

/// Look at the copies of target stores: what they hold, whether it is enough, what to ask of them
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show every copy of target stores as its provider reports it
    ///
    /// Exit codes: 0 shown, 1 failed, 2 wrong usage, 3 a provider cannot answer.
    Show(StoresArgs),
    /// Ask whether the constraint holds: healthy copies, and with --commit what they have flushed
    ///
    /// Exit codes: 0 satisfied, 1 failed, 2 wrong usage, 3 not satisfied, or it cannot be told now.
    Check(CheckArgs),
    /// Say which constraint suits the copies, and what is wrong with the one that is set
    ///
    /// Exit codes: 0 the constraint can hold, 1 failed, 2 wrong usage, 3 it can never hold, or a provider cannot answer.
    Recommend(StoresArgs),
}

#[derive(clap::Args)]
pub struct StoresArgs {
    /// Who tells about which stores
    #[arg(long, value_name = "FILE", default_value = "guarantee.toml")]
    providers: PathBuf,
    /// DataMoveReplicationConstraint of stores for which the file has none
    #[arg(long, value_name = "WORD", default_value = "None")]
    constraint: Constraint,
    /// All target stores of this project
    #[arg(long, value_name = "FILE")]
    project: Option<PathBuf>,
    /// Target stores, such as imap://alice@mail.example
    #[arg(value_name = "STORE")]
    stores: Vec<String>,
}

#[derive(clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    of: StoresArgs,
    /// Time of a commit that must have been flushed: `now`, or such as 2024-05-01T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    commit: Option<u64>,
}

fn time(text: &str) -> Result<u64, String> {
    if text == "now" {
        return Ok(WallClock.now_ms());
    }
    let at: Timestamp = text.parse().map_err(|_| "a time such as 2024-05-01T09:30:00Z, or `now`".to_owned())?;
    u64::try_from(at.as_millisecond()).map_err(|_| "a time since 1970".into())
}

/// One store, and what came of it.
struct Told {
    lines: Vec<String>,
    json: Value,
    fine: bool,
}

pub fn run(command: &Command, screen: &mut Screen) -> anyhow::Result<Exit> {
    let of = match command {
        Command::Show(of) | Command::Recommend(of) => of,
        Command::Check(check) => &check.of,
    };
    let stores = stores(of)?;
    let guard = Guard::load(&of.providers, of.constraint, Arc::new(WallClock))?;
    let tell = |store: &String| match command {
        Command::Show(_) => show(&guard, store),
        Command::Check(check) => self::check(&guard, store, check.commit),
        Command::Recommend(_) => advise(&guard, store),
    };
    let mut fine = true;
    let mut documents = Vec::new();
    for store in &stores {
        let told = tell(store);
        fine &= told.fine;
        if screen.json {
            documents.push(told.json);
        } else {
            told.lines.iter().try_for_each(|line| writeln!(screen, "{}", text::line(line)))?;
        }
    }
    if screen.json {
        screen.document(&documents)?;
    }
    Ok(if fine { Exit::Ok } else { Exit::Partly })
}

/// Those named, and those of the project; each once.
fn stores(of: &StoresArgs) -> anyhow::Result<Vec<String>> {
    let mut stores = of.stores.clone();
    if let Some(path) = &of.project {
        let project = project::loaded(path)?;
        stores.extend(project.mailboxes.into_iter().map(|mailbox| mailbox.target));
    }
    let mut seen = std::collections::BTreeSet::new();
    stores.retain(|store| seen.insert(store.clone()));
    if stores.is_empty() {
        return Err(WrongUse(Trouble::new("no target store is named").hint("name stores, or a project with --project")).into());
    }
    Ok(stores)
}

fn head(guard: &Guard, store: &str) -> String {
    let kind = guard.row(store).map_or("no provider", |row| row.kind);
    format!("{store}: {}, {kind}", guard.constraint(store))
}

fn named(guard: &Guard, store: &str, mut more: Value) -> Value {
    more["store"] = store.into();
    more["constraint"] = guard.constraint(store).word().into();
    more["provider"] = guard.row(store).map(|row| row.kind).into();
    more
}

fn show(guard: &Guard, store: &str) -> Told {
    let mut lines = vec![head(guard, store)];
    match guard.copies(store) {
        Ok(copies) => {
            lines.extend(copies.iter().map(copy_line));
            Told { lines, json: named(guard, store, answer::write(&copies)), fine: true }
        }
        Err(why) => unknown(guard, store, lines, why),
    }
}

fn unknown(guard: &Guard, store: &str, mut lines: Vec<String>, why: String) -> Told {
    lines.push(format!("  cannot be told now: {why}"));
    Told { lines, json: named(guard, store, json!({ "unknown": why })), fine: false }
}

fn copy_line(copy: &Copy) -> String {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "?".into());
    let role = if copy.active { "active" } else { "passive" };
    let seconds = |ms: u64| format!("{} s", ms / 1000);
    let queues = if copy.active {
        String::new()
    } else {
        let lag = if copy.replay_lag_ms > 0 { format!(" (lag {})", seconds(copy.replay_lag_ms)) } else { String::new() };
        format!(
            ", copy queue {}, replay {} behind{lag}, replayed until {}",
            or_unknown(copy.copy_queue.map(|queue| queue.to_string())),
            or_unknown(copy.replay_behind_ms.map(seconds)),
            or_unknown(copy.replayed_until_ms.map(moment)),
        )
    };
    let (name, site) = (&copy.name, copy.site.as_deref().unwrap_or("?"));
    format!("  {name} in {site}: {role}, {}{queues}, index {:?}", copy.state.word(), copy.index)
}

fn moment(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{ms} ms"), |at| at.to_string())
}

fn check(guard: &Guard, store: &str, commit_ms: Option<u64>) -> Told {
    let health = guard.healthy("console", store);
    let flush = commit_ms.map(|commit_ms| guard.flushed(store, commit_ms));
    let mut lines = vec![head(guard, store), format!("  health: {}", answer_words(&health))];
    lines.extend(flush.as_ref().map(|flush| format!("  flush:  {}", answer_words(flush))));
    let fine = health.is_satisfied() && flush.as_ref().is_none_or(Answer::is_satisfied);
    let json = json!({ "health": answer_json(&health), "flush": flush.as_ref().map(answer_json), "commit_ms": commit_ms });
    Told { lines, json: named(guard, store, json), fine }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Satisfied => "Satisfied",
        Answer::Retry(_) => "Retry",
        Answer::NotSatisfied(_) => "NotSatisfied",
    }
}

fn answer_words(answer: &Answer) -> String {
    answer.reason().map_or(word(answer).to_owned(), |why| format!("{}: {why}", word(answer)))
}

fn answer_json(answer: &Answer) -> Value {
    json!({ "answer": word(answer), "reason": answer.reason() })
}

fn advise(guard: &Guard, store: &str) -> Told {
    let mut lines = vec![head(guard, store)];
    let copies = match guard.copies(store) {
        Ok(copies) => copies,
        Err(why) => return unknown(guard, store, lines, why),
    };
    let advice = recommend(&copies);
    let wrong = warnings(guard.constraint(store), &copies);
    lines.push(format!("  recommended: {} ({})", advice.constraint, advice.why));
    lines.extend(wrong.iter().map(|warning| format!("  warning: {warning}")));
    let json = json!({ "recommended": advice.constraint.word(), "why": advice.why, "warnings": wrong });
    Told { lines, json: named(guard, store, json), fine: wrong.is_empty() }
}
