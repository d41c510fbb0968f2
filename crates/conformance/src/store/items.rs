//! Odd messages, dates and keywords come back as they were (T07-T11, T19).

use mailferry_core::model::{Digest, Flags, InternalDate, Keywords};
use mailferry_core::ports::Wanted;

use super::kit::*;

fn odd() -> Vec<Vec<u8>> {
    let mut odd: Vec<Vec<u8>> = [
        &b""[..],
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\n\n\n\n",
        b"x",
        b"no final line end",
        b"Subject: a\n\nno final line end",
        b"Subject: header only\n",
        b"Subject: header only\n\n",
        b"Subject: a\r\n\r\nbody\r\n",
        b"Subject: a\r\n\r\nbody\r\n\r\n\r\n",
        b"Subject: a\n\nends in blank lines\n\n\n",
        b"Subject: a\n\nbare\rreturns\r\r\nand mixed\r\nends\n",
        b"Subject: a\n\nNUL \0 and \0\0\n",
        b"Subject: \xe4\xf6\xfc raw\n\n\xff\xfe\n",
        b"From a@b Thu Nov 30 23:59:59 2017\nSubject: a\n\nx\n",
        b">From a@b Thu Nov 30 23:59:59 2017\nSubject: a\n\nx\n",
        b"Subject: a\n\nFrom a@b Thu Nov 30 23:59:59 2017\n\nFrom a@b Thu Nov 30 23:59:59 2017\n",
        b"Subject: a\n\n>From x\n>>From x\n>>>From \n> From\n From x\nFromage\n",
        b"Subject: a\n\nends in\nFrom ",
        b"Subject: a\n\nends in\n>From",
        b"X-Mailferry: 1 00000000000000000000000000000000 size=00000000000000000001 nl=1 from=1 date=0.000000000\nStatus: RO\n\nx\n",
        b"X-Mailferry: 1 01010101010101010101010101010101 size=00000000000000000001 nl=0 from=0 date=0.000000000\nX-Mailferry-End: 01010101010101010101010101010101\nx\n",
        b"Status: RO\nX-Status: AFDT\nX-Keywords: a b\nX-UID: 7\nContent-Length: 3\n\nmarks of another store\n",
        b"Content-Length: 0\n\nx\n\nFrom a@b Thu Nov 30 23:59:59 2017\n",
        b"header without colon\n: no name\n\nx\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    odd.push([b">".repeat(70_000), b"From x\n".to_vec()].concat());
    odd.push([b"Subject: a\n\n", &b"l".repeat(48_000)[..], b"\nFrom x\n"].concat());
    odd.push([&b"l".repeat(65_536)[..], b"From x\n>From y\n"].concat());
    odd
}

pub fn odd_bytes_come_back_exactly(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let odd: Vec<Vec<u8>> = if bench.limits().any_bytes { odd() } else { vec![body(1)] };
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for (number, body) in odd.iter().enumerate() {
        append(&mut *target, &inbox, &envelope(number as u8), body);
    }
    target.flush().expect("a flush");
    drop(target);
    let items = seen(bench, &inbox);
    assert_eq!(items.len(), odd.len());
    for (number, (seen, body)) in items.iter().zip(&odd).enumerate() {
        let start = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        assert!(seen.body == *body, "item {number}: {:?} came back for {:?}", start(&seen.body), start(body));
        assert!(seen.item.size.is_none_or(|size| size == body.len() as u64), "size of item {number}");
        assert_eq!(seen.item.marks, envelope(0).marks, "marks of item {number}");
    }
    let mut target = bench.target();
    let asked = odd.iter().enumerate();
    let asked: Vec<Wanted> =
        asked.map(|(number, body)| Wanted { digest: Digest::of(body), size: body.len() as u64, ..wanted(number as u8) }).collect();
    let found = target.locate(&inbox, &asked).expect("an answer");
    assert!(found.iter().all(Option::is_some), "{found:?}");
}

pub fn big_messages_come_back_exactly(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let header = (0..40_000).flat_map(|line| format!("X-Line-{line}: {}\n", "v".repeat(40)).into_bytes());
    let big_header: Vec<u8> = header.chain(*b"\nbody\n").collect();
    assert!(big_header.len() > 2_000_000);
    let big_body: Vec<u8> = [&b"Subject: a\n\n"[..], &b"From here on\r\n\n\0".repeat(200_000)].concat();
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    append(&mut *target, &inbox, &envelope(0), &big_header);
    append(&mut *target, &inbox, &envelope(1), if bench.limits().any_bytes { &big_body } else { &big_header });
    target.flush().expect("a flush");
    drop(target);
    let items = seen(bench, &inbox);
    assert!(items[0].body == big_header);
    assert!(!bench.limits().any_bytes || items[1].body == big_body);
}

pub fn every_set_of_flags_comes_back(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for number in 0..32 {
        let mut envelope = envelope(number);
        envelope.marks.flags = Flags::from_bits(number).expect("five flags");
        append(&mut *target, &inbox, &envelope, &body(number));
    }
    target.flush().expect("a flush");
    drop(target);
    let flags: Vec<u8> = seen(bench, &inbox).iter().map(|seen| seen.item.marks.flags.bits()).collect();
    assert_eq!(flags, (0..32).collect::<Vec<u8>>());
}

pub fn keywords_come_back_or_are_reported(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let names = (0..60).map(|number| format!("Keyword{number:02}"));
    let odd = ["$Forwarded", "$MDNSent", "a]b", "straße", "with blank", "", "new\nline", "NonJunk"];
    let given: Keywords = names.chain(odd.map(String::from)).collect();
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    let mut wanted = envelope(1);
    wanted.marks.keywords = given.clone();
    let mut lost: Keywords = append(&mut *target, &inbox, &wanted, &body(1)).keywords_lost.into_iter().collect();
    target.flush().expect("a flush");
    let settled = target.settled().into_iter().filter_map(|(_, appended)| appended.ok());
    lost.extend(settled.flat_map(|appended| appended.keywords_lost));
    drop(target);
    let kept = seen(bench, &inbox).remove(0).item.marks.keywords;
    assert!(kept.is_disjoint(&lost), "{kept:?} {lost:?}");
    assert_eq!(kept.union(&lost).cloned().collect::<Keywords>(), given, "nothing is lost unsaid, nothing is made up");
    assert!(kept.len() >= bench.limits().keywords_max.min(60));
}

pub fn dates_come_back(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let limits = bench.limits();
    let wished =
        [0, 1, -1, -86_400, -1_999_999_999, 951_782_400, 1_700_000_000, 2_147_483_648, 4_000_000_000, -62_135_596_800, 253_402_300_799];
    let dates: Vec<i64> = wished.into_iter().filter(|seconds| limits.dates.contains(seconds)).collect();
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for (number, seconds) in dates.iter().enumerate() {
        let mut envelope = envelope(number as u8);
        envelope.date = InternalDate { seconds: *seconds, nanos: 123_456_789, offset_minutes: Some(-570) };
        append(&mut *target, &inbox, &envelope, &body(number as u8));
    }
    target.flush().expect("a flush");
    drop(target);
    let items = seen(bench, &inbox);
    for (number, seconds) in dates.iter().enumerate() {
        let item = items.iter().find(|seen| seen.body == body(number as u8)).expect("the item is there");
        assert_eq!(item.item.date.seconds, *seconds);
        assert!(!limits.nanos || item.item.date.nanos == 123_456_789, "{:?}", item.item.date);
    }
}

pub fn a_body_of_another_length_than_announced_is_kept_whole(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    ensure(&mut *target, &inbox);
    for (number, size) in [(1, 0), (2, 7), (3, 1_000_000)] {
        let envelope = envelope(number);
        let item = mailferry_core::ports::NewItem { envelope: &envelope, size };
        if target.append(&inbox, &item, &mut &body(number)[..]).is_err() {
            return;
        }
    }
    target.flush().expect("a flush");
    assert!(locate(&mut *target, &inbox, 1..4).iter().all(Option::is_some));
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [body(1), body(2), body(3)]);
}

struct BreaksOff(usize);

impl std::io::Read for BreaksOff {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let given = buffer.len().min(self.0);
        self.0 -= given;
        buffer[..given].fill(b'x');
        if given == 0 { Err(std::io::Error::other("broken off")) } else { Ok(given) }
    }
}

pub fn a_body_that_breaks_off_leaves_nothing(bench: &dyn Bench) {
    let inbox = folder("INBOX");
    let mut target = bench.target();
    fill(&mut *target, &inbox, 0..1);
    let envelope = envelope(1);
    let item = mailferry_core::ports::NewItem { envelope: &envelope, size: 1_000_000 };
    assert!(target.append(&inbox, &item, &mut BreaksOff(400_000)).is_err());
    fill(&mut *target, &inbox, 2..3);
    assert_eq!(locate(&mut *target, &inbox, 1..2), [None]);
    drop(target);
    let bodies: Vec<Vec<u8>> = seen(bench, &inbox).into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [body(0), body(2)]);
}
