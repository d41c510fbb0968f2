//! What is asked for: options of `new` and `set`, and the columns of a list (docs/formats/order.md).

use std::path::PathBuf;

use mailferry_core::orders::{Ask, What};
use mailferry_core::ports::Clock;
use mailferry_core::settings::{Mailbox, Project, Seconds};
use mailferry_core::trouble::Trouble;
use mailferry_host::SystemClock;
use mailferry_rules::moves::{Priority, Wishes};

use super::order::{self, Sending};
use super::parts::{Parts, Taken};
use super::wrong;
use crate::commands::csv;
use crate::commands::project::ProjectFile;
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;

const PAGE: &str = "docs/formats/order.md";

#[derive(clap::Args)]
pub struct NewArgs {
    #[command(flatten)]
    file: ProjectFile,
    /// Mailboxes of the project, by name
    #[arg(value_name = "MAILBOX", required_unless_present = "list")]
    mailboxes: Vec<String>,
    /// A CSV file with a column `mailbox`, and others named as the options; what a line leaves empty, the options say
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    #[command(flatten)]
    parts: Parts,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    sending: Sending,
}

#[derive(clap::Args)]
pub struct SetArgs {
    #[command(flatten)]
    which: order::Which,
    #[command(flatten)]
    options: Options,
}

/// Also written as Exchange writes them: --BadItemLimit.
#[derive(clap::Args, Clone, Default)]
pub struct Options {
    /// Name of the batch that the request belongs to
    #[arg(long, alias = "BatchName")]
    batch_name: Option<String>,
    #[arg(long, alias = "Comment")]
    comment: Option<String>,
    /// Lowest, Lower, Low, Normal, High, Higher, Highest or Emergency
    #[arg(long, alias = "Priority")]
    priority: Option<String>,
    /// Corrupt or missing items that are put up with, or `unlimited` [default: 0]
    #[arg(long, alias = "BadItemLimit", value_name = "ITEMS")]
    bad_item_limit: Option<String>,
    /// Items too large for the target that are put up with, or `unlimited` [default: 0]
    #[arg(long, alias = "LargeItemLimit", value_name = "ITEMS")]
    large_item_limit: Option<String>,
    /// Needed for a limit above 50
    #[arg(long, alias = "AcceptLargeDataLoss")]
    accept_large_data_loss: bool,
    /// Stay in step once ready, and wait for the order to complete
    #[arg(long, alias = "SuspendWhenReadyToComplete", value_name = "YES|NO", num_args = 0..=1, default_missing_value = "yes")]
    suspend_when_ready_to_complete: Option<String>,
    /// Nothing completes the request while this stands
    #[arg(long, alias = "PreventCompletion", value_name = "YES|NO", num_args = 0..=1, default_missing_value = "yes")]
    prevent_completion: Option<String>,
    /// Not begun before: 2026-05-01T20:00Z, or 2h from now
    #[arg(long, alias = "StartAfter", value_name = "TIME")]
    start_after: Option<String>,
    /// Not completed before
    #[arg(long, alias = "CompleteAfter", value_name = "TIME")]
    complete_after: Option<String>,
    /// How often a request that is ready is brought up to date: 15m, 1d [default: 1d]
    #[arg(long, alias = "IncrementalSyncInterval", value_name = "DURATION")]
    incremental_sync_interval: Option<String>,
}

impl Options {
    fn ask(&self) -> Result<Ask, String> {
        let now_ms = SystemClock.now_ms();
        let is = |text: &Option<String>, read: &dyn Fn(&str) -> Result<u64, String>| text.as_deref().map(read).transpose();
        let priority = match &self.priority {
            Some(name) => {
                let all = Priority::ALL.map(Priority::name).join(", ");
                Some(Priority::named(name).ok_or_else(|| format!("priority `{name}`: it is one of {all}"))?.name().to_owned())
            }
            None => None,
        };
        Ok(Ask {
            archive: None,
            batch: self.batch_name.clone(),
            comment: self.comment.clone(),
            priority,
            suspend_when_ready: self.suspend_when_ready_to_complete.as_deref().map(yes).transpose()?,
            prevent_completion: self.prevent_completion.as_deref().map(yes).transpose()?,
            start_after_ms: is(&self.start_after, &|text| time(text, now_ms))?,
            complete_after_ms: is(&self.complete_after, &|text| time(text, now_ms))?,
            interval_ms: is(&self.incremental_sync_interval, &|text| {
                text.parse::<Seconds>().map(Seconds::ms).map_err(|error| error.to_string())
            })?,
            bad_items_max: is(&self.bad_item_limit, &limit)?,
            large_items_max: is(&self.large_item_limit, &limit)?,
            accept_large_data_loss: self.accept_large_data_loss.then_some(true),
        })
    }

    /// The options of a line of a list, over those of the command line.
    fn with(&self, column: &str, value: &str) -> Result<Options, String> {
        let mut options = self.clone();
        let plain = plain(column);
        let text = Some(value.to_owned());
        match plain.as_str() {
            "batchname" | "batch" => options.batch_name = text,
            "comment" => options.comment = text,
            "priority" => options.priority = text,
            "baditemlimit" => options.bad_item_limit = text,
            "largeitemlimit" => options.large_item_limit = text,
            "acceptlargedataloss" => options.accept_large_data_loss = yes(value)?,
            "suspendwhenreadytocomplete" => options.suspend_when_ready_to_complete = text,
            "preventcompletion" => options.prevent_completion = text,
            "startafter" => options.start_after = text,
            "completeafter" => options.complete_after = text,
            "incrementalsyncinterval" => options.incremental_sync_interval = text,
            _ => return Err(format!("there is no column `{column}`; there are mailbox and the long options of `moves new`")),
        }
        Ok(options)
    }
}

/// The name of a column without what may be written in several ways.
fn plain(column: &str) -> String {
    column.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

fn limit(text: &str) -> Result<u64, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(i64::MAX as u64);
    }
    text.parse::<u32>().map(u64::from).map_err(|_| format!("`{text}` is no number of items, nor `unlimited`"))
}

fn yes(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().trim_start_matches('$') {
        "yes" | "true" | "1" | "on" => Ok(true),
        "no" | "false" | "0" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

/// An instant, or a duration from now on.
fn time(text: &str, now_ms: u64) -> Result<u64, String> {
    if let Ok(duration) = text.parse::<Seconds>() {
        return Ok(now_ms.saturating_add(duration.ms()));
    }
    let at =
        text.parse::<jiff::Timestamp>().map_err(|_| format!("`{text}` is no time: write 2026-05-01T20:00:00Z, or 2h for in two hours"))?;
    u64::try_from(at.as_millisecond()).map_err(|_| format!("`{text}` lies before 1970"))
}

pub fn new(args: &NewArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = args.file.loaded()?;
    let asked = match &args.list {
        Some(list) if args.mailboxes.is_empty() => listed(&project, list, args)?,
        Some(_) => return Err(wrong("mailboxes are named on the command line and in a list", "name them in one of the two places")),
        None => {
            let ask = checked(&args.options).map_err(|why| wrong(why, "`mailferry moves new --help` lists the options"))?;
            let (mut taken, hint) =
                (Taken::default(), "with an archive both are moved: name the primary mailbox alone, or use --primary-only");
            let order = |mailbox: Mailbox| {
                let order = args.parts.order(&project, &mailbox, &ask).map_err(|why| wrong(why, hint))?;
                let twice = |(name, ()): (String, ())| wrong(format!("mailbox {name} is asked for twice"), hint);
                taken.take(&project, &order, ()).map_err(twice).map(|()| order)
            };
            order::named(&project, &args.mailboxes)?.into_iter().map(order).collect::<anyhow::Result<_>>()?
        }
    };
    order::send(&project, &asked, &args.sending, screen)
}

pub fn set(args: &SetArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let ask = args.options.ask().map_err(|why| wrong(why, "`mailferry moves set --help` lists the options"))?;
    if ask.is_empty() {
        return Err(wrong("nothing is to be changed", "`mailferry moves set --help` lists what can be"));
    }
    order::to_all(&args.which, &What::Set(Box::new(ask)), screen)
}

fn checked(options: &Options) -> Result<Ask, String> {
    let ask = options.ask()?;
    ask.on(Wishes::default()).map(|_| ask)
}

/// Every line checked, and everything that is wrong told at once.
fn listed(project: &Project, file: &std::path::Path, args: &NewArgs) -> anyhow::Result<Vec<(Mailbox, What)>> {
    let refused = |trouble: Trouble| WrongUse(trouble.now("nothing was ordered"));
    let text = csv::load(file, PAGE).map_err(refused)?;
    let (asked, mut mistakes) = lines(project, &text, args);
    if asked.is_empty() && mistakes.is_empty() {
        mistakes.push((1, "there is no mailbox in it".into()));
    }
    if mistakes.is_empty() {
        return Ok(asked);
    }
    Err(refused(csv::unusable(file, PAGE, mistakes)).into())
}

fn lines(project: &Project, text: &str, args: &NewArgs) -> (Vec<(Mailbox, What)>, Vec<csv::Bad>) {
    let (records, mut mistakes) = csv::read(text);
    let mut records = records.into_iter();
    let header: Vec<String> = records.next().map(|record| record.fields).unwrap_or_default();
    let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    let is_name = |column: &str| ["mailbox", "name", "emailaddress", "identity"].iter().any(|name| column.eq_ignore_ascii_case(name));
    let Some(at) = header.iter().position(|column| is_name(column)) else {
        mistakes.push((1, "there is no column `mailbox`".into()));
        return (Vec::new(), mistakes);
    };
    let (mut asked, mut taken) = (Vec::new(), Taken::default());
    for record in records {
        let line = record.line;
        let mut ask = || {
            if record.fields.len() != header.len() {
                return Err(format!("it has {} fields, the first line names {}", record.fields.len(), header.len()));
            }
            let name = record.fields[at].trim();
            let mailbox = order::find(project, name).ok_or_else(|| format!("the project has no mailbox `{name}`"))?;
            let values = header.iter().zip(&record.fields).map(|(column, value)| (*column, value.trim()));
            let given = values.filter(|(column, value)| !is_name(column) && !value.is_empty());
            let (mut parts, mut options) = (args.parts, args.options.clone());
            for (column, value) in given {
                match parts.column(&plain(column)) {
                    Some(only) => *only = yes(value)?,
                    None => options = options.with(column, value)?,
                }
            }
            let order = parts.order(project, mailbox, &checked(&options)?)?;
            taken.take(project, &order, line).map_err(|(name, other)| format!("mailbox {name} stands in line {other} too"))?;
            Ok(order)
        };
        match ask() {
            Ok(one) => asked.push(one),
            Err(why) => mistakes.push((line, why)),
        }
    }
    (asked, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_a_span_from_now() {
        assert_eq!(time("1970-01-01T00:00:02Z", 7), Ok(2_000));
        assert_eq!(time("2h", 7), Ok(7_200_007));
        assert!(time("tomorrow", 7).is_err_and(|why| why.contains("tomorrow")));
        assert!(time("1969-12-31T23:59:59Z", 7).is_err());
    }

    #[test]
    fn a_column_is_named_as_its_option_or_as_in_exchange() {
        for column in ["BadItemLimit", "bad-item-limit", "bad_item_limit"] {
            let options = Options::default().with(column, "7");
            assert_eq!(options.and_then(|options| options.ask()).map(|ask| ask.bad_items_max), Ok(Some(7)), "{column}");
        }
        assert!(Options::default().with("colour", "red").is_err());
        assert!(Options { bad_item_limit: Some("51".into()), ..Options::default() }.ask().is_ok());
        assert!(checked(&Options { bad_item_limit: Some("51".into()), ..Options::default() }).is_err());
        assert!(checked(&Options { bad_item_limit: Some("51".into()), accept_large_data_loss: true, ..Options::default() }).is_ok());
    }
}
