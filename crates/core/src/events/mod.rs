//! The catalogue of events (docs/reference/events.md): what is told, under which number, and what to do about it.
//!
//! Numbers and names are for ever: alarms rely on them. A new event takes the next free number of its area; one that is told no more
//! moves to `RETIRED`, and its number is not given again. tests/golden/events/numbers.tsv remembers every number that there was.
//! Numbers end at 1000: the message file that Windows brings for events knows no others.

mod agent;
mod containers;
mod mailboxes;
mod moves;
mod page;
mod proof;
mod replication;
mod role;
mod stores;

pub use self::page::{events_reference, journal_catalogue, plain};

use crate::ports::Level;

/// What is known of an event.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub number: u16,
    /// Area, dot, happening.
    pub name: &'static str,
    /// At which it is told; more than one where it depends.
    pub levels: &'static [Level],
    /// Told when it starts, and again only with other words or after it was over.
    pub once: bool,
    pub meaning: &'static str,
    pub advice: &'static str,
}

/// A part of the suite, and its hundred numbers.
#[derive(Debug)]
pub struct Area {
    pub title: &'static str,
    /// The first number is one higher.
    pub base: u16,
    pub events: &'static [Known],
}

pub const AREAS: &[Area] = &[
    Area { title: "The agent", base: 100, events: agent::EVENTS },
    Area { title: "Roles and takeovers", base: 200, events: role::EVENTS },
    Area { title: "Replication and debts", base: 300, events: replication::EVENTS },
    Area { title: "Containers on their way", base: 400, events: containers::EVENTS },
    Area { title: "Mailboxes and items", base: 500, events: mailboxes::EVENTS },
    Area { title: "Mail stores", base: 600, events: stores::EVENTS },
    Area { title: "Data guarantee and proof", base: 700, events: proof::EVENTS },
    Area { title: "Move requests and the switch", base: 800, events: moves::EVENTS },
];

/// Numbers whose events are told no more.
pub const RETIRED: &[(u16, &str)] = &[];

/// What tells of something that the catalogue does not know has this number in the logs of the system.
pub const UNKNOWN: u16 = 1000;

pub fn all() -> impl Iterator<Item = &'static Known> {
    AREAS.iter().flat_map(|area| area.events)
}

pub fn known(name: &str) -> Option<&'static Known> {
    all().find(|event| event.name == name)
}

/// What the journal of systemd calls an event of this number.
pub fn message_id(number: u16) -> String {
    format!("c5d0a1f27e6b4c9d8a3f52b1974e{number:04x}")
}

const fn event(number: u16, name: &'static str, levels: &'static [Level], meaning: &'static str, advice: &'static str) -> Known {
    Known { number, name, levels, once: false, meaning, advice }
}

const fn once(number: u16, name: &'static str, levels: &'static [Level], meaning: &'static str, advice: &'static str) -> Known {
    Known { once: true, ..event(number, name, levels, meaning, advice) }
}
