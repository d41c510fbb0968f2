//! Memory of every agent stays flat, however large a message or a folder is.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)]

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use mailferry_core::settings::AgentKind;
use mailferry_tests::{Bed, Plan, Services, prove};

const LIMIT_KIB: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(240);

/// Peak of the resident set so far, as the kernel counts it.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel knows the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The whole migration by services; asked before they end, so that the peak is the peak.
fn stays_flat(bed: &Bed) {
    let mut services = Services::all(bed);
    services.settle(PATIENCE);
    let process = |node: &str, kind: AgentKind| services.process_id(node, kind).expect("it runs");
    let peaks: Vec<_> = bed.agents().into_iter().map(|(node, kind)| (kind, peak_kib(process(&node, kind)))).collect();
    eprintln!("peaks in KiB: {peaks:?}");
    for (kind, peak) in &peaks {
        assert!(*peak < LIMIT_KIB, "the {kind} agent took {peak} KiB: {peaks:?}");
    }
    drop(services);
    prove(bed);
}

fn folder(bed: &Bed) -> std::path::PathBuf {
    let maildir = bed.path("mail/old/alice");
    ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(maildir.join(sub)).expect("a folder"));
    maildir.join("cur")
}

/// Text that compresses as badly as an attachment.
fn large_message(path: &Path, bytes: u64) {
    let mut dice = mailferry_tests::sample::Dice::new(5);
    let mut file = BufWriter::new(fs::File::create(path).expect("a message"));
    file.write_all(b"Subject: large\r\n\r\n").expect("a header");
    for _ in 0..bytes / 66 {
        let [a, b, c, d] = [0; 4].map(|_| dice.below(u64::MAX));
        write!(file, "{a:016x}{b:016x}{c:016x}{d:016x}\r\n").expect("a line");
    }
}

#[test]
fn memory_is_flat_with_a_message_of_50_mb() {
    for (source, target) in [("maildir", "maildir"), ("maildir", "mbox")] {
        let bed = Plan::new(1, 1).mailbox("alice", source, target).build();
        large_message(&folder(&bed).join("1700000000.M1.large:2,S"), 50_000_000);
        stays_flat(&bed);
    }
}

#[test]
fn memory_is_flat_with_100_000_messages_in_a_folder() {
    let bed = Plan::new(1, 1).mailbox("alice", "maildir", "maildir").build();
    let folder = folder(&bed);
    for number in 0..100_000 {
        let name = format!("{}.M{number}P1.quay:2,S", 1_600_000_000 + number);
        fs::write(folder.join(name), format!("Message-ID: <{number}@quay.example>\r\nSubject: {number}\r\n\r\nahoy\r\n"))
            .expect("a message");
    }
    stays_flat(&bed);
}
