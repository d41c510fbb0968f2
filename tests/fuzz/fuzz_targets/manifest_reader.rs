//! Any bytes, and the golden manifest changed anywhere: nothing may crash, and nothing but the golden file itself is believed.
#![no_main]

use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use mailferry_core::manifest::{Approvals, Reader, SigningKey, Trust};
use mailferry_fuzz::Choices;
use mailferry_rules::ids::MailboxId;

const GOLDEN: &[u8] = include_bytes!("../../golden/manifest/every-line.manifest");

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    match choices.byte() {
        0 => examine(choices.0),
        1 => drop(Approvals::read(&String::from_utf8_lossy(choices.0), MailboxId([0xa7; 16]))),
        _ => examine(&changed(&mut choices)),
    }
});

/// Each change: where, and what takes the place of how many bytes.
fn changed(choices: &mut Choices) -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    while !choices.0.is_empty() {
        let at = (usize::from(choices.byte()) << 8 | usize::from(choices.byte())) % (bytes.len() + 1);
        let end = (at + usize::from(choices.byte())).min(bytes.len());
        let length = usize::from(choices.byte()).min(choices.0.len());
        let (new, rest) = choices.0.split_at(length);
        choices.0 = rest;
        bytes.splice(at..end, new.iter().copied());
    }
    bytes
}

fn examine(bytes: &[u8]) {
    let known = SigningKey::of_seed([7; 32]).expect("a key").public();
    let believed = Reader::open(BufReader::new(bytes), &Trust::Keys(vec![known])).and_then(Reader::check);
    assert!(believed.is_err() || bytes == GOLDEN);
    let _ = Reader::open(BufReader::new(bytes), &Trust::Anybody).and_then(Reader::check);
}
