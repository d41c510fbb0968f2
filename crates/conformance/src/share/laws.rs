//! Names, parts, publishing, replacing, claiming, moving and removing.

use std::io::{Read, Seek, SeekFrom};

use mailferry_core::ports::{Claim, Removed, ShareErrorKind, SharePath};

use super::kit::*;

pub fn a_folder_that_is_not_there_is_empty(bench: &dyn Bench) {
    let share = bench.share();
    assert_eq!(listed(&*share, "NTA/OUT"), []);
    assert_eq!(listed(&*share, ""), []);
}

pub fn a_list_names_files_only_sorted_and_with_their_sizes(bench: &dyn Bench) {
    let share = bench.share();
    for (file, bytes) in
        [("IN/b", "22"), ("IN/a", "1"), ("IN/C", "333"), ("IN/a.part", ""), ("IN/deeper/c", "4"), ("INN/d", "5"), ("top", "6")]
    {
        put(&*share, &path(file), 0, bytes.as_bytes()).unwrap();
    }
    assert_eq!(listed(&*share, "IN"), [("C".into(), 3), ("a".into(), 1), ("a.part".into(), 0), ("b".into(), 2)]);
    assert_eq!(listed(&*share, ""), [("top".into(), 1)]);
}

pub fn what_is_not_there_has_no_size_and_cannot_be_opened(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/b"), 0, b"b").unwrap();
    for missing in ["IN/a", "OUT/a", "a"] {
        assert_eq!(share.size(&path(missing)).unwrap(), None);
        assert_eq!(kind(share.open(&path(missing))), Some(ShareErrorKind::NotFound));
    }
}

pub fn a_file_is_read_from_anywhere(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("a"), 0, b"0123456789").unwrap();
    let mut reader = share.open(&path("a")).unwrap();
    let mut three = [0; 3];
    for (from, at, wanted) in [(SeekFrom::Start(4), 4, b"456"), (SeekFrom::End(-3), 7, b"789"), (SeekFrom::Current(-9), 1, b"123")] {
        assert_eq!(reader.seek(from).unwrap(), at);
        reader.read_exact(&mut three).unwrap();
        assert_eq!(&three, wanted);
    }
    assert_eq!(reader.seek(SeekFrom::Start(99)).unwrap(), 99);
    assert_eq!(reader.read(&mut three).unwrap(), 0, "behind the end there is nothing");
    assert!(reader.seek(SeekFrom::End(-11)).is_err());
}

pub fn a_part_begins_empty(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("WORK/a.part"), 0, b"an older and longer one").unwrap();
    put(&*share, &path("WORK/a.part"), 0, b"new").unwrap();
    assert_eq!(read(&*share, &path("WORK/a.part")).unwrap(), b"new");
    drop(share.part(&path("WORK/a.part"), 0).unwrap());
    assert_eq!(share.size(&path("WORK/a.part")).unwrap(), Some(0));
}

pub fn a_part_goes_on_behind_what_is_kept(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("WORK/a.part"), 0, b"0123456789").unwrap();
    put(&*share, &path("WORK/a.part"), 4, b"ab").unwrap();
    assert_eq!(read(&*share, &path("WORK/a.part")).unwrap(), b"0123ab");
    put(&*share, &path("WORK/a.part"), 6, b"c").unwrap();
    assert_eq!(read(&*share, &path("WORK/a.part")).unwrap(), b"0123abc");
}

/// Zeros that nobody wrote would stand where the copy believes its bytes are.
pub fn a_part_never_keeps_more_than_is_there(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("WORK/a.part"), 0, b"0123").unwrap();
    assert_eq!(kind(share.part(&path("WORK/a.part"), 5)), Some(ShareErrorKind::Other));
    assert_eq!(read(&*share, &path("WORK/a.part")).unwrap(), b"0123");
    assert_eq!(kind(share.part(&path("WORK/b.part"), 1)), Some(ShareErrorKind::NotFound));
    assert_eq!(kind(share.part(&path("NEW/b.part"), 1)), Some(ShareErrorKind::NotFound));
    assert_eq!(listed(&*share, "WORK"), [("a.part".into(), 4)]);
}

pub fn nothing_stands_under_the_final_name_before_publishing(bench: &dyn Bench) {
    let share = bench.share();
    let (part, file) = (path("OUT/a.part"), path("OUT/a"));
    put(&*share, &part, 0, b"whole").unwrap();
    assert_eq!((share.size(&file).unwrap(), kind(share.open(&file))), (None, Some(ShareErrorKind::NotFound)));
    share.publish(&part, &file).unwrap();
    assert_eq!(read(&*share, &file).unwrap(), b"whole");
    assert_eq!(listed(&*share, "OUT"), [("a".into(), 5)]);
}

pub fn publishing_never_replaces_a_file(bench: &dyn Bench) {
    let share = bench.share();
    let (part, file) = (path("OUT/a.part"), path("OUT/a"));
    put(&*share, &part, 0, b"first").unwrap();
    share.publish(&part, &file).unwrap();
    put(&*share, &part, 0, b"second").unwrap();
    assert_eq!(kind(share.publish(&part, &file)), Some(ShareErrorKind::Exists));
    assert_eq!(kind(share.publish(&file, &file)), Some(ShareErrorKind::Exists));
    assert_eq!((read(&*share, &file).unwrap(), read(&*share, &part).unwrap()), (b"first".to_vec(), b"second".to_vec()));
}

/// Also where the final name is taken: an agent that has lost an answer is told the same everywhere.
pub fn publishing_what_is_not_there_is_not_found(bench: &dyn Bench) {
    let share = bench.share();
    assert_eq!(kind(share.publish(&path("OUT/a.part"), &path("OUT/a"))), Some(ShareErrorKind::NotFound));
    put(&*share, &path("OUT/a"), 0, b"a").unwrap();
    assert_eq!(kind(share.publish(&path("OUT/a.part"), &path("OUT/a"))), Some(ShareErrorKind::NotFound));
    assert_eq!(read(&*share, &path("OUT/a")).unwrap(), b"a");
}

pub fn a_small_file_is_replaced_whole(bench: &dyn Bench) {
    let share = bench.share();
    for word in ["the first and longest word", "second", ""] {
        share.replace(&path("REP/ack"), word.as_bytes()).unwrap();
        assert_eq!(read(&*share, &path("REP/ack")).unwrap(), word.as_bytes());
        assert_eq!(listed(&*share, "REP"), [("ack".into(), word.len() as u64)], "nothing else is left behind");
    }
}

pub fn readers_of_a_replaced_file_see_the_old_or_the_new(bench: &dyn Bench) {
    let (share, file) = (bench.share(), path("REP/ack"));
    let word = |number: u64| format!("{number} ").repeat(200 + number as usize).into_bytes();
    share.replace(&file, &word(0)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (1..100).for_each(|number| share.replace(&file, &word(number)).unwrap()));
        for _ in 0..100 {
            let seen = read(&*share, &file).unwrap();
            let number = String::from_utf8(seen.clone()).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!(seen == word(number), "half of {number}");
        }
    });
}

pub fn of_many_claims_one_is_won(bench: &dyn Bench) {
    let share = bench.share();
    for round in 0..50 {
        let file = path(&format!("CLAIMS/epoch-{round}"));
        let won = std::thread::scope(|scope| {
            let claim = || share.claim(&file, b"me").unwrap() == Claim::Won;
            let claims: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}

pub fn a_claim_keeps_the_word_of_the_winner(bench: &dyn Bench) {
    let share = bench.share();
    assert_eq!(share.claim(&path("CLAIMS/1"), b"A").unwrap(), Claim::Won);
    assert_eq!(share.claim(&path("CLAIMS/1"), b"B").unwrap(), Claim::Taken);
    assert_eq!(read(&*share, &path("CLAIMS/1")).unwrap(), b"A");
}

pub fn a_move_makes_the_folder_and_never_replaces(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/a"), 0, b"first").unwrap();
    share.move_to(&path("IN/a"), &path("STALE/x/a")).unwrap();
    assert_eq!((listed(&*share, "IN"), listed(&*share, "STALE/x")), (vec![], vec![("a".into(), 5)]));
    put(&*share, &path("IN/a"), 0, b"second").unwrap();
    assert_eq!(kind(share.move_to(&path("IN/a"), &path("STALE/x/a"))), Some(ShareErrorKind::Exists));
    assert_eq!(read(&*share, &path("IN/a")).unwrap(), b"second");
    assert_eq!(read(&*share, &path("STALE/x/a")).unwrap(), b"first");
}

pub fn a_move_of_what_is_not_there_is_not_found(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("STALE/b"), 0, b"b").unwrap();
    for to in ["STALE/a", "STALE/b", "NEW/a"] {
        assert_eq!(kind(share.move_to(&path("IN/a"), &path(to))), Some(ShareErrorKind::NotFound));
    }
    assert_eq!(read(&*share, &path("STALE/b")).unwrap(), b"b");
}

/// R50.
pub fn removing_what_is_not_there_counts_as_deleted(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/a"), 0, b"a").unwrap();
    assert_eq!(share.remove(&path("IN/a")).unwrap(), Removed::Deleted);
    for missing in ["IN/a", "OUT/x/a", "a"] {
        assert_eq!(share.remove(&path(missing)).unwrap(), Removed::NotFound);
    }
    assert_eq!(share.size(&path("IN/a")).unwrap(), None);
}

pub fn names_are_kept_as_they_are(bench: &dyn Bench) {
    let share = bench.share();
    let long = ["n".repeat(255), "ü".repeat(127), format!("{}\u{1F4EC}", "n".repeat(251))];
    let odd = [
        "a b",
        " lead",
        ".hidden",
        "-rf",
        "~",
        "$x",
        "'q'",
        "a&b",
        "%2e",
        "Entwürfe",
        "Entwu\u{308}rfe",
        "台北",
        "\u{1F4EC}",
        "a;b",
        "#",
        "a.part.part",
    ];
    let mut names: Vec<String> = odd.into_iter().map(String::from).chain(long).collect();
    for (number, name) in names.iter().enumerate() {
        let file = path("IN").join(name).unwrap();
        match number % 3 {
            0 => put(&*share, &file, 0, name.as_bytes()).unwrap(),
            1 => share.replace(&file, name.as_bytes()).unwrap(),
            _ => assert_eq!(share.claim(&file, name.as_bytes()).unwrap(), Claim::Won),
        }
    }
    for name in &names {
        let file = path("IN").join(name).unwrap();
        share.replace(&file, name.as_bytes()).unwrap();
        assert_eq!(read(&*share, &file).unwrap(), name.as_bytes());
    }
    names.sort();
    assert_eq!(listed(&*share, "IN").into_iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
}

/// A folder has no size, cannot be opened, removed, moved or published; its name is taken.
pub fn a_folder_is_no_file(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/T1/a"), 0, b"a").unwrap();
    put(&*share, &path("IN/b"), 0, b"b").unwrap();
    let folder = path("IN/T1");
    for _ in ["with a file in it", "empty"] {
        assert_eq!(share.size(&folder).unwrap(), None);
        assert_eq!(kind(share.open(&folder)), Some(ShareErrorKind::NotFound));
        assert_eq!(share.remove(&folder).unwrap(), Removed::NotFound);
        assert_eq!(kind(share.move_to(&folder, &path("IN/T2"))), Some(ShareErrorKind::NotFound));
        assert_eq!(kind(share.publish(&folder, &path("IN/T2"))), Some(ShareErrorKind::NotFound));
        assert_eq!(kind(share.move_to(&path("IN/b"), &folder)), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.publish(&path("IN/b"), &folder)), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.part(&folder, 0)), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.replace(&folder, b"x")), Some(ShareErrorKind::Exists));
        assert_eq!(share.claim(&folder, b"x").unwrap(), Claim::Taken);
        assert_eq!(listed(&*share, "IN"), [("b".into(), 1)]);
        share.remove(&path("IN/T1/a")).unwrap();
    }
}

/// Below a file there is nothing, and nothing can be put there.
pub fn a_file_is_no_folder(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/a"), 0, b"a").unwrap();
    put(&*share, &path("IN/b"), 0, b"b").unwrap();
    let below: SharePath = path("IN/a/b/c");
    for below in [path("IN/a/b"), below] {
        assert_eq!((share.size(&below).unwrap(), share.remove(&below).unwrap()), (None, Removed::NotFound));
        assert_eq!(share.list(&below).unwrap(), []);
        assert_eq!(kind(share.open(&below)), Some(ShareErrorKind::NotFound));
        assert_eq!(kind(share.part(&below, 0)), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.part(&below, 1)), Some(ShareErrorKind::NotFound));
        assert_eq!(kind(share.replace(&below, b"x")), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.claim(&below, b"x")), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.move_to(&path("IN/b"), &below)), Some(ShareErrorKind::Exists));
        assert_eq!(kind(share.publish(&path("IN/b"), &below)), Some(ShareErrorKind::NotFound));
    }
    assert_eq!(listed(&*share, "IN/a"), []);
    assert_eq!(listed(&*share, "IN"), [("a".into(), 1), ("b".into(), 1)]);
}

pub fn room_is_unknown_or_adds_up(bench: &dyn Bench) {
    if let Some(space) = bench.share().space().unwrap() {
        assert!(0 < space.total_bytes && space.free_bytes <= space.total_bytes, "{space:?}");
    }
}
