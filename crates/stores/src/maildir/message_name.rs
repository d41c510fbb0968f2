//! The name of a message file: `<base>:2,<letters>`.
//!
//! Ours are `<seconds>.M<micros>_<token>.mailferry,S=<bytes>,W=<bytes with CRLF>`, all of it a function of the item: a redo
//! gives the same name. They sort by arrival, and Dovecot and Courier take sizes from `S` and `W` instead of reading files.
//! A date that file systems cannot hold is kept in full as `,D=<seconds>.<nanos>`.

use std::cmp::Ordering;

use mailferry_core::model::{Flags, InternalDate, Token};

/// Written between base name and letters; `:` cannot be in a name on Windows.
pub(super) const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };
const OURS: &[u8] = b".mailferry";
const LETTERS: [(u8, Flags); 5] =
    [(b'D', Flags::DRAFT), (b'F', Flags::FLAGGED), (b'R', Flags::ANSWERED), (b'S', Flags::SEEN), (b'T', Flags::DELETED)];
/// What ext4 can hold; others hold more.
const SECONDS_MIN: i64 = i32::MIN as i64;
const SECONDS_MAX: i64 = 15_032_385_535;

/// Base name and letters. Every separator ever used before `2,` is understood.
pub(super) fn split(name: &[u8]) -> (&[u8], &[u8]) {
    let starts = |window: &[u8]| matches!(window[0], b':' | b';' | b'!') && &window[1..] == b"2,";
    match name.windows(3).rposition(starts) {
        Some(at) => (&name[..at], &name[at + 3..]),
        None => (name, &[]),
    }
}

pub(super) fn flags_of(letters: &[u8]) -> Flags {
    LETTERS.iter().filter(|(letter, _)| letters.contains(letter)).fold(Flags::NONE, |flags, (_, flag)| flags.with(*flag))
}

/// The file name for these flags and further letters (`P`, keywords). Letters stand in ASCII order, as readers expect.
pub(super) fn with_letters(base: &[u8], flags: Flags, further: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> = LETTERS.iter().filter(|(_, flag)| flags.contains(*flag)).map(|(letter, _)| *letter).collect();
    letters.extend_from_slice(further);
    letters.sort_unstable();
    let mut name = base.to_vec();
    name.extend_from_slice(format!("{SEPARATOR}2,").as_bytes());
    name.extend_from_slice(&letters);
    name
}

/// The name in `tmp`, known before the body is read.
pub(super) fn stem(token: Token, date: InternalDate) -> String {
    format!("{}.M{:06}_{token}.mailferry", date.seconds.max(0), date.nanos / 1000)
}

pub(super) fn base(stem: &str, size: u64, size_with_crlf: u64, date: InternalDate) -> String {
    let sized = format!("{stem},S={size},W={size_with_crlf}");
    if storable(date) == date { sized } else { format!("{sized},D={}.{:09}", date.seconds, date.nanos) }
}

/// The nearest date that every file system holds.
pub(super) fn storable(date: InternalDate) -> InternalDate {
    if (SECONDS_MIN..=SECONDS_MAX).contains(&date.seconds) {
        return InternalDate { offset_minutes: None, ..date };
    }
    InternalDate { seconds: date.seconds.clamp(SECONDS_MIN, SECONDS_MAX), nanos: 0, offset_minutes: None }
}

/// The date written into one of our names because no file system holds it.
pub(super) fn written_date(base: &[u8]) -> Option<InternalDate> {
    token_of(base)?;
    let text = std::str::from_utf8(base).ok()?;
    let (seconds, nanos) = text.rsplit_once(",D=")?.1.split_once('.')?;
    Some(InternalDate {
        seconds: seconds.parse().ok()?,
        nanos: nanos.parse().ok().filter(|nanos| *nanos < 1_000_000_000)?,
        offset_minutes: None,
    })
}

/// The token in one of our names.
pub(super) fn token_of(base: &[u8]) -> Option<Token> {
    let at = base.windows(OURS.len()).rposition(|window| window == OURS)?;
    let (front, back) = (&base[..at], &base[at + OURS.len()..]);
    let start = front.len().checked_sub(33).filter(|start| front[*start] == b'_')?;
    if !(back.is_empty() || back[0] == b',') {
        return None;
    }
    std::str::from_utf8(&front[start + 1..]).ok()?.parse().ok()
}

/// Arrival order: by the seconds most names begin with, then by name.
pub(super) fn by_arrival(left: &[u8], right: &[u8]) -> Ordering {
    seconds_of(left).cmp(&seconds_of(right)).then_with(|| left.cmp(right))
}

fn seconds_of(name: &[u8]) -> u64 {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).take(18);
    digits.fold(0, |seconds, digit| seconds * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token([0xab; 16]);

    #[test]
    fn letters_are_found_behind_every_separator() {
        for name in ["x:2,FS", "x;2,FS", "x!2,FS"] {
            assert_eq!(split(name.as_bytes()), (&b"x"[..], &b"FS"[..]));
        }
        assert_eq!(split(b"x"), (&b"x"[..], &b""[..]));
        assert_eq!(split(b"x:1,a"), (&b"x:1,a"[..], &b""[..]));
        assert_eq!(split(b":2,"), (&b""[..], &b""[..]));
    }

    #[test]
    fn flags_and_letters_read_back() {
        for flags in (0..32).filter_map(Flags::from_bits) {
            let name = with_letters(b"x", flags, b"aP");
            let letters = split(&name).1;
            assert_eq!(flags_of(letters), flags);
            assert!(letters.is_sorted() && letters.contains(&b'P') && letters.contains(&b'a'));
        }
    }

    #[test]
    fn our_names_give_back_token_and_the_date_no_disk_can_hold() {
        for seconds in [-62_167_219_200, -1, 0, 1_700_000_000, 253_402_300_799, i64::MAX, i64::MIN] {
            let date = InternalDate { seconds, nanos: 7, offset_minutes: Some(60) };
            let base = base(&stem(TOKEN, date), 10, 12, date);
            assert_eq!(token_of(base.as_bytes()), Some(TOKEN), "{base}");
            let kept = written_date(base.as_bytes()).unwrap_or_else(|| storable(date));
            assert_eq!((kept.seconds, kept.nanos), (seconds, 7));
            assert!(base.len() < 200 && !base.contains([':', '/']));
        }
    }

    #[test]
    fn names_of_others_hold_no_token() {
        for name in ["", ".mailferry", "1.M1P1.host", "1.M1_abc.mailferry", &format!("1_{TOKEN}.mailferryx"), &format!("1_{TOKEN}.mail")] {
            assert_eq!(token_of(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn the_earlier_second_comes_first_whatever_its_length() {
        assert_eq!(by_arrival(b"999.x", b"1000.a"), Ordering::Less);
        assert_eq!(by_arrival(b"x", b"1000.a"), Ordering::Less);
    }
}
