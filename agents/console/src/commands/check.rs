//! `mailferry check`: everything there is to say about a project file, without touching an agent (R91).

use std::io::Write;

use mailferry_core::settings::Finding;
use serde_json::{Value, json};

use super::project::{self, ProjectFile, label};
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

/// Check a project file and print everything found in it
///
/// Of more than a hundred findings the first are printed, errors before warnings; --json has all.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 the project can be committed (warnings aside), 1 it cannot, 2 wrong usage")]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let (findings, summary) = match project::load(&args.file.project) {
        Ok(project) => {
            let mailboxes = text::count(project.mailboxes.len() as u64, "mailbox");
            (project.warnings, format!("project {}: {}", project.name, mailboxes))
        }
        Err(findings) => (findings, "the project cannot be committed".into()),
    };
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    if screen.json {
        let findings: Vec<Value> = findings.iter().map(as_json).collect();
        screen.document(&json!({ "project": args.file.project, "errors": errors, "findings": findings }))?;
    } else {
        let (first, more) = project::first(&findings);
        first.iter().try_for_each(|finding| writeln!(screen, "{}: {}", label(finding), text::lines(&finding.to_string())))?;
        if more > 0 {
            writeln!(screen, "{}", project::and_more(more))?;
        }
        let warnings = findings.len() - errors;
        let counts = format!("{}, {}", text::count(errors as u64, "error"), text::count(warnings as u64, "warning"));
        writeln!(screen, "{}; {counts}", text::line(&summary))?;
    }
    Ok(if errors == 0 { Exit::Ok } else { Exit::Failed })
}

fn as_json(finding: &Finding) -> Value {
    json!({ "level": label(finding), "file": finding.file, "line": finding.line, "text": finding.text, "hint": finding.hint })
}
