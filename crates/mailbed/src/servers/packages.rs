//! What `scripts/mail-servers.sh` has brought, and where it is.

use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Dovecot,
    Cyrus,
    Courier,
}

/// Below the folder of what was unpacked.
pub(crate) fn unpacked(path: &str) -> PathBuf {
    std::env::var_os("MAILFERRY_MAIL_SERVERS").map_or_else(|| "/var/cache/mailferry/mail-servers".into(), PathBuf::from).join(path)
}

/// Why this kind of server cannot run here.
pub fn available(kind: Kind) -> Result<(), String> {
    let paths = match kind {
        Kind::Dovecot => vec!["/usr/sbin/dovecot".into(), "/usr/lib/dovecot/imap".into()],
        Kind::Cyrus => vec![
            "/usr/lib/cyrus/bin/master".into(),
            "/usr/sbin/saslpasswd2".into(),
            unpacked(super::cyrus::IMAPD),
            super::cyrus::Cyrus::sync_client(),
        ],
        Kind::Courier => {
            vec!["/usr/lib/courier/courier-authlib/authdaemond".into(), unpacked(super::courier::TCPD), unpacked(super::courier::IMAPD)]
        }
    };
    are_there(&paths)?;
    if kind == Kind::Courier && !says_yes("unshare", &["--mount", "true"]) {
        return Err("Courier's paths are fixed, and no mount namespace may be made here".into());
    }
    Ok(())
}

/// These, and what every server needs.
pub(super) fn are_there(paths: &[PathBuf]) -> Result<(), String> {
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        return Err(format!("{} is not there: scripts/mail-servers.sh brings it", path.display()));
    }
    if !says_yes("sh", &["-c", "[ \"$(id -u)\" = 0 ] && openssl version"]) {
        return Err("mail servers are started by root, and openssl makes their certificates".into());
    }
    Ok(())
}

fn says_yes(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
