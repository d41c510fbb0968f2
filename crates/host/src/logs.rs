//! Events to files and the terminal, through tracing.
//!
//! The log file is `<agent>.log`; at its size limit it becomes `<agent>.log.1` and so on up to the number kept. Each line is
//! written whole in one call: two threads never mix their words.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mailferry_core::ports::{Event, EventSink, Level};
use mailferry_core::settings::{AgentSettings, LogFormat};
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::FormatTime;

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

/// Starts logging for this process. A second call changes nothing.
pub fn start_logs(settings: &AgentSettings, to: LogTo) -> io::Result<()> {
    let _ = tracing::dispatcher::set_global_default(dispatch(settings, to)?);
    Ok(())
}

/// Tells an event before logging has started: by settings that are not all known yet, so that they do not bind the process.
pub(crate) fn tell_early(settings: &AgentSettings, to: LogTo, event: Event) -> io::Result<()> {
    tracing::dispatcher::with_default(&dispatch(settings, to)?, || LogEvents.event(event));
    Ok(())
}

fn dispatch(settings: &AgentSettings, to: LogTo) -> io::Result<Dispatch> {
    let level = match settings.log_level.level() {
        Level::Error => tracing::Level::ERROR,
        Level::Warning => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
    };
    let plain = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_timer(Utc).with_ansi(false);
    let json = settings.log_format == LogFormat::Json;
    Ok(match to {
        LogTo::Terminal if json => Dispatch::new(plain.json().with_writer(io::stderr).finish()),
        LogTo::Terminal => Dispatch::new(plain.with_writer(io::stderr).finish()),
        LogTo::File(path) => {
            let rotating = Rotating::open(&path, settings.log_file_size_max.0, settings.log_files_max)?;
            if json {
                Dispatch::new(plain.json().with_writer(rotating).finish())
            } else {
                Dispatch::new(plain.with_writer(rotating).finish())
            }
        }
    })
}

/// RFC 3339 in UTC, to the millisecond.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, to: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        write!(to, "{:.3}", jiff::Timestamp::now())
    }
}

#[derive(Clone)]
struct Rotating(Arc<Mutex<Rotation>>);

struct Rotation {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: u32,
}

impl Rotating {
    fn open(path: &Path, bytes_max: u64, files_max: u32) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(path)?;
        let bytes = file.metadata()?.len();
        Ok(Rotating(Arc::new(Mutex::new(Rotation { path: path.into(), file, bytes, bytes_max, files_max }))))
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Rotation {
    fn turn(&mut self) -> io::Result<()> {
        let numbered = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        for number in (1..self.files_max).rev() {
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
        fs::rename(&self.path, numbered(1))?;
        self.file = append_to(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut rotation = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rotation.bytes > 0 && rotation.bytes + line.len() as u64 > rotation.bytes_max {
            // A log that cannot be turned grows; it does not lose lines.
            let _ = rotation.turn();
        }
        rotation.file.write_all(line)?;
        rotation.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Rotating {
    type Writer = Rotating;

    fn make_writer(&'a self) -> Rotating {
        self.clone()
    }
}
