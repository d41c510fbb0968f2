//! What an open file sees of what happens to its name, and what is seen of it.

use std::io::Read;

use mailferry_core::ports::{Removed, Share, ShareError, ShareErrorKind};

use super::kit::*;

/// What happens to a file that is open.
type Happening = fn(&dyn Share) -> Result<(), ShareError>;

/// Windows may refuse to touch a file that is open, and says that it is busy.
pub fn a_reader_keeps_what_it_has_opened(bench: &dyn Bench) {
    let share = bench.share();
    let happenings: [Happening; 3] = [
        |share| share.remove(&path("IN/a")).map(|removed| assert_eq!(removed, Removed::Deleted)),
        |share| share.replace(&path("IN/a"), b"another"),
        |share| share.move_to(&path("IN/a"), &path("STALE/a")),
    ];
    for happens in happenings {
        share.replace(&path("IN/a"), b"what was there").unwrap();
        let mut reader = share.open(&path("IN/a")).unwrap();
        let mut beginning = [0; 4];
        reader.read_exact(&mut beginning).unwrap();
        match happens(&*share) {
            Err(error) if cfg!(windows) => assert_eq!(error.kind, ShareErrorKind::Busy),
            happened => happened.unwrap(),
        }
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!((&beginning, rest.as_slice()), (b"what", b" was there".as_slice()));
    }
}

/// A file whose writer goes on after another has removed it does not come back. On Windows its name may stay for as long as it is open.
pub fn what_is_written_into_a_removed_file_is_seen_by_nobody(bench: &dyn Bench) {
    let share = bench.share();
    let mut part = share.part(&path("WORK/a.part"), 0).unwrap();
    part.write_all(b"one").unwrap();
    part.sync().unwrap();
    share.remove(&path("WORK/a.part")).unwrap();
    part.write_all(b"two").unwrap();
    part.sync().unwrap();
    if cfg!(windows) && !listed(&*share, "WORK").is_empty() {
        drop(part);
        assert_eq!(listed(&*share, "WORK"), []);
        return;
    }
    assert_eq!(listed(&*share, "WORK"), []);
    put(&*share, &path("WORK/a.part"), 0, b"of another").unwrap();
    part.write_all(b"three").unwrap();
    part.sync().unwrap();
    assert_eq!(read(&*share, &path("WORK/a.part")).unwrap(), b"of another");
}

pub fn what_is_written_after_a_rename_follows_the_file(bench: &dyn Bench) {
    let share = bench.share();
    let mut part = share.part(&path("WORK/a.part"), 0).unwrap();
    part.write_all(b"one").unwrap();
    part.sync().unwrap();
    share.publish(&path("WORK/a.part"), &path("WORK/a")).unwrap();
    part.write_all(b" two").unwrap();
    part.sync().unwrap();
    assert_eq!(listed(&*share, "WORK"), [("a".into(), 7)]);
}

/// As after a node that was cut off in the middle of a copy comes back.
pub fn two_writers_of_one_file_each_write_where_they_stand(bench: &dyn Bench) {
    let share = bench.share();
    let mut old = share.part(&path("IN/a.part"), 0).unwrap();
    old.write_all(b"0123456789").unwrap();
    old.sync().unwrap();
    let mut new = share.part(&path("IN/a.part"), 3).unwrap();
    new.write_all(b"abc").unwrap();
    new.sync().unwrap();
    assert_eq!(read(&*share, &path("IN/a.part")).unwrap(), b"012abc");
    old.write_all(b"xy").unwrap();
    old.sync().unwrap();
    assert_eq!(read(&*share, &path("IN/a.part")).unwrap(), b"012abc\0\0\0\0xy");
}

pub fn parts_are_listed_under_their_own_names(bench: &dyn Bench) {
    let share = bench.share();
    let mut part = share.part(&path("IN/a.NODE1.part"), 0).unwrap();
    assert_eq!(listed(&*share, "IN"), [("a.NODE1.part".into(), 0)]);
    part.write_all(b"12345").unwrap();
    part.sync().unwrap();
    put(&*share, &path("IN/b"), 0, b"b").unwrap();
    assert_eq!(listed(&*share, "IN"), [("a.NODE1.part".into(), 5), ("b".into(), 1)]);
    drop(part);
    assert_eq!(listed(&*share, "IN").len(), 2);
}
