//! What happened, for people and programs: one event per happening, with a stable name.

/// Error: a person is needed, or data is at risk. Warning: the suite goes on but something is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// One happening. `name` is stable (`container.published`); the catalogue is docs/reference/events.md. Subjects and addresses of
/// mail appear only at `Debug`, credentials never.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    pub name: &'static str,
    pub level: Level,
    /// One line, or an error in the form of `trouble::Trouble`.
    pub text: String,
}

pub trait EventSink: Send + Sync {
    fn event(&self, event: Event);
}
