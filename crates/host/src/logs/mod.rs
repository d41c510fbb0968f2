//! Events to files, the terminal, and the log of the system, through tracing.
//!
//! ```text
//! rotating   the log file, turned and packed
//! journal    the journal of systemd, where it runs the agent
//! event_log  the Application log of Windows, where the agent is a service
//! said       what a line of the log says, for the logs of the system
//! ```
//! What goes to the log of the system goes to the file as well: the file is for whoever looks into one agent, the other for alarms.

#[cfg(windows)]
pub(crate) mod event_log;
#[cfg(not(windows))]
mod journal;
mod rotating;
mod said;

use std::io;
use std::path::PathBuf;

use mailferry_core::ports::{Event, EventSink, Level};
use mailferry_core::settings::{AgentKind, AgentSettings, LogFormat};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use self::rotating::Rotating;

/// Passes the engine's events to tracing.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogEvents;

impl EventSink for LogEvents {
    fn event(&self, event: Event) {
        let (name, text) = (event.name, event.text);
        match event.level {
            Level::Error => tracing::error!(event = name, "{text}"),
            Level::Warning => tracing::warn!(event = name, "{text}"),
            Level::Info => tracing::info!(event = name, "{text}"),
            Level::Debug => tracing::debug!(event = name, "{text}"),
        }
    }
}

/// Where the log goes.
pub enum LogTo {
    Terminal,
    File(PathBuf),
}

/// Who tells, where logs of many are one.
#[derive(Clone, Debug)]
pub struct Teller {
    pub kind: AgentKind,
    /// Empty as long as nothing is committed.
    pub node: String,
    /// The name under which the service manager of Windows runs it.
    pub service: Option<String>,
}

/// Starts logging for this process. A second call changes nothing.
pub fn start_logs(settings: &AgentSettings, to: LogTo, who: &Teller) -> io::Result<()> {
    let _ = tracing::dispatcher::set_global_default(dispatch(settings, to, who)?);
    Ok(())
}

/// Tells an event before logging has started: by settings that are not all known yet, so that they do not bind the process.
pub(crate) fn tell_early(settings: &AgentSettings, to: LogTo, who: &Teller, event: Event) -> io::Result<()> {
    tracing::dispatcher::with_default(&dispatch(settings, to, who)?, || LogEvents.event(event));
    Ok(())
}

fn dispatch(settings: &AgentSettings, to: LogTo, who: &Teller) -> io::Result<Dispatch> {
    let level = match settings.log_level.level() {
        Level::Error => LevelFilter::ERROR,
        Level::Warning => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let system = matches!(to, LogTo::File(_)).then(|| of_system(who)).flatten();
    let base = tracing_subscriber::registry().with(level).with(system);
    let plain = tracing_subscriber::fmt::layer().with_target(false).with_timer(Utc).with_ansi(false);
    let json = settings.log_format == LogFormat::Json;
    Ok(match to {
        LogTo::Terminal if json => Dispatch::new(base.with(plain.json().with_writer(io::stderr))),
        LogTo::Terminal => Dispatch::new(base.with(plain.with_writer(io::stderr))),
        LogTo::File(path) => {
            let rotating = Rotating::open(&path, settings.log_file_size_max.0, settings.log_files_max)?;
            if json {
                Dispatch::new(base.with(plain.json().with_writer(rotating)))
            } else {
                Dispatch::new(base.with(plain.with_writer(rotating)))
            }
        }
    })
}

/// The log of the system, where the system runs this process.
fn of_system<S: Subscriber + for<'a> LookupSpan<'a>>(who: &Teller) -> Option<impl Layer<S> + use<S>> {
    #[cfg(windows)]
    return who.service.as_deref().and_then(event_log::EventLog::open);
    #[cfg(not(windows))]
    return journal::Journal::of_service(who);
}

/// RFC 3339 in UTC, to the millisecond.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, to: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(to, "{:.3}", jiff::Timestamp::now())
    }
}
