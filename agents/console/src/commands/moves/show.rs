//! Requests as text, within 80 columns.

use std::collections::BTreeMap;
use std::io::Write;

use mailferry_core::engine::{MoveReport, Moves};
use mailferry_core::settings::Seconds;
use mailferry_rules::moves::State;
use serde::Serialize;

use super::{label, moves, wrong};
use crate::commands::project::ProjectFile;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

#[derive(clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    file: ProjectFile,
    /// Only those in this state (MoveStatus)
    #[arg(long, alias = "MoveStatus", value_name = "STATE")]
    state: Option<String>,
    /// Only those of this batch
    #[arg(long, alias = "BatchName", value_name = "NAME")]
    batch: Option<String>,
}

#[derive(clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    file: ProjectFile,
    #[arg(value_name = "MAILBOX")]
    mailbox: String,
}

fn chosen(args: &ListArgs) -> anyhow::Result<Vec<MoveReport>> {
    let state = match &args.state {
        Some(name) => {
            let all = State::ALL.map(State::name).join(", ");
            Some(State::named(name).ok_or_else(|| wrong(format!("there is no state `{name}`"), &format!("it is one of {all}")))?)
        }
        None => None,
    };
    let mut requests = moves(&args.file.loaded()?)?.requests;
    requests.retain(|of| state.is_none_or(|state| of.state == state.name()) && args.batch.as_ref().is_none_or(|batch| of.batch == *batch));
    Ok(requests)
}

pub fn list(args: &ListArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let requests = chosen(args)?;
    if screen.json {
        screen.document(&requests)?;
    } else if requests.is_empty() {
        writeln!(screen, "no move requests")?;
    } else {
        writeln!(screen, "{:<22} {:<20} {:<23} {:>11}", "mailbox", "state", "detail", "containers")?;
        for of in &requests {
            let containers = format!("{}/{}", of.containers_answered, of.containers);
            let name = text::line(label(of));
            writeln!(screen, "{:<22} {:<20} {:<23} {containers:>11}", short(&name, 22), text::line(&of.state), text::line(&of.detail))?;
        }
    }
    Ok(Exit::Ok)
}

fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most { name.to_owned() } else { name.chars().take(most - 1).chain(['~']).collect() }
}

pub fn show(args: &ShowArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = args.file.loaded()?;
    let moves = moves(&project)?;
    let Some(of) = moves.requests.iter().find(|of| label(of) == args.mailbox) else {
        return Err(wrong(format!("mailbox {} has no move request", args.mailbox), "`mailferry moves list` lists those there are"));
    };
    let other_part = moves.requests.iter().find(|other| !of.partner.is_empty() && other.mailbox == of.partner);
    if screen.json {
        screen.document(&Shown { of, other_part })?;
        return Ok(Exit::Ok);
    }
    one(&moves, of, screen)?;
    if let Some(other) = other_part {
        writeln!(screen)?;
        one(&moves, other, screen)?;
    }
    Ok(Exit::Ok)
}

/// A request, with that of the other part where the two are moved as one.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: &'a MoveReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_part: Option<&'a MoveReport>,
}

fn one(moves: &Moves, of: &MoveReport, screen: &mut Screen) -> anyhow::Result<()> {
    for (name, value) in fields(of) {
        writeln!(screen, "{name:<18} {}", wrapped(&text::line(&value), 19))?;
    }
    writeln!(screen, "durations")?;
    for (state, ms) in durations(of) {
        writeln!(screen, "  {state:<20} {:>14}", span(ms))?;
    }
    writeln!(screen, "  {:<20} {:>14}", "overall", span(of.overall_ms))?;
    for (number, item) in of.not_there.iter().enumerate() {
        let head = if number == 0 { "not at the target\n" } else { "" };
        let place = if item.folder.is_empty() { String::new() } else { format!("item {} in {}: ", item.key, item.folder) };
        writeln!(screen, "{head}  {} {}\n    {}", item.kind, item.token, wrapped(&text::line(&format!("{place}{}", item.reason)), 4))?;
    }
    for (number, line) in of.history.iter().enumerate() {
        let head = if number == 0 { "history\n" } else { "" };
        writeln!(screen, "{head}  {} {}", time(line.at_ms), wrapped(&text::line(&line.what), 23))?;
    }
    let refused = moves.orders.iter().filter(|order| order.mailbox == of.mailbox && order.refused.is_some());
    for order in refused {
        let why = order.refused.as_deref().unwrap_or_default();
        let told = format!("{}: {}", order.what, text::line(why));
        writeln!(screen, "refused\n  {} {}", time(order.done_ms), wrapped(&told, 23))?;
    }
    Ok(())
}

/// Words in lines of 80 columns, of which the first `indent` are taken.
fn wrapped(text: &str, indent: usize) -> String {
    let (mut out, mut column) = (String::new(), indent);
    for (number, word) in text.split(' ').enumerate() {
        let width = word.chars().count() + usize::from(number > 0);
        if number > 0 && column + width > 80 {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent + width - 1;
        } else {
            out.push_str(if number > 0 { " " } else { "" });
            column += width;
        }
        out.push_str(word);
    }
    out
}

fn fields(of: &MoveReport) -> Vec<(&'static str, String)> {
    let limited = |there: u64, most: u64| match most >= u64::from(u32::MAX) {
        true => format!("{there} (no limit)"),
        false => format!("{there} of {most} allowed"),
    };
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let all = [
        ("mailbox", label(of).to_owned()),
        ("moved as one with", together(of)),
        ("state", format!("{}, since {}", of.state, time(of.state_since_ms))),
        ("detail", of.detail.clone()),
        ("stage", of.stage.clone()),
        ("message", of.message.clone()),
        ("batch", of.batch.clone()),
        ("comment", of.comment.clone()),
        ("priority", of.priority.clone()),
        ("containers", format!("{} answered of {}", of.containers_answered, of.containers)),
        ("bad items", limited(of.bad_items, of.bad_items_max)),
        ("large items", limited(of.large_items, of.large_items_max)),
        ("retries", of.retries.to_string()),
        ("suspend when ready", yes(of.suspend_when_ready)),
        ("prevent completion", yes(of.prevent_completion)),
        ("sync interval", Seconds(of.interval_ms / 1000).to_string()),
        ("queued", time(of.created_ms)),
        ("start after", time(of.start_after_ms)),
        ("started", time(of.started_ms)),
        ("first copy", time(of.ready_ms)),
        ("in step as of", time(of.synced_ms)),
        ("complete after", time(of.complete_after_ms)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn together(of: &MoveReport) -> String {
    let name = if of.partner_name.is_empty() { &of.partner } else { &of.partner_name };
    match of.part.as_str() {
        "primary" => format!("{name}, its archive"),
        "archive" => format!("{name}, its primary mailbox"),
        _ => String::new(),
    }
}

/// In the order in which a request usually goes through them.
fn durations(of: &MoveReport) -> Vec<(&'static str, u64)> {
    State::ALL.into_iter().filter_map(|state| Some((state.name(), *of.durations_ms.get(state.name())?))).collect()
}

/// Empty where it has not happened.
fn time(ms: u64) -> String {
    if ms == 0 { String::new() } else { text::date((ms / 1000) as i64) }
}

/// To the millisecond: durations add up.
fn span(ms: u64) -> String {
    let rest = format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    match ms / 86_400_000 {
        0 => rest,
        days => format!("{days}d {rest}"),
    }
}

#[derive(Serialize, Default)]
struct Sum {
    requests: u64,
    /// Of these, archives that are moved as one with their primary mailboxes.
    archives: u64,
    containers: u64,
    containers_answered: u64,
    bad_items: u64,
    large_items: u64,
    overall_ms: u64,
    durations_ms: BTreeMap<String, u64>,
    states: BTreeMap<String, u64>,
}

pub fn statistics(args: &ListArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for of in chosen(args)? {
        let sum = sums.entry(of.batch.clone()).or_default();
        sum.requests += 1;
        sum.archives += u64::from(of.part == "archive");
        sum.containers += of.containers;
        sum.containers_answered += of.containers_answered;
        sum.bad_items += of.bad_items;
        sum.large_items += of.large_items;
        sum.overall_ms += of.overall_ms;
        *sum.states.entry(of.state.clone()).or_default() += 1;
        of.durations_ms.into_iter().for_each(|(state, ms)| *sum.durations_ms.entry(state).or_default() += ms);
    }
    if screen.json {
        screen.document(&sums)?;
        return Ok(Exit::Ok);
    }
    if sums.is_empty() {
        writeln!(screen, "no move requests")?;
    }
    for (batch, sum) in &sums {
        let batch = if batch.is_empty() { "without a batch".to_owned() } else { format!("batch {}", text::line(batch)) };
        writeln!(
            screen,
            "{batch}: {}, {}/{} containers answered",
            text::count(sum.requests, "request"),
            sum.containers_answered,
            sum.containers
        )?;
        if sum.archives > 0 {
            writeln!(screen, "  {} moved as one with their primary mailboxes", text::count(sum.archives, "archive"))?;
        }
        writeln!(screen, "  {} bad, {} large items not at the target", sum.bad_items, sum.large_items)?;
        writeln!(screen, "  {:<20} {:>8} {:>18}", "state", "requests", "time in it")?;
        for state in State::ALL.map(State::name) {
            let (count, ms) =
                (sum.states.get(state).copied().unwrap_or_default(), sum.durations_ms.get(state).copied().unwrap_or_default());
            if count > 0 || ms > 0 {
                writeln!(screen, "  {state:<20} {count:>8} {:>18}", span(ms))?;
            }
        }
        writeln!(screen, "  {:<20} {:>8} {:>18}", "overall", sum.requests, span(sum.overall_ms))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_to_the_millisecond() {
        assert_eq!([0, 61_001, 86_400_000 * 3 + 1].map(span), ["00:00:00.000", "00:01:01.001", "3d 00:00:00.001"]);
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        let text = wrapped(&"word ".repeat(40), 19);
        assert!(text.lines().count() > 1 && text.lines().skip(1).all(|line| line.len() <= 80 && line.starts_with(&" ".repeat(19))));
        assert_eq!(wrapped("short", 4), "short");
    }

    #[test]
    fn a_long_name_is_cut_and_says_so() {
        assert_eq!(short("abcdef", 6), "abcdef");
        assert_eq!(short("abcdefg", 6), "abcde~");
    }
}
