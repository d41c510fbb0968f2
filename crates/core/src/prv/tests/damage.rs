//! Nothing wrong is taken for right, and nothing right is lost with it.

use std::io::{Cursor, Seek, SeekFrom};

use super::super::index::Index;
use super::super::layout::{BLOCK_HEAD_BYTES, TRAILER_BYTES};
use super::super::reader::Opened;
use super::super::{Damage, verify};
use super::*;

/// Four blocks or so, and a large item.
fn sample() -> (Vec<u8>, Vec<Entry>) {
    let mut dice = Dice(77);
    let mut entries = Vec::new();
    for number in 0..12 {
        entries.push(Entry::Item(number, dice.envelope(), dice.body(900)));
        entries.push(Entry::Plain(dice.record()));
    }
    entries.push(Entry::Item(50, dice.envelope(), dice.body(9000)));
    entries.push(Entry::Item(51, dice.envelope(), dice.body(10)));
    (write(&entries, SMALL_BLOCKS).0, entries)
}

/// Two records and an item: a few hundred bytes.
fn tiny() -> (Vec<u8>, Vec<Entry>) {
    let mut dice = Dice(78);
    let entries = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Item(1, dice.envelope(), b"Subject: x\r\n\r\nbody\r\n".to_vec()),
        Entry::Plain(Record::Gone { folder: 1, token: Token([9; 16]), was: None }),
    ];
    (write(&entries, SMALL_BLOCKS).0, entries)
}

/// Place and length of each block, header and index set aside.
fn block_places(file: &[u8]) -> Vec<(usize, usize)> {
    let reader = Reader::open(Cursor::new(file)).unwrap();
    let offsets = &reader.opened.offsets;
    offsets.windows(2).map(|pair| (pair[0] as usize, (pair[1] - pair[0]) as usize)).collect()
}

fn damage(file: &[u8]) -> Damage {
    verify(Cursor::new(file)).expect_err("the damage is found")
}

/// Every record of a rescue is one that was written, in the order of writing, and none comes twice.
fn assert_part_of(found: &[Read1], entries: &[Entry]) {
    let mut written = expected(entries).into_iter();
    for record in found {
        assert!(written.any(|one| one == *record), "not written, doubled or out of order: {:?}", record.0);
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (file, entries) = tiny();
    let blocks = block_places(&file);
    let index = blocks.iter().map(|(start, length)| start + length).max().unwrap();
    let frames: Vec<usize> = (0..blocks[0].0).chain(index..file.len() - 32).collect();
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(Cursor::new(&bad)).is_err(), "bit {bit}");
        assert!(Reader::open(Cursor::new(&bad)).is_err() || !frames.contains(&(bit / 8)), "bit {bit} is seen at opening");
        if let Ok(found) = read(&bad) {
            assert_eq!(found, expected(&entries), "bit {bit} is read as something else");
        }
        assert!(damage(&bad).is_damage(), "bit {bit} is taken for a newer version");
        assert_part_of(&rescue(&bad).0, &entries);
    }
}

#[test]
fn a_version_that_is_damaged_together_with_any_other_byte_of_the_header_is_damage() {
    let (file, _) = tiny();
    for other in 18..block_places(&file)[0].0 {
        let mut bad = file.clone();
        bad[16] ^= 0x20;
        bad[other] ^= 0x01;
        assert!(damage(&bad).is_damage(), "with byte {other} it is taken for a newer version");
    }
}

#[test]
fn every_truncation_is_found_and_what_is_before_the_cut_is_saved() {
    let (file, entries) = tiny();
    let block_end = block_places(&file).iter().map(|(start, length)| start + length).max().unwrap();
    for length in 0..file.len() {
        let cut = &file[..length];
        assert!(damage(cut).is_damage(), "{length}");
        let (found, report) = rescue(cut);
        assert_eq!(found, if length >= block_end { expected(&entries) } else { Vec::new() }, "{length}");
        assert!(length < block_end || report.lost.is_none_or(|lost| lost.is_empty()));
    }
}

#[test]
fn every_truncation_of_many_blocks_saves_the_blocks_before_the_cut() {
    let (file, entries) = sample();
    for length in (0..file.len()).step_by(97) {
        damage(&file[..length]);
        let (found, _) = rescue(&file[..length]);
        assert_part_of(&found, &entries);
    }
}

#[test]
fn bytes_behind_the_end_or_in_front_are_found_and_nothing_is_lost_by_them() {
    let (file, entries) = sample();
    let behind = [file.as_slice(), b"\0"].concat();
    let front = [b"\0", file.as_slice()].concat();
    for bad in [behind, front] {
        assert_eq!(damage(&bad).lost(), Some(&[][..]));
        assert_eq!(rescue(&bad).0, expected(&entries));
    }
}

#[test]
fn a_damaged_block_costs_its_own_items_and_they_are_named() {
    let (file, entries) = sample();
    let all = expected(&entries);
    let index = Reader::open(Cursor::new(&file)).unwrap().index().to_vec();
    for (number, (start, length)) in block_places(&file).into_iter().enumerate() {
        for at in [start, start + 9, start + 13, start + 25, start + BLOCK_HEAD_BYTES, start + length - 1] {
            let mut bad = file.clone();
            bad[at] ^= 0x55;
            let (found, report) = rescue(&bad);
            assert_part_of(&found, &entries);
            let lost = report.lost.clone().unwrap();
            assert_eq!(found.len() as u64 + lost.len() as u64 + report.records_lost.unwrap(), all.len() as u64);
            let here = |item: &&super::super::IndexEntry| item.block as usize == number;
            let large = lost.iter().any(|item| item.size == 9000);
            assert!(large || lost == index.iter().filter(here).copied().collect::<Vec<_>>(), "block {number}");
            assert_eq!(report.damaged.len(), 1);
            assert_eq!(report.damaged[0].offset, start as u64);
            let words = damage(&bad).to_string();
            assert!(lost.iter().all(|item| words.contains(&item.token.to_string())), "{words}");
        }
    }
}

#[test]
fn without_an_index_every_sound_block_is_read_and_the_verdict_says_that_losses_are_unknown() {
    let (file, entries) = sample();
    let (start, length) = block_places(&file).last().copied().unwrap();
    let mut bad = file.clone();
    bad[start + length + 20] ^= 1;
    let (found, report) = rescue(&bad);
    assert_eq!(found, expected(&entries));
    assert_eq!(report.lost, None);
    assert!(damage(&bad).to_string().ends_with("what is lost cannot be told, the index is damaged too"));
}

#[test]
fn without_a_header_every_block_is_read() {
    let (mut file, entries) = sample();
    file[..60].fill(0);
    let (found, report) = rescue(&file);
    assert_eq!((found, report.header, report.lost), (expected(&entries), None, Some(Vec::new())));
}

#[test]
fn doubled_and_swapped_blocks_are_found_and_each_is_given_out_once_in_its_place() {
    let (file, entries) = sample();
    let places = block_places(&file);
    let piece = |number: usize| &file[places[number].0..places[number].0 + places[number].1];
    let (first, third) = (places[0].0, places[2].0);
    let doubled = [&file[..third], piece(0), &file[third..]].concat();
    let swapped = [&file[..first], piece(1), piece(0), &file[third..]].concat();
    for bad in [doubled, swapped] {
        assert!(damage(&bad).is_damage());
        assert!(read(&bad).is_err());
        assert_eq!(rescue(&bad).0, expected(&entries));
    }
}

#[test]
fn a_block_of_another_container_is_not_taken() {
    let (file, entries) = sample();
    let mut writer = Writer::new(Vec::new(), &Header { name: name(43), ..header() }, SMALL_BLOCKS).unwrap();
    writer.item(1, &Dice(5).envelope(), &mut &b"foreign"[..]).unwrap();
    let (foreign, _) = writer.finish().unwrap();
    let (start, length) = block_places(&foreign)[0];
    let (at, _) = block_places(&file)[0];
    let bad = [&file[..at], &foreign[start..start + length], &file[at..]].concat();
    assert!(damage(&bad).is_damage());
    assert_eq!(rescue(&bad).0, expected(&entries));
}

#[test]
fn a_container_attached_to_a_damaged_one_is_not_taken_for_it() {
    let mut dice = Dice(6);
    let inner = write(&[Entry::Item(1, dice.envelope(), (0..3000).map(|_| dice.roll() as u8).collect())], SMALL_BLOCKS).0;
    let mut writer = Writer::new(Vec::new(), &Header { name: name(99), ..header() }, SMALL_BLOCKS).unwrap();
    writer.item(1, &dice.envelope(), &mut &inner[..]).unwrap();
    let (mut file, _) = writer.finish().unwrap();
    let (start, length) = block_places(&file)[0];
    file[start + BLOCK_HEAD_BYTES + 1] ^= 1;
    let (found, report) = rescue(&file);
    assert_eq!((found.len(), report.lost.map(|lost| lost.len())), (0, Some(1)));
    file[start + length + 1] ^= 1;
    let (found, report) = rescue(&file);
    assert_eq!((found.len(), report.lost), (0, None), "the index of the attachment says nothing here");
}

/// The same blocks under another index, signed as if it were right.
fn with_index(file: &[u8], change: impl FnOnce(&mut Index)) -> Vec<u8> {
    let Opened { head, mut index, mut trailer, .. } = Reader::open(Cursor::new(file)).unwrap().opened;
    change(&mut index);
    let mut forged = file[..trailer.index_offset as usize].to_vec();
    forged.extend(index.encode(3, head.container_id).unwrap());
    trailer.index_bytes = forged.len() as u64 - trailer.index_offset;
    (trailer.items, trailer.records) = (index.items.len() as u64, index.records());
    forged.extend(trailer.signed());
    let digest = Digest::of(&forged);
    forged.extend(digest.0);
    forged
}

#[test]
fn an_item_that_does_not_match_its_digest_never_gives_out_its_last_byte() {
    let (file, _) = sample();
    for (number, size) in [(0, 900), (12, 9000)] {
        let bad = with_index(&file, |index| index.items[number].digest = Digest([1; 32]));
        assert!(damage(&bad).is_damage());
        let mut reader = Reader::open(Cursor::new(&bad)).unwrap();
        assert!(matches!(reader.seek_item(number).unwrap(), Record::Item { size: declared, .. } if declared == size));
        let mut body = Vec::new();
        assert_eq!(reader.body().read_to_end(&mut body).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!((body.len() as u64) < size);
        assert!(reader.body().read(&mut [0; 9]).is_err(), "and no end of file after that");
        assert!(reader.next().is_err());
    }
}

#[test]
fn an_index_that_lists_other_items_than_the_blocks_hold_is_refused() {
    let (file, _) = sample();
    let lies: [fn(&mut Index); 7] = [
        |index| index.items[3].token = Token([0; 16]),
        |index| index.items[3].folder = 99,
        |index| index.items[3].offset += 1,
        |index| index.items[12].size += 1,
        |index| index.items[12].size -= 1,
        |index| index.blocks[0].digest[0] ^= 1,
        |index| index.blocks[0].kind = super::super::block::BlockKind::Withdrawn,
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        assert!(damage(&with_index(&file, lie)).is_damage(), "lie {number}");
    }
    let withdrawn = write(&[Entry::Failing(Dice(1).envelope(), vec![b'x'; 9000])], SMALL_BLOCKS).0;
    assert!(damage(&with_index(&withdrawn, |index| index.blocks[1].digest[0] ^= 1)).is_damage());
    let (tiny, _) = tiny();
    let missing = with_index(&tiny, |index| {
        index.items.clear();
        index.blocks[0].items = 0;
    });
    assert!(damage(&missing).is_damage());
}

#[test]
fn an_index_of_another_container_says_nothing_here() {
    let (file, entries) = sample();
    let foreign = write_with(&Header { name: name(43), ..header() }, &entries[..9], SMALL_BLOCKS).0;
    let frame = |file: &[u8]| {
        let trailer = Reader::open(Cursor::new(file)).unwrap().opened.trailer;
        trailer.index_offset as usize..(trailer.index_offset + trailer.index_bytes) as usize
    };
    let bad = [&file[..frame(&file).start], &foreign[frame(&foreign)]].concat();
    let (found, report) = rescue(&bad);
    assert_eq!((found, report.lost), (expected(&entries), None));
}

#[test]
fn bytes_between_blocks_and_index_are_refused_at_opening_even_if_signed() {
    let (file, _) = sample();
    let mut trailer = Reader::open(Cursor::new(&file)).unwrap().opened.trailer;
    let (before, rest) = file.split_at(trailer.index_offset as usize);
    let mut bad = [before, b"stray", &rest[..trailer.index_bytes as usize]].concat();
    trailer.index_offset += 5;
    bad.extend(trailer.signed());
    let digest = Digest::of(&bad);
    bad.extend(digest.0);
    assert!(matches!(Reader::open(Cursor::new(&bad)), Err(PrvError::Damaged { .. })));
}

#[test]
fn a_large_item_with_a_hole_is_not_given_out() {
    let (file, entries) = sample();
    let places = block_places(&file);
    let large = places.len() - 3;
    for (start, length) in &places[large..large + 2] {
        let bad = [&file[..*start], &file[start + length..]].concat();
        let (found, report) = rescue(&bad);
        assert_part_of(&found, &entries);
        assert!(found.iter().all(|(_, body)| body.len() != 9000));
        assert!(report.lost.unwrap().iter().any(|item| item.size == 9000));
    }
}

#[test]
fn huge_declared_lengths_are_refused_without_memory_for_them() {
    let (file, _) = sample();
    let (start, length) = block_places(&file)[0];
    let index = block_places(&file).iter().map(|(start, length)| start + length).max().unwrap();
    let trailer = file.len() - TRAILER_BYTES;
    let places =
        [4, start + 4, start + 20, start + 24, start + length + 20, index + 4, index + 12, trailer + 20, trailer + 24, trailer + 32];
    for place in places {
        for value in [u32::MAX, u32::MAX / 2, 1 << 24] {
            let mut bad = file.clone();
            bad[place..place + 4].copy_from_slice(&value.to_le_bytes());
            assert!(damage(&bad).is_damage(), "{place}");
            rescue(&bad);
        }
    }
}

#[test]
fn any_bytes_at_all_are_survived() {
    let (file, _) = sample();
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut bad = file.clone();
        for _ in 0..1 + dice.below(20) {
            let at = dice.below(bad.len() as u64) as usize;
            let end = (at + 1 + dice.below(64) as usize).min(bad.len());
            match dice.below(4) {
                0 => bad[at] = dice.roll() as u8,
                1 => bad[at..end].fill(0),
                2 => drop(bad.drain(at..end)),
                _ => bad.copy_within(at..end, 0),
            }
        }
        if bad != file {
            verify(Cursor::new(&bad)).expect_err("the damage is found");
            read(&bad).map(drop).unwrap_or_default();
            salvage(Cursor::new(&bad), &mut |_, _| Ok(())).map(drop).unwrap_or_default();
        }
    }
}

#[test]
fn a_file_full_of_false_block_heads_does_not_cost_the_square_of_its_length() {
    struct Counted(Cursor<Vec<u8>>, u64);
    impl Read for Counted {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(into)?;
            self.1 += count as u64;
            Ok(count)
        }
    }
    impl Seek for Counted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let (file, _) = sample();
    let (start, _) = block_places(&file)[0];
    let mut head = file[start..start + BLOCK_HEAD_BYTES].to_vec();
    head[24..28].copy_from_slice(&(1u32 << 20).to_le_bytes());
    let bad = head.repeat(20_000);
    let mut source = Counted(Cursor::new(bad), 0);
    let report = salvage(&mut source, &mut |_, _| Ok(())).unwrap();
    assert_eq!((report.items, report.blocks), (0, 0));
    assert!(source.1 < 100 << 20, "{} bytes read", source.1);
}
