//! What these tests share.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;

use mailferry_mailbed::compare::{Report, compare};
use mailferry_mailbed::servers::{Kind, Server, available};
use mailferry_tests::console;

/// Says so where it cannot run here.
pub fn is_ready(kinds: &[Kind]) -> bool {
    kinds.iter().all(|kind| match available(*kind) {
        Ok(()) => true,
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
            false
        }
    })
}

/// The address of a user, with the password in a file.
pub fn url(server: &Server, user: usize, folder: &Path) -> String {
    url_at(server.address(), &server.user(user), folder)
}

/// The same by another way to the server.
pub fn url_at(address: SocketAddr, (name, password): &(String, String), folder: &Path) -> String {
    let file = secret_file(folder, &format!("{name}.password"), password);
    format!("imap://{name}@{address}/?tls=off&password-file={}", file.display())
}

/// A file that nobody else may read.
pub fn secret_file(folder: &Path, name: &str, secret: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, secret).expect("written");
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    file
}

pub fn migrate(source: &str, target: &str, work: &Path) -> serde_json::Value {
    let output = run(source, target, work);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a summary")
}

pub fn run(source: &str, target: &str, work: &Path) -> Output {
    console(&["--json", "migrate", source, target, "--apply-deletions", "--work", &work.display().to_string()])
}

/// One more pass, which makes a manifest, and what `verify` says of it and the target: both as JSON.
pub fn proven(source: &str, target: &str, work: &Path) -> (serde_json::Value, serde_json::Value) {
    let file = work.join("proof.manifest").display().to_string();
    let output = console(&["--json", "migrate", source, target, "--work", &work.display().to_string(), "--manifest", &file]);
    let made = answer(&output);
    (made["manifest"].clone(), verified(target, work, &[]).1)
}

/// What `verify --manifest` says of the last manifest, and its exit code.
pub fn verified(target: &str, work: &Path, more: &[&str]) -> (Option<i32>, serde_json::Value) {
    let (file, key) = (work.join("proof.manifest").display().to_string(), work.join("proof.pub").display().to_string());
    let output = console(&[&["--json", "verify", "--manifest", &file, target, "--key", &key], more].concat());
    (output.status.code(), answer(&output))
}

fn answer(output: &Output) -> serde_json::Value {
    let read = serde_json::from_slice(&output.stdout);
    assert!(read.is_ok(), "no answer: {}", String::from_utf8_lossy(&output.stderr));
    read.expect("it was read")
}

/// The counts of the last manifest.
pub fn counted(work: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(work.join("proof.manifest")).expect("a manifest");
    let summary = text.lines().rev().nth(1).expect("a summary");
    serde_json::from_str::<serde_json::Value>(summary).expect("JSON")["counts"].clone()
}

/// What `mailferry verify` says, whatever that is.
pub fn verify(source: &str, target: &str) -> serde_json::Value {
    answer(&console(&["--json", "verify", source, target]))
}

/// What differs between the accounts of a user, as the servers tell it.
pub fn differences((source, source_user): (&Server, usize), (target, target_user): (&Server, usize)) -> Report {
    let mut source = source.talk(source_user).expect("a login");
    let mut target = target.talk(target_user).expect("a login");
    compare(&mut source, &mut target).expect("compared")
}
