//! What holds of appending, finding again, changing, moving and deleting (R40-R43).

use std::collections::HashSet;

use mailferry_core::model::{Digest, Flags, FolderPath, TargetId, Token};
use mailferry_core::ports::{ShownAs, Walked, Wanted};

use super::kit::*;

pub fn a_flushed_item_is_found_and_read_back(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    let mut given = envelope(1);
    given.marks = marks(Flags::SEEN.with(Flags::FLAGGED), &["$Forwarded", "work"]);
    let appended = append(&mut *target, &inbox, &given, &body(1));
    assert!(appended.keywords_lost.is_empty());
    target.flush().expect("a flush");
    drop(target);
    assert_eq!(locate(&mut *bench.target(), &inbox, 1..2), [Some(appended.id)]);
    let items = seen(bench, &inbox);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].body, body(1));
    assert_eq!(items[0].item.marks, given.marks);
    assert_eq!(items[0].item.date.seconds, given.date.seconds);
    assert!(items[0].item.size.is_none_or(|size| size == body(1).len() as u64));
}

pub fn what_was_not_flushed_is_gone_or_whole(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    fill(&mut *target, &inbox, 0..3);
    for number in 3..6 {
        append(&mut *target, &inbox, &envelope(number), &body(number));
    }
    drop(target);
    let found = locate(&mut *bench.target(), &inbox, 0..6);
    assert!(found[..3].iter().all(Option::is_some), "flushed items must be there: {found:?}");
    let kept = found.iter().take_while(|id| id.is_some()).count();
    assert!(found[kept..].iter().all(Option::is_none), "what happened must be a prefix: {found:?}");
    assert!(!bench.limits().unflushed_is_gone || kept == 3);
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, (0..kept as u8).map(body).collect::<Vec<_>>());
}

pub fn an_append_done_again_does_not_double(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let first = fill(&mut *bench.target(), &inbox, 0..3);
    let again = fill(&mut *bench.target(), &inbox, 0..3);
    if !bench.limits().dedupes {
        assert_eq!(seen(bench, &inbox).len(), 6, "a store that keeps both shows both");
        return;
    }
    assert_eq!(first, again);
    assert_eq!(seen(bench, &inbox).len(), 3);
}

pub fn an_unknown_item_is_not_found(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..2);
    ensure(&mut *target, &other);
    assert_eq!(locate(&mut *target, &inbox, 5..6), [None]);
    assert_eq!(locate(&mut *target, &other, 0..2), [None, None]);
    assert_eq!(target.set_marks(&other, &ids[0], &marks(Flags::SEEN, &[])).expect("an answer"), None);
    assert_eq!(target.move_item(&other, &ids[0], &folder("Other")).expect("an answer"), None);
}

pub fn an_item_is_found_whatever_a_client_did_to_its_flags(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..1);
    ensure(&mut *target, &other);
    if !bench.client_marks_seen(&inbox) {
        return;
    }
    assert_eq!(seen(bench, &inbox)[0].item.marks.flags, Flags::SEEN, "the bench plays a client that works");
    assert_eq!(locate(&mut *target, &inbox, 0..1), [Some(ids[0].clone())]);
    let mut later = bench.target();
    assert_eq!(locate(&mut *later, &inbox, 0..1), [Some(ids[0].clone())]);
    if bench.limits().dedupes {
        append(&mut *later, &inbox, &envelope(0), &body(0));
        later.flush().expect("a flush");
        assert_eq!(seen(bench, &inbox).len(), 1, "appended again, it is not doubled");
    }
    drop(later);
    assert!(target.move_item(&inbox, &ids[0], &other).expect("a move").is_some());
    target.flush().expect("a flush");
    drop(target);
    assert_eq!((seen(bench, &inbox).len(), seen(bench, &other).len()), (0, 1));
    assert_eq!(seen(bench, &other)[0].item.marks.flags, Flags::SEEN, "a move keeps what the user did");
}

pub fn a_client_that_acts_between_staging_and_flush_loses_nothing(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..1);
    ensure(&mut *target, &other);
    let moved = target.move_item(&inbox, &ids[0], &other).expect("a move").expect("it is there");
    if bench.limits().clients_wait || !bench.client_marks_seen(&inbox) {
        return;
    }
    target.flush().expect("a flush");
    assert_eq!((seen(bench, &inbox).len(), seen(bench, &other).len()), (0, 1));
    assert!(bench.client_marks_seen(&other));
    target.remove(&other, &moved).expect("a removal");
    target.flush().expect("a flush");
    assert!(seen(bench, &other).is_empty());
}

pub fn new_marks_replace_the_old(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..3);
    for marks in [marks(Flags::SEEN.with(Flags::DRAFT), &["one", "two"]), marks(Flags::ANSWERED, &["two"]), marks(Flags::DELETED, &[])] {
        for _ in 0..2 {
            let id = target.set_marks(&inbox, &ids[1], &marks).expect("new marks").expect("the item is there");
            target.flush().expect("a flush");
            assert_eq!(locate(&mut *target, &inbox, 1..2), [Some(id)]);
        }
        let items = seen(bench, &inbox);
        assert_eq!(items.len(), 3);
        assert_eq!(items[1].item.marks, marks);
        assert_eq!(items[1].body, body(1));
        assert_eq!(items[0].item.marks, envelope(0).marks);
    }
}

pub fn marks_of_an_unflushed_item_are_kept(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    ensure(&mut *target, &other);
    let id = append(&mut *target, &inbox, &envelope(1), &body(1)).id;
    let gone = append(&mut *target, &inbox, &envelope(2), &body(2)).id;
    let marks = marks(Flags::FLAGGED, &["kept"]);
    let id = target.set_marks(&inbox, &id, &marks).expect("new marks").expect("staged items are there");
    target.remove(&inbox, &gone).expect("a removal");
    let id = target.move_item(&inbox, &id, &other).expect("a move").expect("staged items are there");
    target.flush().expect("a flush");
    assert_eq!(locate(&mut *target, &other, 1..2), [Some(id)]);
    drop(target);
    assert!(seen(bench, &inbox).is_empty());
    let items = seen(bench, &other);
    assert_eq!((items.len(), &items[0].item.marks, &items[0].body), (1, &marks, &body(1)));
}

pub fn a_move_is_seen_as_a_move(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..3);
    ensure(&mut *target, &other);
    target.flush().expect("a flush");
    let before = seen(bench, &inbox);
    let id = target.move_item(&inbox, &ids[1], &other).expect("a move").expect("the item is there");
    target.flush().expect("a flush");
    assert_eq!(locate(&mut *target, &inbox, 1..2), [None]);
    assert_eq!(locate(&mut *target, &other, 1..2), [Some(id)]);
    let after = seen(bench, &other);
    assert_eq!((after.len(), &after[0].body), (1, &before[1].body));
    assert_eq!(after[0].item.date.seconds, before[1].item.date.seconds);
    assert!(!bench.limits().move_hints || after[0].item.move_hint.is_some());
    assert_eq!(after[0].item.move_hint, before[1].item.move_hint);
    assert_eq!(seen(bench, &inbox).len(), 2);
}

pub fn a_move_done_again_changes_nothing(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..2);
    ensure(&mut *target, &other);
    let first = target.move_item(&inbox, &ids[0], &other).expect("a move");
    target.flush().expect("a flush");
    let state = contents(bench);
    for mut target in [target, bench.target()] {
        // A store that gives it another id does not know it by the old one: it is looked for, as the target agent does.
        let again = target.move_item(&inbox, &ids[0], &other).expect("a move");
        assert_eq!(again.or_else(|| locate(&mut *target, &other, 0..1).remove(0)), first);
        target.flush().expect("a flush");
    }
    assert_eq!(contents(bench), state);
}

pub fn a_removal_done_again_changes_nothing(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..3);
    for _ in 0..2 {
        target.remove(&inbox, &ids[1]).expect("a removal");
        target.flush().expect("a flush");
        let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, [body(0), body(2)]);
    }
    assert_eq!(locate(&mut *target, &inbox, 1..2), [None]);
}

pub fn an_item_moved_there_and_back_before_a_flush_is_there_once(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    ensure(&mut *target, &other);
    let mut ids = fill(&mut *target, &inbox, 0..2);
    ids.push(append(&mut *target, &inbox, &envelope(2), &body(2)).id);
    let marks = marks(Flags::FLAGGED, &["kept"]);
    for id in ids {
        let id = target.move_item(&inbox, &id, &other).expect("a move").expect("it is there");
        let id = target.set_marks(&other, &id, &marks).expect("new marks").expect("it is there");
        target.move_item(&other, &id, &inbox).expect("a move").expect("it is there");
    }
    target.flush().expect("a flush");
    drop(target);
    let mut items = seen(bench, &inbox);
    items.sort_by(|one, other| one.body.cmp(&other.body));
    assert_eq!(items.iter().map(|seen| seen.body.clone()).collect::<Vec<_>>(), [body(0), body(1), body(2)]);
    assert!(items.iter().all(|seen| seen.item.marks == marks) && seen(bench, &other).is_empty());
}

/// Changes are staged in the order of the calls: later calls see the removal, though the item is still on disk.
pub fn what_is_staged_for_removal_is_gone_for_all_that_follows(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    ensure(&mut *target, &other);
    let ids = fill(&mut *target, &inbox, 0..3);
    for id in &ids {
        target.remove(&inbox, id).expect("a removal");
    }
    assert_eq!(target.set_marks(&inbox, &ids[0], &marks(Flags::SEEN, &[])).expect("an answer"), None);
    assert_eq!(target.move_item(&inbox, &ids[1], &other).expect("an answer"), None);
    assert_eq!(locate(&mut *target, &inbox, 0..3), [None, None, None]);
    let again = append(&mut *target, &inbox, &envelope(2), &body(2)).id;
    assert_eq!(locate(&mut *target, &inbox, 0..3), [None, None, Some(again)]);
    target.flush().expect("a flush");
    drop(target);
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!((bodies, seen(bench, &other)), (vec![body(2)], vec![]));
}

pub fn an_item_staged_removed_and_staged_again_is_there_once(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    fill(&mut *target, &inbox, 0..1);
    for _ in 0..2 {
        let id = append(&mut *target, &inbox, &envelope(1), &body(1)).id;
        target.remove(&inbox, &id).expect("a removal");
    }
    append(&mut *target, &inbox, &envelope(1), &body(1));
    target.flush().expect("a flush");
    assert!(locate(&mut *target, &inbox, 0..2).iter().all(Option::is_some));
    drop(target);
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [body(0), body(1)]);
}

pub fn a_removed_item_can_come_again_with_other_bytes(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let id = fill(&mut *target, &inbox, 0..1).remove(0);
    target.flush().expect("a flush");
    target.remove(&inbox, &id).expect("a removal");
    target.flush().expect("a flush");
    append(&mut *target, &inbox, &envelope(0), b"Subject: other bytes\n\nunder the same token\n");
    target.flush().expect("a flush");
    drop(target);
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [b"Subject: other bytes\n\nunder the same token\n".to_vec()]);
}

pub fn what_a_user_deleted_stays_deleted(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..3);
    ensure(&mut *target, &other);
    target.flush().expect("a flush");
    if !bench.client_empties(&inbox) {
        return;
    }
    let marked = target.set_marks(&inbox, &ids[0], &marks(Flags::SEEN, &[])).expect("an answer");
    assert!(marked.is_none() || bench.limits().removed_lingers);
    assert_eq!(target.move_item(&inbox, &ids[1], &other).expect("an answer"), None);
    target.remove(&inbox, &ids[2]).expect("counts as deleted");
    target.flush().expect("a flush");
    assert_eq!(locate(&mut *target, &inbox, 0..3), [None, None, None]);
    assert!(contents(bench).values().all(Vec::is_empty));
}

pub fn twins_are_both_kept(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for number in 0..3 {
        append(&mut *target, &inbox, &envelope(number), b"Subject: twin\n\nequal\n");
    }
    target.flush().expect("a flush");
    drop(target);
    let items = seen(bench, &inbox);
    assert_eq!(items.len(), 3);
    let mut keys: Vec<_> = items.iter().map(|seen| seen.item.key.clone()).collect();
    keys.dedup();
    assert_eq!(keys.len(), 3, "keys are unique");
    assert!(items.iter().all(|seen| seen.body == b"Subject: twin\n\nequal\n"));
}

/// Equal bytes: a store that keeps tokens has these to tell them apart, another only the dates.
pub fn a_twin_is_known_by_its_token_or_its_date(bench: &dyn Bench) {
    let (inbox, body) = (folder("INBOX"), b"Subject: twin\n\nequal\n");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for number in 0..3 {
        append(&mut *target, &inbox, &envelope(number), body);
    }
    target.flush().expect("a flush");
    drop(target);
    let mut target = bench.target();
    let dated = |number: u8| {
        let (digest, size) = (Digest::of(body), body.len() as u64);
        [Wanted { digest, size, date: Some(envelope(number).date.seconds), ..wanted(number) }]
    };
    let id = target.locate(&inbox, &dated(1)).expect("an answer").remove(0).expect("found");
    let date = target.tells_by_bytes().then(|| envelope(1).date.seconds);
    assert_eq!(target.date_of(&inbox, &id).expect("an answer"), date, "whoever is known by it has kept it");
    target.remove(&inbox, &id).expect("a removal");
    target.flush().expect("a flush");
    assert_eq!(target.date_of(&inbox, &id).expect("an answer"), None, "it is not there");
    assert_eq!(target.locate(&inbox, &dated(7)).expect("an answer"), [None], "neither its token nor its date");
    drop(target);
    let left: Vec<i64> = seen(bench, &inbox).iter().map(|seen| seen.item.date.seconds).collect();
    assert_eq!(left, [envelope(0).date.seconds, envelope(2).date.seconds]);
}

/// A target that is to hold what is sent already knows it by its bytes, by its date where one is given, and each for one item only (R83).
pub fn what_others_have_put_there_is_adopted_once(bench: &dyn Bench) {
    let (inbox, twin) = (folder("INBOX"), b"Subject: twin\n\nequal\n");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    append(&mut *target, &inbox, &envelope(9), b"Subject: ours\n\nours\n");
    target.flush().expect("a flush");
    drop(target);
    let dates = [1_500_000_001, 1_500_000_002];
    if !dates.iter().all(|date| bench.client_adds(&inbox, twin, *date)) {
        return;
    }
    let mut target = bench.target();
    target.adopt(HashSet::new()).expect("this store can");
    assert!(target.tells_by_bytes());
    let asked = |number: u8, date: Option<i64>| {
        [Wanted { token: Token([number; 16]), digest: Digest::of(twin), likeness: None, size: twin.len() as u64, date }]
    };
    assert!(target.asks_for_claims(&inbox).expect("an answer"), "whose is what stands there?");
    target.claim(&inbox, Vec::new());
    let mut find = |number, date| target.locate(&inbox, &asked(number, date)).expect("an answer").remove(0);
    assert_eq!(find(1, Some(1_500_000_009)), None, "another date");
    let second = find(2, Some(dates[1])).expect("it is there");
    assert_eq!(find(3, Some(dates[1])), None, "it is another one's");
    let first = find(4, None).expect("its twin is there");
    assert_ne!(first, second);
    assert_eq!(find(5, None), None, "there are no more");
    let marked = target.set_marks(&inbox, &second, &marks(Flags::FLAGGED, &[])).expect("an answer").expect("it is there");
    target.flush().expect("a flush");
    drop(target);

    // Another run is told whose it is.
    let mut target = bench.target();
    target.adopt(HashSet::new()).expect("this store can");
    assert!(target.asks_for_claims(&inbox).expect("an answer"));
    target.claim(&inbox, vec![marked]);
    assert_eq!(target.locate(&inbox, &asked(6, Some(dates[1]))).expect("an answer"), [None]);
    assert!(target.locate(&inbox, &asked(7, None)).expect("an answer")[0].is_some());
    drop(target);
    let found: Vec<(i64, bool)> = seen(bench, &inbox)
        .iter()
        .filter(|seen| seen.body == twin)
        .map(|seen| (seen.item.date.seconds, seen.item.marks.flags.contains(Flags::FLAGGED)))
        .collect();
    assert_eq!(found, [(dates[0], false), (dates[1], true)]);
}

/// So that a manifest can be checked: items are asked for by the ids that were written down.
pub fn what_a_target_has_named_a_source_shows_under_that_name(bench: &dyn Bench) {
    let (inbox, other) = (folder("INBOX"), folder("Other"));
    let mut target = bench.target();
    fill(&mut *target, &inbox, 0..4);
    ensure(&mut *target, &other);
    target.flush().expect("a flush");
    let ids: Vec<TargetId> = locate(&mut *target, &inbox, 0..4).into_iter().map(|id| id.expect("it is there")).collect();
    let new = target.set_marks(&inbox, &ids[1], &marks(Flags::FLAGGED, &[])).expect("an answer").expect("it is there");
    let moved = target.move_item(&inbox, &ids[2], &other).expect("an answer").expect("it is there");
    target.remove(&inbox, &ids[3]).expect("an answer");
    target.flush().expect("a flush");
    drop(target);
    let mut source = bench.source();
    source.folders().expect("folders");
    let mut read_as = |folder: &FolderPath, id: &TargetId| match source.shown_as(folder, id).expect("an answer") {
        ShownAs::Key(key) => read(&mut *source, folder, &key),
        ShownAs::NotThere => None,
        ShownAs::Renamed(how) => panic!("nothing was renamed: {how}"),
    };
    assert_eq!(read_as(&inbox, &ids[0]), Some(body(0)));
    assert_eq!(read_as(&inbox, &new), Some(body(1)));
    assert_eq!(read_as(&other, &moved), Some(body(2)));
    if !bench.limits().removed_lingers {
        assert_eq!(read_as(&inbox, &ids[3]), None, "what is removed is not shown");
    }
    assert_eq!(read_as(&inbox, &TargetId(b"no id of this store".to_vec())), None);
}

pub fn keys_are_the_same_at_every_pass(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..5);
    let before = seen(bench, &inbox);
    assert_eq!(seen(bench, &inbox), before, "nothing changed, nothing differs");
    target.set_marks(&inbox, &ids[2], &marks(Flags::SEEN, &["x"])).expect("new marks");
    target.remove(&inbox, &ids[0]).expect("a removal");
    target.flush().expect("a flush");
    fill(&mut *target, &inbox, 5..7);
    let keys = |items: &[Seen]| items.iter().map(|seen| seen.item.key.clone()).collect::<Vec<_>>();
    let after = seen(bench, &inbox);
    assert_eq!(keys(&after)[..4], keys(&before)[1..]);
    assert_eq!(after.len(), 6);
}

pub fn a_walk_shows_what_a_scan_shows(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..7);
    target.set_marks(&inbox, &ids[2], &marks(Flags::SEEN, &["x"])).expect("new marks");
    target.remove(&inbox, &ids[4]).expect("a removal");
    target.flush().expect("a flush");
    let scanned = seen(bench, &inbox);
    let mut source = bench.source();
    if !source.walk(&inbox).expect("an answer") {
        return;
    }
    let mut walked = Vec::new();
    loop {
        let item = match source.step().expect("the next one") {
            Walked::Item(item) => item,
            other => {
                assert_eq!(other, Walked::End, "nothing is out of the ordinary");
                break;
            }
        };
        // What nobody opens passes by.
        let body = (walked.len() != 1).then(|| read(&mut *source, &inbox, &item.key).expect("its bytes come next"));
        walked.push((item, body));
    }
    assert_eq!(walked.len(), scanned.len());
    for (at, ((item, body), Seen { item: expected, body: bytes })) in walked.into_iter().zip(scanned).enumerate() {
        assert_eq!((&item.key, &item.marks, item.date), (&expected.key, &expected.marks, expected.date));
        assert_eq!(body, (at != 1).then_some(bytes));
    }
}

pub fn an_item_that_went_away_is_no_error(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    let ids = fill(&mut *target, &inbox, 0..2);
    let mut source = bench.source();
    let mut keys = Vec::new();
    source
        .scan(&inbox, &mut |item| {
            keys.push(item.key);
            Ok(())
        })
        .expect("a scan");
    target.remove(&inbox, &ids[0]).expect("a removal");
    target.set_marks(&inbox, &ids[1], &marks(Flags::SEEN, &[])).expect("new marks");
    target.flush().expect("a flush");
    let gone = read(&mut *source, &inbox, &keys[0]);
    assert!(gone.is_none() || bench.limits().removed_lingers && gone == Some(body(0)));
    assert_eq!(read(&mut *source, &inbox, &keys[1]), Some(body(1)));
}

pub fn a_flush_of_nothing_is_nothing(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    fill(&mut *target, &inbox, 0..1);
    target.flush().expect("a flush");
    target.flush().expect("a flush");
    drop(target);
    assert_eq!(seen(bench, &inbox).len(), 1);
}
