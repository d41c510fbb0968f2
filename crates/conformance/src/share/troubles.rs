//! Disks that are away, full, or refuse.

use mailferry_core::ports::ShareErrorKind;

use super::kit::*;

pub fn a_share_that_is_away_is_unreachable_not_empty(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/a"), 0, b"a").unwrap();
    bench.set_away(true);
    let (here, missing) = (path("IN/a"), path("IN/b"));
    let answers = [
        kind(share.list(&path("IN"))),
        kind(share.list(&path("OUT"))),
        kind(share.size(&here)),
        kind(share.size(&missing)),
        kind(share.open(&here)),
        kind(share.open(&missing)),
        kind(share.part(&missing, 0)),
        kind(share.part(&here, 1)),
        kind(share.publish(&here, &missing)),
        kind(share.replace(&here, b"x")),
        kind(share.claim(&missing, b"x")),
        kind(share.move_to(&here, &missing)),
        kind(share.remove(&here)),
        kind(share.remove(&missing)),
        kind(share.space()),
    ];
    bench.set_away(false);
    assert_eq!(answers, [Some(ShareErrorKind::Unreachable); 15]);
    assert_eq!(listed(&*share, "IN"), [("a".into(), 1)]);
}

pub fn a_share_that_comes_back_holds_what_it_held(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/a"), 0, b"a").unwrap();
    for _ in 0..3 {
        bench.set_away(true);
        assert!(share.replace(&path("IN/b"), b"b").is_err());
        bench.set_away(false);
        assert_eq!((listed(&*share, ""), listed(&*share, "IN")), (vec![], vec![("a".into(), 1)]));
    }
}

pub fn a_full_disk_says_so_and_shows_nothing(bench: &dyn Bench) {
    let share = bench.share();
    put(&*share, &path("IN/old"), 0, b"old").unwrap();
    if !bench.fill_up() {
        return;
    }
    put(&*share, &path("IN/old"), 3, b"").ok();
    let big = vec![7; 1 << 20];
    assert_eq!(put(&*share, &path("IN/new.part"), 0, &big), Err(ShareErrorKind::NoSpace));
    assert_eq!(kind(share.replace(&path("IN/old"), &big)), Some(ShareErrorKind::NoSpace));
    assert_eq!(share.size(&path("IN/new")).unwrap(), None);
    assert_eq!(read(&*share, &path("IN/old")).unwrap(), b"old", "replaced whole or not at all");
    assert!(listed(&*share, "IN").iter().all(|(name, _)| name == "old" || name == "new.part"), "{:?}", listed(&*share, "IN"));
    share.remove(&path("IN/old")).unwrap();
}

pub fn a_denied_deletion_says_so_and_keeps_the_file(bench: &dyn Bench) {
    let share = bench.share();
    let file = path("NTA/OUT/T1/a");
    put(&*share, &file, 0, b"a").unwrap();
    if !bench.deny_deletion(&file) {
        return;
    }
    assert_eq!(kind(share.remove(&file)), Some(ShareErrorKind::Denied));
    assert_eq!(read(&*share, &file).unwrap(), b"a");
}
