//! The programs that are measured. Another one is another entry of [`TOOLS`].

use std::fmt::Write;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use mailferry_mailbed::servers::Server;

use crate::shell::root;

pub(super) struct Tool {
    pub name: &'static str,
    pub title: &'static str,
    /// Slow ones do fewer.
    pub users_max: usize,
    pub copies_big: bool,
    /// Whether it has a second pass.
    pub knows_changes: bool,
    /// How it ends when it is done but not content.
    pub also_done: &'static [i32],
    pub commands: fn(&Job<'_>) -> Result<Vec<Command>>,
}

/// All mail of some users from one server to the other. The folder is the tool's own and lives through all passes.
pub(super) struct Job<'j> {
    pub source: &'j Server,
    pub target: &'j Server,
    pub users: RangeInclusive<usize>,
    pub folder: &'j Path,
}

pub(super) const TOOLS: &[Tool] = &[
    Tool { name: "raw", title: "raw limit", users_max: usize::MAX, copies_big: true, knows_changes: false, also_done: &[], commands: raw },
    Tool {
        name: "mailferry",
        title: "**mailferry migrate**",
        users_max: usize::MAX,
        copies_big: true,
        knows_changes: true,
        also_done: &[],
        commands: mailferry,
    },
    Tool {
        name: "dsync",
        title: "dsync, imapc",
        users_max: usize::MAX,
        copies_big: true,
        knows_changes: true,
        also_done: &[2],
        commands: dsync,
    },
    Tool {
        name: "mbsync",
        title: "mbsync",
        users_max: usize::MAX,
        copies_big: true,
        knows_changes: true,
        also_done: &[],
        commands: mbsync,
    },
    Tool {
        name: "offlineimap",
        title: "OfflineIMAP (2 users)",
        users_max: 2,
        copies_big: false,
        knows_changes: true,
        also_done: &[],
        commands: offlineimap,
    },
];

fn raw(job: &Job<'_>) -> Result<Vec<Command>> {
    let mut command = Command::new(release_program("raw-copy"));
    command.args([job.source.address().to_string(), job.target.address().to_string()]);
    command.args([job.users.start().to_string(), job.users.end().to_string()]);
    Ok(vec![command])
}

/// A list of all users, several at a time as it does by itself, with a work folder that lives through all passes. It logs in as the
/// other tools are told to: SCRAM, its own choice, would cost the servers 10 ms for each login.
fn mailferry(job: &Job<'_>) -> Result<Vec<Command>> {
    let folder = job.folder.join("mailferry");
    fs::create_dir_all(&folder).context("no folder for mailferry")?;
    let mut text = String::from("source,source_user,source_password,target,target_user,target_password\n");
    let [from, to] = [job.source, job.target].map(|server| format!("imap://{}/?tls=off&auth=login", server.address()));
    for number in job.users.clone() {
        let (name, password) = job.source.user(number);
        writeln!(text, "{from},{name},{password},{to},{name},{password}")?;
    }
    let list = folder.join("list.csv");
    fs::write(&list, text).context("could not write the list")?;
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).context("could not hide the list")?;
    let mut command = Command::new(release_program("mailferry"));
    command.args(["migrate", "--apply-deletions", "--list"]).arg(&list).arg("--work").arg(folder.join("work"));
    Ok(vec![command])
}

fn release_program(name: &str) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into).join("release").join(name)
}

/// It writes into the target's files, which no other tool may.
fn dsync(job: &Job<'_>) -> Result<Vec<Command>> {
    let one = |number: usize| {
        let (name, password) = job.source.user(number);
        let mut command = Command::new("/usr/bin/doveadm");
        command.arg("-c").arg(job.target.folder().join("dovecot.conf"));
        for setting in [
            format!("imapc_host={}", job.source.address().ip()),
            format!("imapc_port={}", job.source.address().port()),
            format!("imapc_user={name}"),
            format!("imapc_password={password}"),
        ] {
            command.arg("-o").arg(setting);
        }
        command.args(["backup", "-R", "-u", &name, "imapc:"]);
        command
    };
    Ok(job.users.clone().map(one).collect())
}

fn mbsync(job: &Job<'_>) -> Result<Vec<Command>> {
    let mut text = String::new();
    for number in job.users.clone() {
        let (name, password) = job.source.user(number);
        for (side, server) in [("source", job.source), ("target", job.target)] {
            let (ip, port) = (server.address().ip(), server.address().port());
            write!(
                text,
                "IMAPAccount {side}-{name}\nHost {ip}\nPort {port}\nUser {name}\nPass \"{password}\"\nSSLType None\nAuthMechs LOGIN\n\n\
                 IMAPStore {side}-{name}\nAccount {side}-{name}\n\n"
            )?;
        }
        let state = job.folder.join("mbsync").join(&name);
        fs::create_dir_all(&state).context("no folder for mbsync")?;
        write!(
            text,
            "Channel {name}\nFar :source-{name}:\nNear :target-{name}:\nPatterns *\nSync Pull\nCreate Near\nRemove Near\nExpunge Near\nCopyArrivalDate yes\nSyncState {}/\n\n",
            state.display()
        )?;
    }
    let config = job.folder.join("mbsyncrc");
    fs::write(&config, text).context("could not write mbsyncrc")?;
    let mut command = Command::new("/usr/bin/mbsync");
    command.arg("-c").arg(config).args(["-a", "-q"]);
    Ok(vec![command])
}

fn offlineimap(job: &Job<'_>) -> Result<Vec<Command>> {
    let names: Vec<String> = job.users.clone().map(|number| job.source.user(number).0).collect();
    let mut text = format!(
        "[general]\naccounts = {}\nmetadata = {}\nmaxsyncaccounts = 1\n",
        names.join(","),
        job.folder.join("offlineimap").display()
    );
    for number in job.users.clone() {
        let (name, password) = job.source.user(number);
        write!(text, "[Account {name}]\nlocalrepository = target-{name}\nremoterepository = source-{name}\n")?;
        for (side, server) in [("source", job.source), ("target", job.target)] {
            let (ip, port) = (server.address().ip(), server.address().port());
            write!(
                text,
                "[Repository {side}-{name}]\ntype = IMAP\nremotehost = {ip}\nremoteport = {port}\nssl = no\nstarttls = no\n\
                 remoteuser = {name}\nremotepass = {password}\nauth_mechanisms = LOGIN\n"
            )?;
            text += if side == "source" { "readonly = True\n" } else { "" };
        }
    }
    let config = job.folder.join("offlineimaprc");
    fs::write(&config, text).context("could not write offlineimaprc")?;
    let mut command = Command::new("/usr/bin/offlineimap");
    command.arg("-c").arg(config).args(["-o", "-u", "quiet"]);
    Ok(vec![command])
}
