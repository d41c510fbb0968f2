//! What the tests of the bed share.
#![allow(dead_code)]

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailferry_mailbed::servers::{Kind, available};

/// Says so where it cannot run here.
pub fn is_ready(kind: Kind) -> bool {
    match available(kind) {
        Ok(()) => true,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
            false
        }
    }
}

pub fn expires_in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() + 3600
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// What a client of OpenSSL hears that trusts this authority alone.
pub fn tls(ca: &Path, address: SocketAddr, more: &[&str], say: &str) -> String {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-quiet",
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-connect",
        &address.to_string(),
        "-CAfile",
    ]);
    let command = command.arg(ca).args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl");
    // It may refuse the server before it is told anything.
    let _ = child.stdin.take().expect("a pipe").write_all(say.as_bytes());
    String::from_utf8_lossy(&child.wait_with_output().expect("openssl ends").stdout).into_owned()
}
