//! Planted differences are all found, and nothing else is.

use std::io::{self, Read};

use super::*;
use crate::model::{Digest, Flags, InternalDate, ItemKey, Keywords, Marks};
use crate::ports::{OpenItem, Retry, SeenItem};

#[derive(Clone)]
struct Mail {
    body: Vec<u8>,
    marks: Marks,
    date: InternalDate,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Good,
    Gone,
    /// `open` fails.
    Shut,
    /// The reader fails after some bytes.
    Torn,
}

/// A mailbox in memory.
#[derive(Clone, Default)]
struct Shelf {
    folders: Vec<(FolderInfo, Vec<Mail>)>,
    /// A folder whose scan fails, and how far that reaches.
    broken: Option<(String, Blast)>,
}

fn mail(body: &str) -> Mail {
    let date = InternalDate { seconds: 1000, nanos: 5, offset_minutes: Some(60) };
    Mail { body: body.into(), marks: Marks::default(), date, state: State::Good }
}

impl Mail {
    fn marked(mut self, bits: u8, keywords: &[&str]) -> Self {
        let flags = Flags::from_bits(bits).expect("a flag");
        self.marks = Marks { flags, keywords: keywords.iter().map(ToString::to_string).collect::<Keywords>() };
        self
    }

    fn dated(mut self, seconds: i64) -> Self {
        self.date.seconds = seconds;
        self
    }

    fn but(mut self, state: State) -> Self {
        self.state = state;
        self
    }
}

fn path(name: &str) -> FolderPath {
    FolderPath(name.split('/').map(Into::into).collect())
}

impl Shelf {
    fn with(mut self, name: &str, mails: Vec<Mail>) -> Self {
        self.folders.push((FolderInfo::plain(path(name)), mails));
        self
    }

    fn change(mut self, name: &str, change: impl Fn(&mut FolderInfo)) -> Self {
        self.folders.iter_mut().filter(|(info, _)| info.path == path(name)).for_each(|(info, _)| change(info));
        self
    }

    fn breaking(mut self, name: &str, blast: Blast) -> Self {
        self.broken = Some((name.into(), blast));
        self
    }

    fn mails(&self, folder: &FolderPath) -> &[Mail] {
        let found = self.folders.iter().find(|(info, _)| info.path == *folder);
        found.map(|(_, mails)| mails.as_slice()).expect("only folders that are there are read")
    }
}

struct Torn<'a>(&'a [u8]);

impl Read for Torn<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::other("bad sector")) } else { self.0.read(into) }
    }
}

impl MailSource for Shelf {
    fn describe(&self) -> String {
        "shelf".into()
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        Ok(self.folders.iter().map(|(info, _)| info.clone()).collect())
    }

    fn confirm_gone(&mut self, _: &FolderPath) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        if let Some((name, blast)) = self.broken.as_ref().filter(|(name, _)| path(name) == *folder) {
            return Err(StoreError::new(*blast, Retry::Later, "list a folder", name, "disk on fire"));
        }
        self.mails(folder).iter().enumerate().try_for_each(|(number, mail)| {
            each(SeenItem {
                key: ItemKey(format!("k{number}").into_bytes()),
                identity: None,
                move_hint: None,
                marks: mail.marks.clone(),
                date: mail.date,
                dated: true,
                sender: None,
                size: Some(77),
            })
        })
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        let number: usize = String::from_utf8_lossy(&key.0[1..]).parse().expect("our own key");
        let mail = &self.mails(folder)[number];
        Ok(match mail.state {
            State::Good => Some(OpenItem { reader: Box::new(mail.body.as_slice()) }),
            State::Torn => Some(OpenItem { reader: Box::new(Torn(&mail.body)) }),
            State::Gone => None,
            State::Shut => return Err(StoreError::new(Blast::Item, Retry::Never, "read a message", "here", "denied")),
        })
    }
}

const ALL: Choices = Choices { allow_extra: false, listed_max: usize::MAX };
const LENIENT: Choices = Choices { allow_extra: true, listed_max: usize::MAX };

fn compared(source: &Shelf, target: &Shelf, choices: Choices) -> Comparison {
    compare(&mut source.clone(), &mut target.clone(), choices, &mut |_| {}).expect("both can be read")
}

/// `folder kind number`, as `INBOX item-missing #2`.
fn found(source: &Shelf, target: &Shelf, choices: Choices) -> Vec<String> {
    let report = compared(source, target, choices);
    assert_eq!(report.differing(), report.differences.len() as u64);
    let number = |what: &What| match what {
        What::ItemMissing { item } | What::ItemExtra { item } | What::ItemDoubled { item } => format!(" #{}", item.number),
        What::MarksDiffer { item, at_target, .. } | What::DateDiffers { item, at_target, .. } => {
            format!(" #{} #{}", item.number, at_target.number)
        }
        What::ItemUnreadable { side, number, .. } | What::ItemGone { side, number, .. } => format!(" {side} #{number}"),
        What::FolderUnreadable { side, .. } => format!(" {side}"),
        _ => String::new(),
    };
    report.differences.iter().map(|one| format!("{} {}{}", one.folder, one.what.kind(), number(&one.what))).collect()
}

fn inbox(mails: Vec<Mail>) -> Shelf {
    Shelf::default().with("INBOX", mails)
}

#[test]
fn a_faithful_copy_has_no_difference_whatever_the_order_and_the_finer_date() {
    // Few bodies, so that there are many twins, with marks and dates that repeat out of step.
    let vary = |number: u8| mail(&format!("body {}", number % 40)).marked(number % 7, &[]).dated(i64::from(number) % 3);
    let mails: Vec<Mail> = (0..=255).map(vary).collect();
    let mut shuffled = mails.clone();
    shuffled.reverse();
    shuffled.rotate_left(41);
    shuffled.iter_mut().for_each(|mail| (mail.date.nanos, mail.date.offset_minutes) = (0, None));
    let report = compared(&inbox(mails), &inbox(shuffled), ALL);
    assert_eq!((report.differing(), report.source.items, report.target.items), (0, 256, 256));
    assert_eq!(report.source.bytes, report.target.bytes);
}

#[test]
fn every_planted_difference_is_found_and_no_other() {
    let one = || mail("one");
    for (source, target, expected) in [
        (vec![one()], vec![], vec!["INBOX item-missing #1"]),
        (vec![], vec![one()], vec!["INBOX item-extra #1"]),
        (vec![one(), one()], vec![one()], vec!["INBOX item-missing #2"]),
        (vec![one()], vec![one(), mail("two"), one()], vec!["INBOX item-extra #2", "INBOX item-doubled #3"]),
        (vec![one()], vec![mail("onE")], vec!["INBOX item-missing #1", "INBOX item-extra #1"]),
        (vec![mail("x"), one().marked(1, &[])], vec![one(), mail("x")], vec!["INBOX marks-differ #2 #1"]),
        (vec![one().marked(0, &["a"])], vec![one()], vec!["INBOX marks-differ #1 #1"]),
        (vec![one().marked(0, &["$Forwarded", "b"])], vec![one().marked(0, &["$FORWARDED", "B"])], vec![]),
        (vec![one()], vec![one().dated(1001)], vec!["INBOX date-differs #1 #1"]),
        (vec![one()], vec![one().dated(2).marked(2, &[])], vec!["INBOX marks-differ #1 #1", "INBOX date-differs #1 #1"]),
        (vec![one().but(State::Shut)], vec![one()], vec!["INBOX item-unreadable source #1", "INBOX item-extra #1"]),
        (vec![one()], vec![one().but(State::Torn)], vec!["INBOX item-unreadable target #1", "INBOX item-missing #1"]),
        (vec![one().but(State::Gone)], vec![], vec!["INBOX item-gone source #1"]),
        (vec![mail("")], vec![mail("")], vec![]),
    ] {
        assert_eq!(found(&inbox(source), &inbox(target), ALL), expected);
    }
}

#[test]
fn among_equal_items_only_what_really_differs_is_listed() {
    let seen = || mail("same").marked(1, &[]);
    let source = inbox(vec![seen(), mail("same"), seen().dated(5), mail("same").dated(9)]);
    let target = inbox(vec![mail("same").dated(9), seen().dated(6), seen(), mail("same")]);
    assert_eq!(found(&source, &target, ALL), ["INBOX date-differs #3 #2"], "the two that are alike but for the date are one pair");
    let target = inbox(vec![mail("same"), seen().dated(9), seen(), seen().dated(5)]);
    assert_eq!(found(&source, &target, ALL), ["INBOX marks-differ #4 #2"], "so are those alike but for the marks");
    let target = inbox(vec![seen(), mail("same")]);
    assert_eq!(found(&source, &target, ALL), ["INBOX item-missing #3", "INBOX item-missing #4"], "those that have a twin are not missing");
}

#[test]
fn twins_are_paired_so_that_as_little_as_can_be_differs() {
    let same = |bits, seconds| mail("same").marked(bits, &[]).dated(seconds);
    let source = inbox(vec![same(1, 5), same(0, 9)]);
    let crossed = inbox(vec![same(0, 6), same(1, 10)]);
    assert_eq!(found(&source, &crossed, ALL), ["INBOX date-differs #1 #2", "INBOX date-differs #2 #1"], "by their marks");
    let crossed = inbox(vec![same(4, 9), same(2, 5)]);
    assert_eq!(found(&source, &crossed, ALL), ["INBOX marks-differ #1 #2", "INBOX marks-differ #2 #1"], "by their dates");
}

#[test]
fn an_item_counts_in_its_own_folder_only() {
    let source = Shelf::default().with("A", vec![mail("one")]).with("B", vec![]);
    let target = Shelf::default().with("A", vec![]).with("B", vec![mail("one")]);
    assert_eq!(found(&source, &target, ALL), ["A item-missing #1", "B item-extra #1"]);
}

#[test]
fn a_folder_that_is_not_there_is_one_difference_and_each_of_its_items_another() {
    let source = inbox(vec![]).with("A/B", vec![mail("one")]).with("empty", vec![]);
    let target = inbox(vec![]).with("a/b", vec![]);
    assert_eq!(found(&source, &target, ALL), ["A/B folder-missing", "A/B item-missing #1", "a/b folder-extra", "empty folder-missing"]);
}

#[test]
fn a_store_without_an_inbox_has_an_empty_one() {
    let without = Shelf::default().with("A", vec![]);
    assert_eq!(found(&without, &without.clone().with("INBOX", vec![]), ALL), Vec::<String>::new());
    assert_eq!(found(&inbox(vec![]).with("A", vec![]), &without, ALL), Vec::<String>::new());
    assert_eq!(found(&without.clone().with("INBOX", vec![mail("one")]), &without, ALL), ["INBOX item-missing #1"]);
}

#[test]
fn a_folder_that_holds_no_items_may_be_one_that_could() {
    let noselect = |shelf: Shelf| shelf.change("A", |info| info.selectable = false);
    let (source, empty) = (noselect(inbox(vec![]).with("A", vec![])), inbox(vec![]).with("A", vec![]));
    assert_eq!(found(&source, &empty, ALL), Vec::<String>::new());
    assert_eq!(found(&source, &inbox(vec![]), ALL), Vec::<String>::new());
    assert_eq!(found(&empty, &source, ALL), ["A folder-missing"], "but not the other way round");
    assert_eq!(found(&source, &inbox(vec![]).with("A", vec![mail("one")]), ALL), ["A item-extra #1"]);
}

#[test]
fn what_only_the_target_has_may_be_allowed_but_nothing_may_be_there_twice() {
    let source = inbox(vec![mail("one")]);
    let target = inbox(vec![mail("one"), mail("new"), mail("one")]).with("New", vec![mail("x"), mail("x")]);
    assert_eq!(found(&source, &target, LENIENT), ["INBOX item-doubled #3"]);
    assert_eq!(compared(&source, &target, LENIENT).extra_allowed, 4, "a folder and three items");
    assert_eq!(found(&target, &source, LENIENT).len(), 5, "what the target lacks stays a difference");
}

#[test]
fn subscriptions_and_special_uses_are_compared_where_both_sides_have_any() {
    let plain = inbox(vec![]).with("A", vec![]).with("B", vec![]);
    let subscribed = |names: &[&str]| names.iter().fold(plain.clone(), |shelf, name| shelf.change(name, |info| info.subscribed = true));
    let special = |name: &str, special: &str| plain.clone().change(name, |info| info.special_use = Some(special.into()));
    assert_eq!(found(&subscribed(&["A"]), &plain, ALL), Vec::<String>::new());
    assert!(!compared(&subscribed(&["A"]), &plain, ALL).subscriptions_compared);
    assert_eq!(found(&subscribed(&["A", "B"]), &subscribed(&["B"]), ALL), ["A subscription"]);
    assert_eq!(found(&subscribed(&["B"]), &subscribed(&["A", "B"]), ALL), ["A subscription"]);
    assert_eq!(found(&subscribed(&["B"]), &subscribed(&["A", "B"]), LENIENT), Vec::<String>::new());
    assert_eq!(found(&special("A", "Sent"), &special("A", "Drafts"), LENIENT), ["A special-use"]);
    assert_eq!(found(&special("A", "Sent"), &special("B", "Sent"), ALL), ["A special-use", "B special-use"]);
    assert_eq!(found(&special("A", "Sent"), &plain, ALL), Vec::<String>::new());
}

#[test]
fn a_folder_that_cannot_be_read_is_a_difference_and_the_others_are_compared() {
    let shelf = inbox(vec![mail("one")]).with("A", vec![mail("two")]);
    let broken = shelf.clone().breaking("A", Blast::Folder);
    assert_eq!(found(&shelf, &broken, ALL), ["A folder-unreadable target"]);
    assert_eq!(found(&broken, &inbox(vec![]).with("A", vec![]), ALL), ["A folder-unreadable source", "INBOX item-missing #1"]);
}

#[test]
fn an_error_that_reaches_beyond_the_folder_ends_the_comparison() {
    for blast in [Blast::Mailbox, Blast::Store] {
        let (mut shelf, mut broken) = (inbox(vec![]), inbox(vec![]).breaking("INBOX", blast));
        let error = compare(&mut shelf, &mut broken, ALL, &mut |_| {}).map(|report| report.differing()).map_err(|error| error.cause);
        assert_eq!(error, Err("disk on fire".into()));
    }
}

#[test]
fn the_list_is_limited_and_the_count_is_not() {
    let report =
        compared(&inbox((0..9).map(|number| mail(&number.to_string())).collect()), &inbox(vec![]), Choices { listed_max: 2, ..ALL });
    assert_eq!((report.differences.len(), report.differing(), report.counts["item-missing"]), (2, 9, 9));
}

#[test]
fn progress_grows_over_both_sides() {
    let (mut shelf, mut seen) = (inbox(vec![mail("four"), mail("four")]), Vec::new());
    compare(&mut shelf.clone(), &mut shelf, ALL, &mut |progress| seen.push((progress.side, progress.items, progress.bytes)))
        .expect("it can be read");
    assert_eq!(seen, [(Side::Source, 1, 4), (Side::Source, 2, 8), (Side::Target, 3, 12), (Side::Target, 4, 16)]);
}

#[test]
fn the_json_names_everything_but_the_mail() {
    let source = inbox(vec![mail("Subject: secret\r\n\r\n").marked(1, &["k"])]);
    let target = inbox(vec![mail("Subject: secret\r\n\r\n").dated(-5)]);
    let report = serde_json::to_value(compared(&source, &target, ALL)).expect("it can be written");
    let item = serde_json::json!({ "number": 1, "key": "k0", "size": 19, "digest": Digest::of(b"Subject: secret\r\n\r\n").to_string() });
    let holding = serde_json::json!({ "store": "shelf", "folders": 1, "items": 1, "bytes": 19 });
    let expected = serde_json::json!({
        "source": holding, "target": holding,
        "counts": { "marks-differ": 1, "date-differs": 1 },
        "differences": [
            { "folder": ["INBOX"], "kind": "marks-differ", "item": item, "at_target": item, "source": ["\\Seen", "k"], "target": [] },
            { "folder": ["INBOX"], "kind": "date-differs", "item": item, "at_target": item, "source_s": 1000, "target_s": -5 },
        ],
        "extra_allowed": 0, "subscriptions_compared": false, "special_uses_compared": false,
    });
    assert_eq!(report, expected);
}

#[test]
fn the_kind_of_a_difference_is_the_one_in_the_json() {
    let everything = [
        What::FolderMissing,
        What::FolderExtra,
        What::FolderUnreadable { side: Side::Source, cause: String::new() },
        What::Subscription { source: true, target: false },
        What::SpecialUse { source: None, target: None },
        What::ItemGone { side: Side::Target, number: 1, key: ItemKey(vec![1]) },
        What::ItemUnreadable { side: Side::Target, number: 1, key: ItemKey(vec![1]), cause: String::new() },
    ];
    for what in everything {
        assert_eq!(serde_json::to_value(&what).expect("it can be written")["kind"], what.kind());
    }
}

#[test]
fn a_key_is_shown_as_the_text_it_is_or_as_its_bytes() {
    assert_eq!(ItemKey(b"1700.M1P2.host,S=5".to_vec()).text(), "1700.M1P2.host,S=5");
    assert_eq!([&b""[..], b"a\x1b[m", &[0xff, 0x00]].map(|key| ItemKey(key.to_vec()).text()), ["hex:", "hex:611b5b6d", "hex:ff00"]);
}
