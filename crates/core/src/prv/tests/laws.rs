//! Limits, versions, and what the outside may rely on.

use std::collections::BTreeSet;
use std::io::{Cursor, Seek, SeekFrom, Write};

use super::super::{Reader, verify};
use super::*;

#[test]
fn what_does_not_fit_is_refused_by_name_and_the_writer_goes_on() {
    let mut dice = Dice(1);
    let mut writer = Writer::new(Vec::new(), &header(), SMALL_BLOCKS).unwrap();
    let long = "x".repeat(70_000);
    let info = FolderInfo::plain(FolderPath(vec![long.clone()]));
    let error = writer.record(&Record::Folder { id: 1, info }).unwrap_err();
    assert_eq!(error.to_string(), "the length of a folder name is 70000, the limit is 65535");
    let many: BTreeSet<String> = (0..40).map(|number| format!("{number}{}", &long[..40_000])).collect();
    let marks = Marks { flags: Flags::SEEN, keywords: many };
    let error = writer.record(&Record::Marks { folder: 1, token: Token([1; 16]), marks }).unwrap_err();
    assert!(error.to_string().starts_with("the length of a record is 16"), "{error}");
    let wrong = Envelope { date: InternalDate { nanos: 1_000_000_000, ..InternalDate::default() }, ..dice.envelope() };
    assert!(matches!(writer.item(1, &wrong, &mut io::empty()), Err(PrvError::Limit { .. })));
    let good = dice.envelope();
    writer.item(1, &good, &mut &b"body"[..]).unwrap();
    let (file, summary) = writer.finish().unwrap();
    assert_eq!(summary.records, 1);
    assert_eq!(read(&file).unwrap(), expected(&[Entry::Item(1, good, b"body".to_vec())]));
}

#[test]
fn a_header_beyond_the_limits_is_refused() {
    let long = Header { cluster: "c".repeat(256), ..header() };
    assert!(matches!(Writer::new(Vec::new(), &long, SMALL_BLOCKS), Err(PrvError::Limit { .. })));
    let far = Header { base: Sequence(10_000_000_000), ..header() };
    assert!(matches!(Writer::new(Vec::new(), &far, SMALL_BLOCKS), Err(PrvError::Limit { .. })));
}

#[test]
fn a_newer_version_or_an_unknown_required_flag_is_no_damage() {
    let (file, _) = write(&medley(3, 10, 4096), SMALL_BLOCKS);
    let mut newer = file.clone();
    newer[16] = 2;
    let mut flagged = file;
    flagged[20] = 1;
    for bytes in [&mut newer, &mut flagged] {
        let digest_at = 8 + usize::from(bytes[4]) - 32;
        let digest = Digest::of(&bytes[..digest_at]);
        bytes[digest_at..digest_at + 32].copy_from_slice(&digest.0);
    }
    for (bytes, words) in [(newer, "format version 2"), (flagged, "required flags 0x00000001")] {
        let damage = verify(Cursor::new(&bytes)).unwrap_err();
        assert!(matches!(damage.cause, PrvError::FromTheFuture(_)) && !damage.is_damage());
        assert!(damage.to_string().contains(words), "{damage}");
        assert!(matches!(salvage(Cursor::new(&bytes), &mut |_, _| Ok(())), Err(PrvError::FromTheFuture(_))));
    }
}

#[test]
fn a_disk_that_fails_is_no_damage() {
    struct Broken(Cursor<Vec<u8>>);
    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.position() > 300 { Err(io::Error::other("the share is away")) } else { self.0.read(into) }
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let (file, _) = write(&medley(4, 30, 4096), SMALL_BLOCKS);
    let damage = verify(Broken(Cursor::new(file))).unwrap_err();
    assert!(matches!(damage.cause, PrvError::Io(_)) && !damage.is_damage(), "{damage}");
}

#[test]
fn a_sink_that_fails_ends_the_writer() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut dice = Dice(9);
    let mut writer = Writer::new(Full(2000), &header(), SMALL_BLOCKS).unwrap();
    let noise: Vec<u8> = (0..9000).map(|_| dice.roll() as u8).collect();
    assert!(matches!(writer.item(1, &dice.envelope(), &mut &noise[..]), Err(PrvError::Io(_))));
    assert!(matches!(writer.item(1, &dice.envelope(), &mut &b"x"[..]), Err(PrvError::Io(_))));
    assert!(matches!(writer.finish(), Err(PrvError::Io(_))));
}

#[test]
fn plain_zstd_unpacks_the_stream_of_records() {
    let entries = medley(11, 60, 4096);
    let (file, summary) = write(&entries, SMALL_BLOCKS);
    let stream = zstd::decode_all(&file[..]).unwrap();
    assert_eq!(stream.len() as u64, summary.raw_bytes);
    for (_, body) in expected(&entries).iter().filter(|(_, body)| (1..4096).contains(&body.len())) {
        assert!(stream.windows(body.len()).any(|window| window == body));
    }
}

#[test]
fn a_large_item_streams_through_memory_of_a_few_blocks() {
    struct Zeros(u64);
    impl Read for Zeros {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = (into.len() as u64).min(self.0) as usize;
            into[..count].fill(0);
            self.0 -= count as u64;
            Ok(count)
        }
    }
    const BYTES: u64 = 100 << 20;
    let mut writer = Writer::new(Vec::new(), &header(), Options { block_bytes: 1 << 20, ..Options::default() }).unwrap();
    let written = writer.item(1, &Dice(2).envelope(), &mut Zeros(BYTES)).unwrap();
    assert_eq!(written.size, BYTES);
    let (file, _) = writer.finish().unwrap();
    let mut reader = Reader::open(Cursor::new(&file)).unwrap();
    assert!(matches!(reader.next().unwrap(), Some(Record::Item { size: BYTES, .. })));
    assert_eq!(io::copy(&mut reader.body(), &mut io::sink()).unwrap(), BYTES);
    assert!(reader.blocks.raw.capacity() < 3 << 20, "a block at a time");
}

#[test]
fn an_index_of_a_hundred_thousand_items_stays_small() {
    let mut dice = Dice(3);
    let mut writer = Writer::new(Vec::new(), &header(), Options { level: 1, ..Options::default() }).unwrap();
    for _ in 0..100_000 {
        let size = 100 + dice.below(100) as usize;
        writer.item(1, &dice.envelope(), &mut &[b'x'; 200][..size]).unwrap();
    }
    let before = writer.bytes_written();
    let (file, summary) = writer.finish().unwrap();
    let index = summary.bytes - before;
    assert!(index < 100_000 * 64 + (6 << 20), "{index}");
    assert_eq!(Reader::open(Cursor::new(&file)).unwrap().index().len(), 100_000);
}
