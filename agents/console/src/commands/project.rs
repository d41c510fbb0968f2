//! The project file as the console sees it: read, checked, and checked against the stores this build knows.

use std::path::{Path, PathBuf};

use mailferry_core::settings::{Finding, Project, load_project_knowing};
use mailferry_core::trouble::Trouble;
use mailferry_stores::StoreUrl;

use crate::exit::complain;
use crate::text;

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

impl ProjectFile {
    pub fn loaded(&self) -> Result<Project, Trouble> {
        loaded(&self.project)
    }
}

/// For commands that need a project that can be used: what is wrong with it as one trouble.
pub fn loaded(path: &Path) -> Result<Project, Trouble> {
    load(path).map_err(|findings| {
        let (first, more) = first(&findings);
        let more = (more > 0).then(|| and_more(more));
        let told: Vec<String> = first.iter().map(ToString::to_string).chain(more).collect();
        Trouble::new("the project file cannot be used")
            .place(path.display())
            .cause(told.join("\n"))
            .hint("`mailferry check` lists everything that is wrong")
    })
}

/// Whether an agent could open it. What is wrong with the address of an account is said; user, server and path are not for the screen.
pub fn is_known_store(url: &str) -> Result<(), String> {
    let kind = url.split_once(':').map_or("", |(kind, _)| kind).to_ascii_lowercase();
    StoreUrl::parse(url).map(drop).map_err(|trouble| match kind.as_str() {
        "imap" | "imaps" if !url[kind.len()..].starts_with("://") => "and its address does not go on with `//`".into(),
        "imap" | "imaps" => format!("and its address cannot be used: {}", trouble.why().unwrap_or_default()),
        _ => "which is no mail store known here".into(),
    })
}

/// Findings that are printed at most; `mailferry check --json` has all of them.
pub const FINDINGS_MAX: usize = 100;

/// The first of many findings, errors before warnings, and how many are not among them.
pub fn first(findings: &[Finding]) -> (Vec<&Finding>, usize) {
    if findings.len() <= FINDINGS_MAX {
        return (findings.iter().collect(), 0);
    }
    let mut first: Vec<&Finding> = findings.iter().collect();
    first.sort_by_key(|finding| !finding.is_error());
    first.truncate(FINDINGS_MAX);
    (first, findings.len() - FINDINGS_MAX)
}

/// Said behind the first of many.
pub fn and_more(more: usize) -> String {
    format!("and {} more: `mailferry check --json` has them all", text::number(more as u64))
}

/// Findings as messages.
pub fn tell(findings: &[Finding]) {
    let (first, more) = first(findings);
    first.iter().for_each(|finding| complain(label(finding), &finding.to_string()));
    if more > 0 {
        complain("note", &and_more(more));
    }
}

pub fn label(finding: &Finding) -> &'static str {
    if finding.is_error() { "error" } else { "warning" }
}
