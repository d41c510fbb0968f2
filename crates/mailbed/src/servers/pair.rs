//! Two Dovecots that replicate to each other, each by its own replicator; and a Cyrus with a replica.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;

use super::cyrus::{Beside, Cyrus};
use super::dovecot::Dovecot;
use super::options::Options;
use super::packages::unpacked;
use super::places::free_port;
use super::server::Server;

impl Dovecot {
    /// A and B. What is appended at one arrives at the other while both are up. Nobody asks again by himself within the minute
    /// after a failed try: Dovecot's replicator lets five minutes pass.
    pub fn pair(options: &Options) -> Result<[Server; 2]> {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let [one, two] = [free_port(loopback)?, free_port(loopback)?];
        let node =
            |own, other| Dovecot::start(Options { extra: format!("{}{}", options.extra, replication(own, other)), ..options.clone() });
        let pair = [node(one, two)?, node(two, one)?];
        // The first node was there before the second: what failed then would wait for minutes.
        Dovecot::doveadm(&pair[0], &["replicator", "replicate", "*"])?;
        Ok(pair)
    }
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

fn replication(own: SocketAddr, other: SocketAddr) -> String {
    format!(
        "\nmail_plugins = $mail_plugins notify replication\nprotocol imap {{\n  mail_plugins = $mail_plugins notify replication\n}}\n\
         service replicator {{\n  process_min_avail = 1\n  unix_listener replicator-doveadm {{\n    mode = 0666\n  }}\n}}\n\
         service aggregator {{\n  fifo_listener replication-notify-fifo {{\n    mode = 0666\n  }}\n  unix_listener replication-notify {{\n    mode = 0666\n  }}\n}}\n\
         service doveadm {{\n  inet_listener {{\n    address = {}\n    port = {}\n  }}\n}}\n\
         doveadm_password = bed\ndoveadm_port = {port}\nplugin {{\n  mail_replica = tcp:{}:{port}\n}}\n",
        own.ip(),
        own.port(),
        other.ip(),
        port = other.port(),
    )
}
