//! The journal of systemd, in its own words (systemd.journal-fields(7), systemd.io/JOURNAL_NATIVE_PROTOCOL).
//!
//! A line is one datagram. What cannot be sent is not sent again: the log file has it.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use mailferry_core::events::message_id;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Teller;
use super::said::Said;

const SOCKET: &str = "/run/systemd/journal/socket";
/// A datagram of the journal takes more.
const TEXT_BYTES_MAX: usize = 48 << 10;

pub(super) struct Journal {
    socket: UnixDatagram,
    /// Fields that are the same in every line.
    who: Vec<u8>,
}

impl Journal {
    /// systemd says to a service which file its error output is; whoever was started otherwise, or leads it elsewhere, has another.
    pub fn of_service(who: &Teller) -> Option<Self> {
        let output = rustix::fs::fstat(io::stderr()).ok()?;
        let is_it = std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == format!("{}:{}", output.st_dev, output.st_ino));
        is_it.then(|| Journal::at(Path::new(SOCKET), who).ok()).flatten()
    }

    fn at(socket: &Path, who: &Teller) -> io::Result<Self> {
        let (connected, kind) = (UnixDatagram::unbound()?, who.kind);
        connected.connect(socket)?;
        // A journal that does not keep up holds no agent up.
        connected.set_nonblocking(true)?;
        let mut fields = Vec::new();
        put(&mut fields, "SYSLOG_IDENTIFIER", &format!("mailferry-{kind}"));
        put(&mut fields, "AGENT", &kind.to_string());
        if !who.node.is_empty() {
            put(&mut fields, "NODE", &who.node);
        }
        Ok(Journal { socket: connected, who: fields })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let said = Said::by(event);
        let mut line = self.who.clone();
        put(&mut line, "PRIORITY", priority(*event.metadata().level()));
        put(&mut line, "MESSAGE", &said.text(TEXT_BYTES_MAX));
        if !said.name.is_empty() {
            put(&mut line, "EVENT", &said.name);
        }
        if let Some(known) = said.known() {
            put(&mut line, "EVENT_ID", &known.number.to_string());
            put(&mut line, "MESSAGE_ID", &message_id(known.number));
        }
        let _the_file_has_it = self.socket.send(&line);
    }
}

/// As syslog counts.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// A value of several lines is led by its length.
fn put(line: &mut Vec<u8>, key: &str, value: &str) {
    line.extend_from_slice(key.as_bytes());
    if value.contains('\n') {
        line.push(b'\n');
        line.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        line.push(b'=');
    }
    line.extend_from_slice(value.as_bytes());
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mailferry_core::ports::{Event, EventSink};
    use mailferry_core::settings::AgentKind;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::LogEvents;

    /// What the journal would read of a datagram.
    fn fields(mut line: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while let Some(end) = line.iter().position(|byte| matches!(byte, b'=' | b'\n')) {
            let (key, rest) = (line[..end].to_vec(), &line[end + 1..]);
            let (value, rest) = match line[end] {
                b'=' => rest.split_at(rest.iter().position(|byte| *byte == b'\n').expect("the end of a value")),
                _ => rest[8..].split_at(u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")) as usize),
            };
            fields.insert(String::from_utf8(key).expect("a key"), String::from_utf8(value.to_vec()).expect("a value"));
            line = &rest[1..];
        }
        fields
    }

    /// The datagrams of what is told meanwhile.
    fn heard(tell: impl FnOnce()) -> Vec<BTreeMap<String, String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("socket");
        let journal = UnixDatagram::bind(&socket).expect("a socket");
        let who = Teller { kind: AgentKind::Source, node: "SRC1".into(), service: None };
        let layer = Journal::at(&socket, &who).expect("a journal");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), tell);
        journal.set_nonblocking(true).expect("a socket");
        let mut datagram = vec![0; 1 << 20];
        std::iter::from_fn(|| journal.recv(&mut datagram).ok().map(|length| fields(&datagram[..length]))).collect()
    }

    #[test]
    fn a_line_of_the_journal_says_which_event_it_is_and_who_tells_it() {
        let text = "could not place it\n  where: /mnt\n  hint:  mount it";
        let lines = heard(|| {
            LogEvents.event(Event { name: "container.held", level: mailferry_core::ports::Level::Warning, text: text.into() });
            tracing::warn!(event = "store.alert", alert = "closes at ten", "the server warns");
        });
        let wanted = |line: &BTreeMap<String, String>, key: &str| line.get(key).cloned().unwrap_or_default();
        let number = mailferry_core::events::known("container.held").expect("an event").number;
        let of_first = ["MESSAGE", "EVENT", "EVENT_ID", "MESSAGE_ID", "AGENT", "NODE", "PRIORITY", "SYSLOG_IDENTIFIER"];
        let (id, number) = (message_id(number), number.to_string());
        assert_eq!(
            of_first.map(|key| wanted(&lines[0], key)),
            [text, "container.held", &number, &id, "source", "SRC1", "4", "mailferry-source"]
        );
        assert_eq!(wanted(&lines[1], "MESSAGE"), "the server warns alert=\"closes at ten\"");
        assert_eq!(wanted(&lines[1], "EVENT"), "store.alert");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_text_that_no_datagram_takes_is_cut_where_a_letter_ends() {
        let lines = heard(|| tracing::info!(event = "takeover.reconciled", "{}", "ä".repeat(300_000)));
        assert!(lines[0]["MESSAGE"].len() < TEXT_BYTES_MAX + 50 && lines[0]["MESSAGE"].ends_with("(the log file has all of it)"));
    }
}
