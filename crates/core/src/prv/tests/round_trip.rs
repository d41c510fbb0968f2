//! What goes in comes out.

use std::io::Cursor;

use super::super::{Reader, file_digest, verify};
use super::*;

#[test]
fn what_was_written_is_read_in_the_same_order_whatever_the_sizes() {
    for seed in 0..60 {
        let entries = medley(seed, 1 + (seed as usize * 7) % 90, 4096);
        let (file, summary) = write(&entries, SMALL_BLOCKS);
        assert_eq!(read(&file).unwrap(), expected(&entries), "seed {seed}");
        assert_eq!(verify(Cursor::new(&file)).unwrap(), summary, "seed {seed}");
        assert_eq!(summary.digest, Digest::of(&file));
        assert_eq!(summary.digest, file_digest(&file[..]).unwrap());
        assert_eq!(summary.bytes, file.len() as u64);
        assert_eq!(summary.records, expected(&entries).len() as u64);
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    for seed in 100..106 {
        let entries = medley(seed, 200, 8192);
        let alone = write(&entries, Options { threads: 1, block_bytes: 8192, level: 3 });
        for threads in [2, 3, 8] {
            assert_eq!(write(&entries, Options { threads, block_bytes: 8192, level: 3 }), alone, "seed {seed}, {threads} threads");
        }
    }
}

#[test]
fn every_level_and_block_size_is_read_the_same() {
    for (level, block_bytes) in [(1, 1 << 20), (6, 4096), (9, 1 << 16), (19, 1 << 22), (-5, 0), (99, usize::MAX)] {
        let entries = medley(level as u64, 40, 20_000);
        let (file, summary) = write(&entries, Options { level, threads: 1, block_bytes });
        assert_eq!(read(&file).unwrap(), expected(&entries), "level {level}, block {block_bytes}");
        assert_eq!(verify(Cursor::new(&file)).unwrap(), summary);
    }
}

#[test]
fn the_header_comes_back() {
    let (file, _) = write(&[], SMALL_BLOCKS);
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    assert_eq!(reader.header(), &header());
    assert_eq!(reader.next().unwrap(), None);
    let error = reader.seek_item(0).unwrap_err();
    assert_eq!(error.to_string(), "the ordinal of the item is 0, the limit is 0");
}

#[test]
fn any_item_is_found_by_its_number_and_reading_goes_on_behind_it() {
    let entries = medley(7, 120, 4096);
    let (file, _) = write(&entries, SMALL_BLOCKS);
    let all = expected(&entries);
    let places: Vec<usize> = (0..all.len()).filter(|place| matches!(all[*place].0, Record::Item { .. })).collect();
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    assert_eq!(reader.index().len(), places.len());
    for (number, place) in places.iter().enumerate().rev() {
        assert_eq!(reader.seek_item(number).unwrap(), all[*place].0);
        let mut body = Vec::new();
        reader.body().read_to_end(&mut body).unwrap();
        assert_eq!(body, all[*place].1);
        assert_eq!(reader.next().unwrap().as_ref(), all.get(place + 1).map(|(record, _)| record));
    }
}

#[test]
fn a_body_that_is_not_read_or_half_read_is_passed_over() {
    let entries = medley(8, 150, 4096);
    let (file, _) = write(&entries, SMALL_BLOCKS);
    for bite in [0, 1, 5000] {
        let mut reader = Reader::open(Cursor::new(&file)).unwrap();
        for (record, body) in expected(&entries) {
            assert_eq!(reader.next().unwrap().as_ref(), Some(&record));
            let mut start = Vec::new();
            reader.body().take(bite).read_to_end(&mut start).unwrap();
            assert!(body.starts_with(&start));
        }
        assert_eq!(reader.next().unwrap(), None);
    }
}

#[test]
fn a_receipt_may_list_more_than_a_block_holds() {
    let mut dice = Dice(5);
    let entries = [3, 0, 40_000, 1].map(|count| Entry::Plain(Record::Receipt(dice.receipt(count))));
    let (file, summary) = write(&entries, SMALL_BLOCKS);
    assert_eq!(summary.records, 4);
    assert_eq!(read(&file).unwrap(), expected(&entries));
    assert_eq!(rescue(&file).0, expected(&entries));
}

#[test]
fn an_item_that_fails_leaves_the_bytes_as_if_it_had_never_been_begun() {
    let mut dice = Dice(6);
    let (first, failing, last) = (dice.envelope(), dice.envelope(), dice.envelope());
    let item = |envelope: &Envelope| Entry::Item(1, envelope.clone(), b"whole".to_vec());
    let with = write(&[item(&first), Entry::Failing(failing.clone(), vec![b'x'; 4000]), item(&last)], SMALL_BLOCKS);
    assert_eq!(with, write(&[item(&first), item(&last)], SMALL_BLOCKS));
    let entries = [item(&first), Entry::Failing(failing, vec![b'x'; 40_000]), item(&last)];
    let (file, summary) = write(&entries, SMALL_BLOCKS);
    assert_eq!((summary.items, read(&file).unwrap()), (2, expected(&entries)), "a large one is passed over");
    assert_eq!(rescue(&file).0, expected(&entries));
}
