//! `mailferry set`: additional parameters in the project file (R90), with its comments and its form left as they are.

use std::io::Write;
use std::path::Path;

use mailferry_core::settings::{AgentKind, Finding, Known, Project, parse_project_knowing};
use mailferry_core::trouble::Trouble;
use serde_json::json;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::project::{self, ProjectFile, is_known_store, label};
use crate::exit::{Exit, WrongUse, complain};
use crate::screen::Screen;
use crate::text;

const TABLE: &str = "additional-parameters";

/// Set additional parameters of the agents in the project file, or take them out
///
/// They go into [additional-parameters] and by each commit into every config.ini, as they are written. Comments in the project file stay. Nothing
/// reaches an agent before `mailferry commit`.
///
/// For example: mailferry set --agent all ContinueWithoutReplication=1
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 the project file says so, 1 it was left as it was, 2 wrong usage")]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// For which agents: all, source, transmission or target
    #[arg(long, value_name = "KIND", default_value = "all", value_parser = agents)]
    agent: Agents,
    /// For the agents of this node alone
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Take these keys out; the arguments are then keys without a value
    #[arg(long)]
    unset: bool,
    /// Keys and their values
    #[arg(value_name = "KEY=VALUE", required = true)]
    parameters: Vec<String>,
}

#[derive(Clone, Copy)]
enum Agents {
    All,
    Of(AgentKind),
}

fn agents(text: &str) -> Result<Agents, String> {
    let kind = || text.parse().map(Agents::Of).map_err(|_| "write all, source, transmission or target".to_owned());
    if text == "all" { Ok(Agents::All) } else { kind() }
}

/// A key and, unless it is taken out, its value.
type Pair<'a> = (&'a str, Option<&'a str>);

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let pairs = args.parameters.iter().map(|text| pair(text, args.unset)).collect::<Result<Vec<_>, _>>()?;
    let path = std::fs::canonicalize(&args.file.project).map_err(|error| unread(&args.file.project, &error))?;
    let before = std::fs::read_to_string(&path).map_err(|error| unread(&args.file.project, &error))?;
    let project = checked(&path, &before).map_err(|findings| refused(&findings, "the project file is not in order: nothing is written"));
    let Ok(project) = project else { return Ok(Exit::Failed) };
    let places = places(args, &project)?;
    let after = edited(&before, &places, &pairs)?;
    let warnings = match checked(&path, &after) {
        Err(findings) => {
            refused(&findings, "these parameters are not allowed: nothing is written");
            return Ok(Exit::Failed);
        }
        Ok(project) => project.warnings,
    };
    let known = |warning: &&Finding| project.warnings.iter().any(|earlier| earlier.text == warning.text);
    warnings.iter().filter(|warning| !known(warning)).for_each(|finding| complain(label(finding), &finding.to_string()));
    if after != before {
        replace(&path, &after)?;
    }
    let shown = format!("[{}]", places.join("."));
    if screen.json {
        screen.document(&json!({ "project": args.file.project, "table": places.join("."), "changed": after != before }))?;
    } else if after == before {
        writeln!(screen, "{} says so already", text::line(&shown))?;
    } else {
        writeln!(screen, "{} is changed; no agent has it before `mailferry commit`", text::line(&shown))?;
    }
    Ok(Exit::Ok)
}

fn pair(text: &str, unset: bool) -> Result<Pair<'_>, WrongUse> {
    let wrong = |what: &str, hint: &str| WrongUse(Trouble::new(format!("{what}: `{}`", text.escape_debug())).hint(hint));
    match (text.split_once('='), unset) {
        (Some((key, value)), false) if !key.trim().is_empty() => Ok((key.trim(), Some(value.trim()))),
        (None, true) if !text.trim().is_empty() => Ok((text.trim(), None)),
        (_, false) => Err(wrong("this is not KEY=VALUE", "write such as SleepInterval=30s; --unset takes keys out")),
        (_, true) => Err(wrong("this is not a key", "with --unset write the key alone")),
    }
}

/// The tables from the root to the one that holds the keys.
fn places(args: &Args, project: &Project) -> Result<Vec<String>, WrongUse> {
    let mut places = vec![TABLE.to_owned()];
    if let Some(wanted) = &args.node {
        let nodes = || project.topology.source.nodes.iter().chain(&project.topology.target.nodes).map(|node| node.name.clone());
        let node = nodes().find(|node| node.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
            let trouble = Trouble::new(format!("the project has no node {}", wanted.escape_debug()));
            WrongUse(trouble.hint(format!("nodes are {}", nodes().collect::<Vec<_>>().join(", "))))
        })?;
        places.extend(["nodes".to_owned(), node]);
    }
    if let Agents::Of(kind) = args.agent {
        places.push(kind.name().to_owned());
    }
    Ok(places)
}

fn edited(text: &str, places: &[String], pairs: &[Pair<'_>]) -> Result<String, Trouble> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| Trouble::new("the project file is not TOML").cause(error).hint("`mailferry check` says where"))?;
    let taking_out = pairs.iter().all(|(_, value)| value.is_none());
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for place in places {
        let name = name_of(table, place);
        if !table.contains_key(&name) {
            if taking_out {
                return Err(not_there(places, pairs));
            }
            let mut fresh = Table::new();
            fresh.set_implicit(Some(place) != places.last());
            table.insert(&name, Item::Table(fresh));
        }
        table = table.get_mut(&name).and_then(Item::as_table_like_mut).ok_or_else(|| not_there(places, pairs))?;
    }
    for (key, value) in pairs {
        let name = name_of(table, key);
        match value {
            Some(value) => put(table, &name, value),
            None if table.remove(&name).is_none() => return Err(not_there(places, pairs)),
            None => {}
        }
    }
    Ok(document.to_string())
}

/// As it stands there, whatever its case.
fn name_of(table: &dyn TableLike, wanted: &str) -> String {
    table.iter().map(|(name, _)| name).find(|name| name.eq_ignore_ascii_case(wanted)).unwrap_or(wanted).to_owned()
}

/// The comments around an old value stay.
fn put(table: &mut dyn TableLike, name: &str, value: &str) {
    let mut fresh = toml_edit::Value::from(value);
    match table.get_mut(name) {
        Some(Item::Value(old)) if old.as_str() == Some(value) => {}
        Some(Item::Value(old)) => {
            *fresh.decor_mut() = old.decor().clone();
            *old = fresh;
        }
        _ => {
            table.insert(name, Item::Value(fresh));
        }
    }
}

fn not_there(places: &[String], pairs: &[Pair<'_>]) -> Trouble {
    let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
    Trouble::new(format!("nothing is written: not all of {} stand in [{}]", keys.join(", "), places.join(".")))
        .hint("look into the project file: keys of [settings] are changed there by hand; --agent and --node say which table is meant")
}

fn checked(path: &Path, text: &str) -> Result<Project, Vec<Finding>> {
    let list = |name: &str| std::fs::read_to_string(path.with_file_name(name)).map_err(|error| error.to_string());
    parse_project_knowing(&path.display().to_string(), text, Known { list: &list, store: &is_known_store })
}

fn refused(findings: &[Finding], what: &str) {
    project::tell(findings);
    complain("error", what);
}

fn unread(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new("could not read the project file").place(path.display()).cause(error).hint("name it with --project")
}

/// Whole or not at all, with the rights of the old file.
fn replace(path: &Path, text: &str) -> Result<(), Trouble> {
    let part = super::csv::part(path);
    let written = std::fs::File::create(&part).and_then(|mut file| {
        file.set_permissions(std::fs::metadata(path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| std::fs::rename(&part, path));
    replaced.map_err(|error| {
        let _gone = std::fs::remove_file(&part);
        Trouble::new("could not write the project file")
            .place(path.display())
            .cause(error)
            .hint("make its folder writable for this account")
    })
}
