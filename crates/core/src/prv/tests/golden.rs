//! Files that every version must read, and that this version must still write. After a change of the format that is meant (and has
//! a new version number), `MAILFERRY_BLESS=1 cargo test -p mailferry-core golden` writes them anew.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use super::super::verify;
use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/prv")
}

fn marks(flags: Flags, keywords: &[&str]) -> Marks {
    Marks { flags, keywords: keywords.iter().map(|keyword| (*keyword).to_owned()).collect() }
}

fn envelope(number: u8) -> Envelope {
    let date = InternalDate { seconds: 1_600_000_000, nanos: 500_000_000, offset_minutes: Some(-90) };
    let (token, key) = (Token([number; 16]), ItemKey(vec![b'k', number]));
    Envelope { token, key, marks: marks(Flags::SEEN.with(Flags::DRAFT), &["$Forwarded", "work"]), date, sender: Some("a@b.example".into()) }
}

/// Name, options, content.
fn files() -> Vec<(&'static str, Kind, Vec<Entry>)> {
    let special = FolderInfo {
        path: FolderPath(vec!["Post".into(), "Gr\u{fc}\u{df}e/2020".into()]),
        selectable: false,
        subscribed: true,
        special_use: Some("Sent".into()),
    };
    let before = Envelope { date: InternalDate { seconds: -1, ..InternalDate::default() }, sender: None, ..envelope(2) };
    let every = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Plain(Record::Folder { id: 2, info: special }),
        Entry::Item(1, envelope(1), b"Subject: one\r\n\r\nbody\r\n".to_vec()),
        Entry::Item(2, before, Vec::new()),
        Entry::Plain(Record::Marks { folder: 1, token: Token([3; 16]), marks: marks(Flags::NONE, &[]) }),
        Entry::Plain(Record::Moved {
            token: Token([4; 16]),
            from: 1,
            to: 2,
            key: ItemKey(vec![0, 255]),
            marks: marks(Flags::FLAGGED, &["x"]),
        }),
        Entry::Plain(Record::Gone { folder: 1, token: Token([5; 16]), was: None }),
        Entry::Plain(Record::FolderGone { id: 2 }),
    ];
    let large = vec![
        Entry::Item(1, envelope(6), b"0123456789abcdef".repeat(700)),
        Entry::Failing(envelope(7), b"lost in the middle".repeat(500)),
        Entry::Item(1, envelope(8), b"small".to_vec()),
    ];
    let skipped = vec![Skipped { token: Token([9; 16]), reason: "the store refused the item".into() }];
    let answer =
        Receipt { container: name(41), digest: Digest([1; 32]), outcome: Outcome::Applied, applied: 5, already: 1, found: 2, skipped };
    let receipts = vec![
        Entry::Plain(Record::Receipt(answer.clone())),
        Entry::Plain(Record::Receipt(Receipt { outcome: Outcome::Damaged, skipped: Vec::new(), ..answer })),
    ];
    let counted = |number: u8, folder| Counted { token: Token([number; 16]), folder, marks: marks(Flags::SEEN, &["work"]) };
    let census = Census { from: Token::FIRST, through: Token([0x7f; 16]), incomplete: false, items: vec![counted(1, 1), counted(2, 7)] };
    let stock = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Plain(Record::Unanswered { sequence: Sequence(41), epoch: Epoch(2) }),
        Entry::Plain(Record::Census(census)),
        Entry::Plain(Record::Census(Census { from: Token([0x80; 16]), through: Token::LAST, incomplete: false, items: Vec::new() })),
        Entry::Plain(Record::Wanted { token: Token([8; 16]) }),
    ];
    let text = |text: &str| text.to_owned();
    let annotations = [(text("/private/comment"), None), (text("/shared/comment"), Some(vec![b'x', 0, 255]))];
    let beside = |closed| Beside {
        rights: [(text("-eve"), text("lr")), (text("anna"), text("lrs")), (text("bob"), String::new())].into(),
        closed,
        annotations: annotations.clone().into(),
    };
    let nobody = Beside { closed: true, ..Beside::default() };
    let beside = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Plain(Record::Beside { folder: 1, beside: beside(false) }),
        Entry::Plain(Record::Beside { folder: 1, beside: beside(true) }),
        Entry::Plain(Record::Beside { folder: 1, beside: nobody }),
    ];
    let (switch, sequence, epoch) = (SwitchId([3; 16]), Sequence(41), Epoch(2));
    let switch = vec![
        Entry::Plain(Record::Ready { switch, last: false }),
        Entry::Plain(Record::Ready { switch, last: true }),
        Entry::Plain(Record::Confirmed { switch, sequence, epoch, refused: None }),
        Entry::Plain(Record::Confirmed { switch, sequence, epoch, refused: Some("2 items are missing".into()) }),
    ];
    let was = Some(Was { digest: Digest([6; 32]), size: 70_000, date: -1 });
    let gone = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Plain(Record::Gone { folder: 1, token: Token([5; 16]), was }),
    ];
    let unread = |number: u8, size| Unread { token: Token([number; 16]), folder: 1, size, reason: "it is torn".into() };
    let unread = vec![
        Entry::Plain(Record::Folder { id: 1, info: FolderInfo::plain(FolderPath::inbox()) }),
        Entry::Plain(Record::Unread { first: true, items: vec![unread(1, Some(70_000)), unread(2, None)] }),
        Entry::Plain(Record::Unread { first: false, items: Vec::new() }),
        Entry::Plain(Record::Census(Census { from: Token::FIRST, through: Token::LAST, incomplete: true, items: vec![counted(1, 1)] })),
    ];
    vec![
        ("v1-beside.prv", Kind::Mail, beside),
        ("v1-census.prv", Kind::Mail, stock),
        ("v1-empty.prv", Kind::Mail, Vec::new()),
        ("v1-every-record.prv", Kind::Mail, every),
        ("v1-gone.prv", Kind::Mail, gone),
        ("v1-large-and-withdrawn.prv", Kind::Mail, large),
        ("v1-receipts.prv", Kind::Receipts, receipts),
        ("v1-switch.prv", Kind::Mail, switch),
        ("v1-unread.prv", Kind::Mail, unread),
    ]
}

fn written(kind: Kind, entries: &[Entry]) -> Vec<u8> {
    write_with(&Header { kind, ..header() }, entries, SMALL_BLOCKS).0
}

#[test]
fn todays_writer_makes_the_golden_files_byte_for_byte() {
    for (name, kind, entries) in files() {
        let path = folder().join(name);
        if std::env::var_os("MAILFERRY_BLESS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, written(kind, &entries)).unwrap();
        }
        assert_eq!(written(kind, &entries), fs::read(&path).unwrap(), "{name}");
    }
}

#[test]
fn todays_reader_reads_the_golden_files() {
    for (name, kind, entries) in files() {
        let file = fs::read(folder().join(name)).unwrap();
        assert_eq!(Reader::open(Cursor::new(&file)).unwrap().header(), &Header { kind, ..header() }, "{name}");
        assert_eq!(read(&file).unwrap(), expected(&entries), "{name}");
        assert_eq!(rescue(&file).0, expected(&entries), "{name}");
        assert!(verify(Cursor::new(&file)).is_ok(), "{name}");
    }
}

/// A golden file, where it is damaged (from the end where negative), and what the operator reads.
const VERDICTS: [(&str, isize, &str); 7] = [
    (
        "v1-every-record.prv",
        0,
        "this is no PRV container: the magic is missing; \
         2 items and 6 other records can be read; no item is lost",
    ),
    (
        "v1-every-record.prv",
        30,
        "the container is damaged at byte 0: the header does not match its digest; \
         2 items and 6 other records can be read; no item is lost",
    ),
    (
        "v1-every-record.prv",
        160,
        "the container is damaged at byte 129: the block does not match its digest; \
         0 items and 0 other records can be read; lost: 2 items: 01010101010101010101010101010101 (folder 1, 22 bytes), 02020202020202020202020202020202 (folder 2, 0 bytes); lost: 6 other records",
    ),
    (
        "v1-every-record.prv",
        300,
        "the container is damaged at byte 129: the block does not match its digest; \
         0 items and 0 other records can be read; lost: 2 items: 01010101010101010101010101010101 (folder 1, 22 bytes), 02020202020202020202020202020202 (folder 2, 0 bytes); lost: 6 other records",
    ),
    (
        "v1-large-and-withdrawn.prv",
        300,
        "the container is damaged at byte 129: the block does not match its digest; \
         1 item and 0 other records can be read; lost: 1 item: 06060606060606060606060606060606 (folder 1, 11200 bytes)",
    ),
    (
        "v1-large-and-withdrawn.prv",
        -200,
        "the container is damaged at byte 1266: the index does not match its digest; \
         2 items and 0 other records can be read; what is lost cannot be told, the index is damaged too",
    ),
    (
        "v1-receipts.prv",
        -1,
        "the container is damaged at byte 503: the file does not match its digest; \
         0 items and 2 other records can be read; no item is lost",
    ),
];

#[test]
fn the_verdict_on_a_damaged_golden_file_says_what_and_where_and_which_items_are_lost() {
    for (name, at, verdict) in VERDICTS {
        let mut file = fs::read(folder().join(name)).unwrap();
        let place = at.rem_euclid(file.len() as isize) as usize;
        file[place] ^= 0x10;
        assert_eq!(verify(Cursor::new(&file)).unwrap_err().to_string(), verdict, "{name} at {at}");
    }
}
