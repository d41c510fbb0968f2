//! What a line of the log says: its event as the catalogue knows it, and its text with what stands beside it.

use std::fmt::Debug;

use mailferry_core::events::{Known, known};
use tracing::field::{Field, Visit};

#[derive(Default)]
pub(super) struct Said {
    /// The name of the event, empty where a library tells.
    pub name: String,
    text: String,
    beside: String,
}

impl Said {
    pub fn by(event: &tracing::Event<'_>) -> Self {
        let mut said = Said::default();
        event.record(&mut said);
        said
    }

    pub fn known(&self) -> Option<&'static Known> {
        known(&self.name)
    }

    /// No longer than so many bytes: logs of systems have their limits, and the file has all of it.
    pub fn text(&self, bytes_max: usize) -> String {
        let mut text = self.text.clone() + &self.beside;
        if text.len() > bytes_max {
            text.truncate(text.floor_char_boundary(bytes_max));
            text.push_str(" ... (the log file has all of it)");
        }
        text
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.name = value.to_owned(),
            "message" => self.text = value.to_owned(),
            name => self.beside.push_str(&format!(" {name}={value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            name => self.beside.push_str(&format!(" {name}={value:?}")),
        }
    }
}
