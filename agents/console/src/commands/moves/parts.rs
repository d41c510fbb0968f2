//! Which of a user's two mailboxes is asked for, where the project names an archive (R76): both as one, unless one is named.

use std::collections::BTreeMap;

use mailferry_core::orders::{Ask, What};
use mailferry_core::settings::{Mailbox, Project};

#[derive(clap::Args, Clone, Copy, Default)]
pub struct Parts {
    /// Leave the archive where it is (PrimaryOnly); without this or --archive-only both mailboxes of a user are moved as one
    #[arg(long, alias = "PrimaryOnly", conflicts_with = "archive_only")]
    primary_only: bool,
    /// Move the archive alone (ArchiveOnly)
    #[arg(long, alias = "ArchiveOnly")]
    archive_only: bool,
}

impl Parts {
    /// What a column of a list sets; `None`: it is about something else.
    pub fn column(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "primaryonly" => Some(&mut self.primary_only),
            "archiveonly" => Some(&mut self.archive_only),
            _ => None,
        }
    }

    /// The order for what is asked for of a mailbox.
    pub fn order(self, project: &Project, mailbox: &Mailbox, ask: &Ask) -> Result<(Mailbox, What), String> {
        let archive = mailbox.archive.and_then(|id| project.mailboxes.iter().find(|of| of.id == id));
        let new = |of: &Mailbox, ask: Ask| (of.clone(), What::New(Box::new(ask)));
        match (self, archive) {
            (Parts { primary_only: true, archive_only: true }, _) => Err("PrimaryOnly and ArchiveOnly are both asked for".into()),
            (Parts { archive_only: true, .. }, None) => Err(format!("the project names no archive of mailbox {}", mailbox.name)),
            (Parts { archive_only: true, .. }, Some(archive)) => Ok(new(archive, ask.clone())),
            (Parts { primary_only: true, .. }, _) | (_, None) => Ok(new(mailbox, ask.clone())),
            (_, Some(archive)) => Ok(new(mailbox, Ask { archive: Some(archive.id.to_string()), ..ask.clone() })),
        }
    }
}

/// Whose request is asked for already, by mailbox.
#[derive(Default)]
pub struct Taken<W>(BTreeMap<String, W>);

impl<W: Clone> Taken<W> {
    /// `Err`: the mailbox that was asked for before, and where.
    pub fn take(&mut self, project: &Project, (mailbox, what): &(Mailbox, What), place: W) -> Result<(), (String, W)> {
        let archive = match what {
            What::New(ask) => ask.archive.clone(),
            _ => None,
        };
        for id in [Some(mailbox.id.to_string()), archive].into_iter().flatten() {
            if let Some(earlier) = self.0.insert(id.clone(), place.clone()) {
                let name = project.mailboxes.iter().find(|of| of.id.to_string() == id).map_or(id, |of| of.name.clone());
                return Err((name, earlier));
            }
        }
        Ok(())
    }
}
