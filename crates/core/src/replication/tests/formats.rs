//! Files of the version before, and of the one after.

use super::*;
use crate::model::Digest;

/// Where version 2 has the times of the first and the last change set.
const TIMES: std::ops::Range<usize> = 104..120;

/// The same content as a program of version 1 and schema 1 wrote it.
fn as_version_1(content: &[u8]) -> Vec<u8> {
    let body = &content[..content.len() - sealed::SEAL_BYTES];
    let mut old = [&body[..TIMES.start], &body[TIMES.end..]].concat();
    old[8..10].copy_from_slice(&1u16.to_le_bytes());
    old[12..16].copy_from_slice(&1u32.to_le_bytes());
    sealed_again(old)
}

fn sealed_again(mut body: Vec<u8>) -> Vec<u8> {
    let seal = Digest::of(&body);
    body.extend_from_slice(&seal.0);
    body
}

#[test]
fn files_of_version_1_are_replayed_and_their_times_are_not_known() {
    let (mut active, mut standby) = active_and_standby();
    for ending in [".snap", ".chg"] {
        active.ship_to(&standby).unwrap();
        let (name, content) = standby.disk.file(ending);
        standby.disk.place(&name, as_version_1(&content));
        let replayed = standby.replay().unwrap();
        assert_eq!((replayed.refused, replayed.wants, replayed.blocked), (Vec::new(), None, None));
        assert_equal(&active, &standby);
        assert_eq!(standby.db.times().unwrap().committed_ms, 0);
        active.set("second", "2");
    }
}

#[test]
fn files_of_a_later_version_wait_where_they_are_and_say_so() {
    for ending in [".snap", ".chg"] {
        let (mut active, mut standby) = paired();
        if ending == ".snap" {
            active.db.begin_epoch(Epoch(2)).unwrap();
        }
        active.set("second", "2");
        active.ship_to(&standby).unwrap();
        let (name, content) = standby.disk.file(ending);
        let mut later = content[..content.len() - sealed::SEAL_BYTES].to_vec();
        later[8..10].copy_from_slice(&3u16.to_le_bytes());
        standby.disk.place(&name, sealed_again(later));
        let replayed = standby.replay().unwrap();
        assert_eq!((replayed.refused, replayed.wants), (Vec::new(), None));
        assert!(replayed.blocked.is_some_and(|why| why.contains("format version 3, this program knows 2")));
        assert!(standby.disk.names().contains(&name));
        standby.disk.place(&name, content);
        standby.replay().unwrap();
        assert_equal(&active, &standby);
    }
}
