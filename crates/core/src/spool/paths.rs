//! Where things lie below a share. Every name was checked when it was made: node and server names by the settings,
//! container names by their type.

use std::fmt;

use mailferry_rules::ids::{ContainerName, MailboxId};

use crate::ports::SharePath;

/// A folder of containers that agents of both sides work in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Area {
    /// `OUT/<lane>`
    Out(String),
    /// `IN/<origin>`
    In(String),
}

impl Area {
    pub fn path(&self) -> SharePath {
        match self {
            Area::Out(lane) => below("OUT", lane),
            Area::In(origin) => below("IN", origin),
        }
    }

    /// Reads the text that `Display` writes.
    pub fn parse(text: &str) -> Option<Area> {
        match text.split_once('/')? {
            ("OUT", lane) => Some(Area::Out(lane.into())),
            ("IN", origin) => Some(Area::In(origin.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Out(lane) => write!(f, "OUT/{lane}"),
            Area::In(origin) => write!(f, "IN/{origin}"),
        }
    }
}

fn below(folder: &str, name: &str) -> SharePath {
    named(&["NTA", folder, name])
}

fn named(names: &[&str]) -> SharePath {
    SharePath::of(names).expect("settings admit only names that are one path component")
}

pub fn work(agent: &str) -> SharePath {
    below("WORK", agent)
}

pub fn corrupt(origin: &str) -> SharePath {
    below("CORRUPT", origin)
}

pub fn stale(agent: &str) -> SharePath {
    below("STALE", agent)
}

pub fn archive(origin: &str) -> SharePath {
    below("ARCHIVE", origin)
}

pub fn restore(origin: &str) -> SharePath {
    below("RESTORE", origin)
}

/// Orders of the console to the source agent.
pub fn orders() -> SharePath {
    named(&["NTA", "ORDERS"])
}

/// Manifest of a mailbox (R84).
pub fn manifest(mailbox: &MailboxId, number: u64) -> SharePath {
    named(&["NTA", "MANIFEST", &format!("{mailbox}-{number:010}.manifest")])
}

/// What a person has approved of it.
pub fn approvals(mailbox: &MailboxId) -> SharePath {
    named(&["NTA", "MANIFEST", &format!("{mailbox}.approvals")])
}

/// At the witness: one file per activation of an agent (R3).
pub fn claims(side: &str, agent: &str) -> SharePath {
    named(&["NTA", "CLAIMS", side, agent])
}

pub fn file(folder: &SharePath, name: &ContainerName) -> SharePath {
    folder.join(&name.to_string()).expect("a container name is one path component")
}

/// At the witness: who is active, where the role is static (R2).
pub fn role(side: &str) -> SharePath {
    below("ROLE", side)
}

/// The temporary name beside a final one, of the node that writes it: two nodes that both believe they are active never
/// write one file.
pub fn part_of(file: &SharePath, writer: &str) -> SharePath {
    file.parent_join(&format!("{}.{writer}.part", file.name()))
}

/// The container that a temporary name belongs to, and who writes it.
pub fn part_name(name: &str) -> Option<(ContainerName, &str)> {
    let (container, rest) = name.split_at_checked(name.find(".prv")? + 4)?;
    let writer = rest.strip_prefix('.')?.strip_suffix(".part")?;
    Some((container.parse().ok()?, writer))
}
