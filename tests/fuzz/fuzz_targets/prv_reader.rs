//! Any bytes: opened, read, verified, salvaged. Nothing may crash or grow; what verifies must read and rescue alike.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use mailferry_core::prv::{Reader, Record, salvage, verify};
use mailferry_fuzz::{Choices, forge};

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    match choices.byte() {
        0 => examine(choices.0),
        _ => examine(&forge(&mut choices)),
    }
});

fn examine(file: &[u8]) {
    let sound = verify(Cursor::new(file));
    let all = read(file);
    by_number(file);
    let mut rescued = Vec::new();
    let report = salvage(Cursor::new(file), &mut |record, body| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        rescued.push((record, bytes));
        Ok(())
    });
    match sound {
        Ok(summary) => {
            let all = all.expect("what verifies can be read");
            assert_eq!(all.iter().filter(|(record, _)| matches!(record, Record::Item { .. })).count() as u64, summary.items);
            report.expect("what verifies can be salvaged");
        }
        Err(damage) => drop(damage.to_string()),
    }
}

fn read(file: &[u8]) -> Option<Vec<(Record, Vec<u8>)>> {
    let mut reader = Reader::open(Cursor::new(file)).ok()?;
    let mut all = Vec::new();
    while let Some(record) = reader.next().ok()? {
        let mut body = Vec::new();
        reader.body().read_to_end(&mut body).ok()?;
        all.push((record, body));
    }
    Some(all)
}

fn by_number(file: &[u8]) {
    let Ok(mut reader) = Reader::open(Cursor::new(file)) else { return };
    for number in (0..reader.index().len()).rev() {
        if reader.seek_item(number).is_ok() {
            let mut start = [0; 10];
            reader.body().read(&mut start).map(drop).unwrap_or_default();
            reader.next().map(drop).unwrap_or_default();
        }
    }
}
