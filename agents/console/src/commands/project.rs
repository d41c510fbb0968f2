//! The project file as the console sees it: read, checked, and checked against the stores this build knows.

use std::path::{Path, PathBuf};

use mailferry_core::settings::{Finding, Project, load_project_knowing};
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
    load_project_knowing(path, &is_known_store)
}

/// Whether an agent could open it. Only the kind is named: the rest of an address is not for the screen.
pub fn is_known_store(url: &str) -> Result<(), String> {
    let imap = url.starts_with("imap:") || url.starts_with("imaps:");
    let cause =
        if imap { "and no agent can read its address: docs/OPERATING.md describes it" } else { "which is no mail store known here" };
    StoreUrl::parse(url).map(drop).map_err(|_| cause.into())
}
