//! The Application log of Windows: a source for each service, registered when the service is installed.
//!
//! Event IDs are the numbers of the catalogue. The message file is EventCreate.exe, which every Windows has: its messages 1 to 1000 are the
//! text alone. The road not taken: a message file of our own, a DLL that no build on another system can make, and that must stay where it was
//! installed as long as anybody reads the log.
#![allow(unsafe_code)] // the calls of Windows have no other form

use std::ffi::c_void;

use mailferry_core::events::{UNKNOWN, plain};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE, RegisterEventSourceW, ReportEventW,
};

use super::said::Said;

const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";
const MESSAGES: &str = r"%SystemRoot%\System32\EventCreate.exe";
/// Errors, warnings and information.
const TYPES: u32 = 7;
/// Windows takes 31,839 characters.
const TEXT_BYTES_MAX: usize = 20_000;
/// What is normal is told of agent and role alone: containers would fill the log.
const NORMAL_BELOW: u16 = 300;

/// Makes a source of that name known; one that belongs to another program is left.
pub(crate) fn register(source: &str) -> Result<(), String> {
    if let Some(file) = messages_of(source).filter(|file| file != MESSAGES) {
        return Err(format!("a source of this name belongs to another program, whose messages are in {file}"));
    }
    let made = LOCAL_MACHINE.create(path(source)).and_then(|key| {
        key.set_expand_string("EventMessageFile", MESSAGES)?;
        key.set_u32("TypesSupported", TYPES)
    });
    made.map_err(|error| error.to_string())
}

/// What it has told stays in the log.
pub(crate) fn forget(source: &str) -> Result<(), String> {
    match messages_of(source).is_some_and(|file| file == MESSAGES) {
        true => LOCAL_MACHINE.remove_tree(path(source)).map_err(|error| error.to_string()),
        false => Ok(()),
    }
}

fn messages_of(source: &str) -> Option<String> {
    LOCAL_MACHINE.open(path(source)).and_then(|key| key.get_string("EventMessageFile")).ok()
}

fn path(source: &str) -> String {
    format!(r"{SOURCES}\{source}")
}

/// An open source. Windows closes it with the process.
pub(super) struct EventLog(usize);

impl EventLog {
    pub fn open(source: &str) -> Option<Self> {
        let name = wide(source);
        // SAFETY: the name ends with a zero and lives as long as the call.
        let handle = unsafe { RegisterEventSourceW(std::ptr::null(), name.as_ptr()) };
        (!handle.is_null()).then_some(EventLog(handle as usize))
    }

    /// Whether it was taken.
    fn report(&self, level: Level, number: u16, text: &str) -> bool {
        let kind = match level {
            Level::ERROR => EVENTLOG_ERROR_TYPE,
            Level::WARN => EVENTLOG_WARNING_TYPE,
            _ => EVENTLOG_INFORMATION_TYPE,
        };
        let text = wide(text);
        let strings = [text.as_ptr()];
        let (nobody, nothing) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the handle is open until `self` is dropped; one text, ended by a zero, lives as long as the call.
        let taken = unsafe { ReportEventW(self.0 as *mut c_void, kind, 0, u32::from(number), nobody, 1, 0, strings.as_ptr(), nothing) };
        taken != 0
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `open` and is closed here alone.
        unsafe { DeregisterEventSource(self.0 as *mut c_void) };
    }
}

impl<S: Subscriber> Layer<S> for EventLog {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let (said, level) = (Said::by(event), *event.metadata().level());
        let known = said.known();
        let number = known.map_or(UNKNOWN, |known| known.number);
        if level > Level::WARN && number >= NORMAL_BELOW {
            return;
        }
        let advice = known.map_or_else(String::new, |known| format!("\n\nWhat to do: {}", plain(known.advice)));
        let _the_file_has_it = self.report(level, number, &format!("{}: {}{advice}", said.name, said.text(TEXT_BYTES_MAX)));
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().filter(|unit| *unit != 0).chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use mailferry_core::events::known;
    use mailferry_core::ports::{Event, EventSink};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::LogEvents;

    fn told(event: Event, source: &str) {
        let log = EventLog::open(source).expect("a source");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || LogEvents.event(event));
    }

    /// What Windows shows of the newest event of a source. Wine has the program and not the log.
    fn read_back(source: &str) -> String {
        let query = format!("/q:*[System[Provider[@Name='{source}']]]");
        let output = Command::new("wevtutil").args(["qe", "Application", &query, "/c:1", "/rd:true", "/f:xml"]).output();
        output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn a_source_is_registered_told_to_and_forgotten() {
        use std::io::Write as _;
        let source = format!("MailferryTest{}", std::process::id());
        register(&source).expect("registered");
        let key = LOCAL_MACHINE.open(path(&source)).expect("the key of the source");
        let stored = (key.get_string("EventMessageFile").expect("a file"), key.get_u32("TypesSupported").expect("types"));
        assert_eq!(stored, (MESSAGES.into(), TYPES));
        assert!(EventLog::open(&source).expect("a source").report(Level::WARN, 1, "ä\0b"), "Windows takes it");
        let number = known("container.archived").expect("an event").number;
        told(Event { name: "container.archived", level: mailferry_core::ports::Level::Error, text: "given up".into() }, &source);
        let seen = read_back(&source);
        if seen.is_empty() {
            let _ = writeln!(std::io::stderr(), "SKIPPED: this system keeps no events to read back");
        } else {
            assert!(seen.contains(&format!("{number}</EventID>")) && seen.contains("<Level>2</Level>"), "{seen}");
            assert!(seen.contains("container.archived: given up") && seen.contains("What to do: "), "{seen}");
        }
        forget(&source).expect("forgotten");
        assert!(LOCAL_MACHINE.open(path(&source)).is_err(), "it is gone");
    }

    #[test]
    fn a_source_of_another_program_stays() {
        let source = format!("OtherTest{}", std::process::id());
        let key = LOCAL_MACHINE.create(path(&source)).expect("a key");
        key.set_expand_string("EventMessageFile", r"C:\other.dll").expect("a value");
        assert!(register(&source).is_err(), "it is not taken over");
        forget(&source).expect("left alone");
        assert_eq!(key.get_string("EventMessageFile").expect("still there"), r"C:\other.dll");
        LOCAL_MACHINE.remove_tree(path(&source)).expect("removed");
    }
}
