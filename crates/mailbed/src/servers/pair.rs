//! Two Dovecots that replicate to each other, each by its own replicator; and a Cyrus with a replica.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::cyrus::{Beside, Cyrus};
use super::dovecot::Dovecot;
use super::options::Options;
use super::packages::unpacked;
use super::places::free_port;
use super::server::{LOOK_EVERY, PATIENCE, Server};

impl Dovecot {
    /// A and B. What is appended at one arrives at the other while both are up. Nobody asks again by himself within the minute
    /// after a failed try: Dovecot's replicator lets five minutes pass.
    ///
    /// B begins as a copy of A. Two INBOXes that came to be in the same second have the same UIDVALIDITY and each its own GUID, and
    /// dsync lets them change their GUIDs for ever and brings nothing. And a node asks only once the other answers.
    pub fn pair(options: &Options) -> Result<[Server; 2]> {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ports = [free_port(loopback)?, free_port(loopback)?];
        let start = |own| {
            let extra = format!("{}{}!include_try {ASKING}\n", options.extra, answering(own));
            Dovecot::start(Options { extra, ..options.clone() })
        };
        let mut pair = [start(ports[0])?, start(ports[1])?];
        Dovecot::doveadm(&pair[0], &["mailbox", "status", "-u", "*", "guid", "INBOX"])?;
        let [from, to] = [0, 1].map(|node: usize| pair[node].folder().join("mail"));
        let copied = Command::new("cp").arg("-aT").args([from, to]).status().context("cp cannot be run")?;
        ensure!(copied.success(), "the mail of A could not be copied to B");
        for (node, other) in [(1, 0), (0, 1)] {
            let node: &mut Server = &mut pair[node];
            fs::write(node.folder().join(ASKING), asking(ports[other])).context("could not write how to replicate")?;
            node.restart()?;
            brought(node, options.users)?;
        }
        Ok(pair)
    }
}

/// Beside the settings of a node.
const ASKING: &str = "asking.conf";

/// Waits until this node's replicator has brought every user to the other.
fn brought(node: &Server, users: usize) -> Result<()> {
    let began = Instant::now();
    let mut said = String::new();
    while began.elapsed() < PATIENCE {
        // It is refused until the replicator listens.
        said = Dovecot::doveadm(node, &["replicator", "status", "*"]).unwrap_or_else(|error| format!("{error:#}"));
        // User, priority, the ages of the last fast, full and successful run, whether the last one failed.
        let whole = said
            .lines()
            .filter(|line| matches!(line.split_whitespace().collect::<Vec<_>>()[..], [_, _, _, _, success, "-"] if success != "-"));
        if whole.count() == users {
            return Ok(());
        }
        thread::sleep(LOOK_EVERY);
    }
    bail!("Dovecot's replicator did not bring every user within {} s: {said}\n{}", PATIENCE.as_secs(), node.log())
}

/// Of the package cyrus-replication.
pub(super) const SYNC_CLIENT: &str = "cyrus-replication/usr/lib/cyrus/bin/sync_client";
const SYNC_SERVER: &str = "cyrus-replication/usr/lib/cyrus/bin/sync_server";

impl Cyrus {
    /// The server that is written to, and its replica. A log is written; what was logged goes when `sync_client` is run.
    pub fn pair(options: &Options) -> Result<[Server; 2]> {
        let at = free_port(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        let replica = Cyrus::start_with(options.clone(), |folder| {
            let (program, folder) = (unpacked(SYNC_SERVER), folder.display());
            let services = format!("  syncserver cmd=\"{} -C {folder}/imapd.conf\" listen=\"{at}\" prefork=0\n", program.display());
            Beside { services, ..Beside::default() }
        })?;
        let sync = format!(
            "sync_log: yes\nsync_host: {}\nsync_port: {}\nsync_authname: cyradmin\nsync_password: admin's word\nsync_try_imap: no\n",
            at.ip(),
            at.port()
        );
        let master = Cyrus::start(Options { extra: format!("{}{sync}", options.extra), ..options.clone() })?;
        Ok([master, replica])
    }

    pub fn sync_client() -> std::path::PathBuf {
        unpacked(SYNC_CLIENT)
    }
}

/// What a node needs to be asked by the other.
fn answering(own: SocketAddr) -> String {
    format!(
        "\nservice doveadm {{\n  inet_listener {{\n    address = {}\n    port = {}\n  }}\n}}\ndoveadm_password = bed\n",
        own.ip(),
        own.port()
    )
}

/// What makes a node bring its changes to the other.
fn asking(other: SocketAddr) -> String {
    format!(
        "mail_plugins = $mail_plugins notify replication\nprotocol imap {{\n  mail_plugins = $mail_plugins notify replication\n}}\n\
         service replicator {{\n  process_min_avail = 1\n  unix_listener replicator-doveadm {{\n    mode = 0666\n  }}\n}}\n\
         service aggregator {{\n  fifo_listener replication-notify-fifo {{\n    mode = 0666\n  }}\n  unix_listener replication-notify {{\n    mode = 0666\n  }}\n}}\n\
         doveadm_port = {port}\nplugin {{\n  mail_replica = tcp:{}:{port}\n}}\n",
        other.ip(),
        port = other.port(),
    )
}
