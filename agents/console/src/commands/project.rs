//! The project file as the console sees it: read, checked, and checked against the stores this build knows.

use std::path::{Path, PathBuf};

use mailferry_core::ports::Level;
use mailferry_core::settings::{Finding, Mailbox, Project, Side, load_project};
use mailferry_stores::StoreUrl;

pub const PROJECT_FILE: &str = "project.toml";

#[derive(clap::Args)]
pub struct ProjectFile {
    /// The project file
    #[arg(long, value_name = "FILE", default_value = PROJECT_FILE)]
    pub project: PathBuf,
}

/// A project that can be committed, or everything that was found in its way; warnings are in either.
pub fn load(path: &Path) -> Result<Project, Vec<Finding>> {
    let project = load_project(path)?;
    let unknown = unknown_stores(path, &project.mailboxes);
    if unknown.is_empty() { Ok(project) } else { Err(unknown.into_iter().chain(project.warnings).collect()) }
}

/// Stores that no agent could open. Only the kind is named: the rest of an address is not for the screen.
fn unknown_stores(path: &Path, mailboxes: &[Mailbox]) -> Vec<Finding> {
    let sides = |mailbox: &Mailbox| [(Side::Source, mailbox.source.clone()), (Side::Target, mailbox.target.clone())];
    let stores = mailboxes.iter().flat_map(|mailbox| sides(mailbox).map(|(side, url)| (&mailbox.name, side, url)));
    let unknown = stores.filter(|(_, _, url)| StoreUrl::parse(url).is_err());
    let finding = |(name, side, url): (&String, Side, String)| {
        let kind = url.split_once(':').map_or("", |(kind, _)| kind);
        let text = format!("the {side} of mailbox {name} is of the kind `{kind}`, which is no mail store known here");
        Finding::new(Level::Error, path.display().to_string(), None, text)
            .hint("maildir:PATH, mbox:PATH, mboxo:PATH, mboxrd:PATH or mboxcl2:PATH")
    };
    unknown.map(finding).collect()
}
