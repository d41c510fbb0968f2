//! Files that are made from the code: samples and reference. They are committed, so that they can be read without a build;
//! `--check` (and a test) fails when they differ from what the code says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mailferry_core::events::{events_reference, journal_catalogue};
use mailferry_core::rehearse::hazards_reference;
use mailferry_core::settings::{AgentKind, config_ini_sample, project_reference, project_sample, settings_reference};
use mailferry_host::{Wanted, unit};

use crate::shell::root;

#[derive(clap::Args)]
pub struct Gen {
    /// Write nothing; fail when a file differs
    #[arg(long)]
    pub check: bool,
}

impl Gen {
    pub fn run(self) -> Result<()> {
        let drifted = drifted()?;
        if self.check && !drifted.is_empty() {
            let names: Vec<String> = drifted.iter().map(|(path, _)| path.display().to_string()).collect();
            bail!("these files differ from the code; run `cargo xtask gen`:\n  {}", names.join("\n  "));
        }
        drifted.iter().try_for_each(|(path, text)| write(path, text))
    }
}

/// Every generated file, by its path below the root of the repository.
fn files() -> Vec<(PathBuf, String)> {
    let ini = |agent: AgentKind| (format!("config/{agent}.ini"), config_ini_sample(agent));
    let mut files: Vec<(String, String)> = AgentKind::ALL.into_iter().map(ini).collect();
    files.extend(AgentKind::ALL.into_iter().map(|agent| (format!("config/systemd/mailferry-{agent}.service"), systemd_unit(agent))));
    files.push(("config/project.toml".into(), project_sample().into()));
    files.push(("docs/reference/settings.md".into(), settings_reference()));
    files.push(("docs/reference/project.md".into(), project_reference()));
    files.push(("docs/reference/hazards.md".into(), hazards_reference()));
    files.push(("docs/reference/events.md".into(), events_reference()));
    files.push(("config/systemd/mailferry.catalog".into(), journal_catalogue()));
    files.into_iter().map(|(path, text)| (root().join(path), text.replace("\r\n", "\n"))).collect()
}

/// As a package would install it.
fn systemd_unit(kind: AgentKind) -> String {
    unit(&Wanted {
        kind,
        name: format!("mailferry-{kind}"),
        program: format!("/usr/bin/mailferry-{kind}").into(),
        config: format!("/var/lib/mailferry/{kind}/config.ini").into(),
        account: None,
        by_hand: false,
        replace: false,
    })
}

/// Files whose text differs; line ends may be those of the checkout.
fn drifted() -> Result<Vec<(PathBuf, String)>> {
    let mut drifted = Vec::new();
    for (path, text) in files() {
        let there = path.try_exists().with_context(|| format!("could not look at {}", path.display()))?;
        let now =
            if there { fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))? } else { String::new() };
        if now.replace("\r\n", "\n") != text {
            drifted.push((path, text));
        }
    }
    Ok(drifted)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a generated file has a folder")?;
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_say_what_the_code_says() -> anyhow::Result<()> {
        super::Gen { check: true }.run()
    }
}
