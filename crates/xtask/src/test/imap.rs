//! Real mail servers for the suites that talk to them: Dovecot, Cyrus, Courier and Postfix from Debian's packages.

use anyhow::Result;

use super::beds;

/// The whole generated set of 20 users with 500 messages, every message of the corpora, and so many kills of each kind of target.
pub(super) fn long(kills: u64, seed: Option<u64>) -> Result<()> {
    let most = u64::from(u32::MAX);
    let counts = [
        ("MAILFERRY_IMAP_USERS", 20),
        ("MAILFERRY_IMAP_MESSAGES", 500),
        ("MAILFERRY_IMAP_REAL", most),
        ("MAILFERRY_IMAP_KILLS", kills),
        ("MAILFERRY_IMAP_CHAIN", 500),
    ];
    beds::long("imap", &counts, seed)
}

#[cfg(unix)]
pub(super) fn prepare() -> Result<(), String> {
    use crate::shell::{command, is_there, run};
    use mailferry_mailbed::servers::{Kind, Postfix, available};

    let servers = [Kind::Dovecot, Kind::Cyrus, Kind::Courier];
    let missing = || servers.into_iter().find_map(|kind| available(kind).err()).or_else(|| Postfix::available().err());
    let root = || command("id", &["-u"]).output().is_ok_and(|output| output.stdout == b"0\n");
    if missing().is_some() && root() && is_there("apt-get", "--version") {
        // What it could not do is asked for below.
        let _ = run(command("bash", &["scripts/mail-servers.sh"]));
    }
    missing().map_or(Ok(()), Err)
}

#[cfg(not(unix))]
pub(super) fn prepare() -> Result<(), String> {
    Err("the servers are packages of Debian".into())
}
