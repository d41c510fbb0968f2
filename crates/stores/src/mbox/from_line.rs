//! The line before each message: `From sender Thu Jan  1 00:00:00 1970`.
//!
//! Archives vary it: a zone before or after the year, no seconds, the order of an e-mail date, a sender with blanks. A line
//! is taken for one when it holds a month, a day, a year and a time; `From now on we meet at 10:30` does not.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, date};
use mailferry_core::model::InternalDate;

use crate::months::MONTHS;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const NOBODY: &str = "MAILER-DAEMON";
/// Years that `asctime` writes with four digits: 1000 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -30_610_224_000..=253_402_300_799;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FromLine {
    pub(super) sender: String,
    pub(super) date: InternalDate,
}

/// `None` when the line does not begin with `From ` or holds no date.
pub(super) fn parse(line: &[u8]) -> Option<FromLine> {
    let rest = line.strip_prefix(b"From ")?;
    let text = String::from_utf8_lossy(&rest[..rest.len().min(2000)]);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let month_at = words.iter().rposition(|word| month(word).is_some())?;
    let (start, date) = after_sender(&words, month_at)?;
    Some(FromLine { sender: words[..start].join(" "), date })
}

/// Where the date begins, and the date.
fn after_sender(words: &[&str], month_at: usize) -> Option<(usize, InternalDate)> {
    let day_after = words.get(month_at + 1).and_then(|word| day(word));
    let (first, day) = match day_after {
        Some(day) => (month_at, day),
        None => (month_at.checked_sub(1)?, day(words[month_at.checked_sub(1)?])?),
    };
    let start = first.checked_sub(1).filter(|before| is_weekday(words[*before])).unwrap_or(first);
    let later = &words[month_at + 1 + usize::from(day_after.is_some())..];
    let (hour, minute, second) = later.iter().find_map(|word| time(word))?;
    let year = later.iter().find_map(|word| year(word))?;
    let offset_minutes = later.iter().find_map(|word| zone(word));
    let civil = Date::new(year, month(words[month_at])?, day).ok()?.at(hour, minute, second.min(59), 0);
    let local = civil.duration_since(EPOCH).as_secs();
    Some((start, InternalDate { seconds: local - i64::from(offset_minutes.unwrap_or(0)) * 60, nanos: 0, offset_minutes }))
}

fn month(word: &str) -> Option<i8> {
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(word)).map(|at| at as i8 + 1)
}

fn is_weekday(word: &str) -> bool {
    DAYS.iter().any(|day| day.eq_ignore_ascii_case(word.trim_end_matches(',')))
}

fn day(word: &str) -> Option<i8> {
    word.trim_end_matches(',').parse().ok().filter(|day| (1..=31).contains(day) && word.len() <= 3)
}

fn time(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.split(':').map(|part| if part.len() <= 2 { part.parse::<u8>().ok() } else { None });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    (hour < 24 && minute < 60 && second <= 60 && parts.next().is_none()).then_some((hour as i8, minute as i8, second as i8))
}

fn year(word: &str) -> Option<i16> {
    let year: i16 = word.parse().ok().filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    match word.len() {
        4 => Some(year),
        2 if year >= 70 => Some(1900 + year),
        _ => None,
    }
}

fn zone(word: &str) -> Option<i16> {
    let (sign, digits) = match word.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return matches!(word, "GMT" | "UTC" | "Z").then_some(0),
    };
    if digits.len() != 4 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0i16, |number, digit| number * 10 + i16::from(digit - b'0'));
    Some(sign * (number / 100 * 60 + number % 100))
}

/// The line for a message. What `asctime` cannot say is written as the nearest it can.
pub(super) fn write(sender: Option<&str>, date: InternalDate) -> String {
    let seconds = date.seconds.clamp(*SECONDS.start(), *SECONDS.end());
    let civil = EPOCH.saturating_add(SignedDuration::from_secs(seconds));
    let weekday = DAYS[usize::from(civil.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    let month = MONTHS[usize::from(civil.month().unsigned_abs()).saturating_sub(1) % 12];
    let (day, hour, minute, second, year) = (civil.day(), civil.hour(), civil.minute(), civil.second(), civil.year());
    format!("From {} {weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year:04}\n", one_word(sender))
}

fn one_word(sender: Option<&str>) -> String {
    let word: String =
        sender.unwrap_or_default().chars().take(500).map(|c| if c.is_whitespace() || c.is_control() { '-' } else { c }).collect();
    if word.is_empty() { NOBODY.into() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(line: &str) -> Option<(i64, Option<i16>)> {
        parse(line.as_bytes()).map(|from| (from.date.seconds, from.date.offset_minutes))
    }

    #[test]
    fn the_forms_of_real_archives_are_understood() {
        assert_eq!(seconds("From a@b  Thu Nov 30 23:59:59 2017\n"), Some((1_512_086_399, None)));
        assert_eq!(seconds("From user@domain  Fri Feb 22 23:00:00 2008 +0200\r\n"), Some((1_203_714_000, Some(120))));
        assert_eq!(seconds("From a Thu Nov 30 23:59:59 +0100 2017"), Some((1_512_082_799, Some(60))));
        assert_eq!(seconds("From a Thu Nov 30 23:59 GMT 2017"), Some((1_512_086_340, Some(0))));
        assert_eq!(seconds("From - Thu, 30 Nov 2017 23:59:59 -0500"), Some((1_512_104_399, Some(-300))));
        assert_eq!(seconds("From a Thu Nov  3 23:59:59 99"), Some((941_673_599, None)));
        assert_eq!(parse(b"From X [ufa]  Thu Aug  1 10:00:00 2002").map(|from| from.sender), Some("X [ufa]".into()));
        assert_eq!(parse(b"From Thu Aug  1 10:00:00 2002").map(|from| from.sender), Some(String::new()));
    }

    #[test]
    fn prose_is_no_from_line() {
        for line in [
            "From now on",
            "From May to June 2017 we met at 10",
            ">From a Thu Nov 30 23:59:59 2017",
            "From: a",
            "From ",
            "From a 12:00:00",
            "From the Nov 30 issue of 2017",
            "From x Feb 31 10:00:00 2017",
            "From x Foo 1 10:00:00 2017",
            "From a Thu Nov 30 99:59:59 2017",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for wanted in [i64::MIN, -62_135_596_800, -1, 0, 951_782_400, 1_700_000_000, 253_402_300_799, i64::MAX] {
            let line = write(Some("a b\n@c"), InternalDate { seconds: wanted, ..InternalDate::default() });
            let back = parse(line.as_bytes()).expect(&line);
            assert_eq!((back.sender.as_str(), back.date.seconds), ("a-b-@c", wanted.clamp(*SECONDS.start(), *SECONDS.end())));
        }
    }
}
