//! How fast many small files go in and come out, and how much memory that takes. Run by hand:
//! `cargo test --release -p mailferry-stores --test throughput -- --ignored --nocapture`.
#![allow(clippy::print_stderr)]

use std::io::Read;
use std::time::Instant;

use mailferry_core::model::{Envelope, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::NewItem;
use mailferry_stores::{StoreUrl, open_source, open_target};

const ITEMS: u64 = 100_000;
const BATCH: u64 = 1_000;

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_items_stay_in_flat_memory() {
    for scheme in ["maildir", "mbox"] {
        let dir =
            tempfile::tempdir_in(std::env::var_os("MAILFERRY_BENCH_DIR").unwrap_or_else(|| ".".into())).expect("a temporary directory");
        let url = StoreUrl::parse(&format!("{scheme}:{}/store", dir.path().display())).expect("a store");
        let start = Instant::now();
        write(&url);
        report(scheme, "written", start);
        let start = Instant::now();
        assert_eq!(read(&url), ITEMS);
        report(scheme, "read", start);
    }
}

fn write(url: &StoreUrl) {
    let inbox = FolderPath::inbox();
    let mut target = open_target(url).expect("a target");
    target.ensure_folder(&FolderInfo::plain(inbox.clone())).expect("a folder");
    let body = [&b"Subject: small\n\n"[..], &b"A line of text as mail has it.\n".repeat(130)].concat();
    for number in 0..ITEMS {
        let mut token = [0; 16];
        token[8..].copy_from_slice(&number.to_be_bytes());
        let date = InternalDate { seconds: number as i64, ..InternalDate::default() };
        let envelope = Envelope { token: Token(token), key: ItemKey(vec![]), marks: Marks::default(), date, sender: None };
        target.append(&inbox, &NewItem { envelope: &envelope, size: body.len() as u64 }, &mut &body[..]).expect("an append");
        if number % BATCH == BATCH - 1 {
            target.flush().expect("a flush");
        }
    }
}

fn read(url: &StoreUrl) -> u64 {
    let inbox = FolderPath::inbox();
    let mut source = open_source(url).expect("a source");
    let mut keys = Vec::new();
    let each = &mut |item: mailferry_core::ports::SeenItem| {
        keys.push(item.key);
        Ok(())
    };
    source.scan(&inbox, each).expect("a scan");
    let mut body = Vec::new();
    for key in &keys {
        body.clear();
        source.open(&inbox, key).expect("an answer").expect("there").reader.read_to_end(&mut body).expect("readable");
    }
    keys.len() as u64
}

fn report(scheme: &str, what: &str, start: Instant) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown").to_string();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{scheme}: {ITEMS} {what} in {seconds:.1} s, {:.0} a second, {peak}", ITEMS as f64 / seconds);
}
