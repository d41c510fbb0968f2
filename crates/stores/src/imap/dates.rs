//! Internal dates as IMAP writes them: `"04-Jan-2010 10:00:00 +0530"` (RFC 9051, date-time), read as servers really write them
//! (T07).

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use mailferry_core::model::InternalDate;

use crate::months::MONTHS;

/// `None` for what is no date.
pub fn parse(text: &str) -> Option<InternalDate> {
    let mut parts = text.split_ascii_whitespace();
    let mut date = parts.next()?.split('-');
    let day: i8 = date.next()?.parse().ok()?;
    let month = date.next()?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? as i8 + 1;
    let year: i16 = date.next()?.parse().ok()?;
    let mut time = parts.next()?.split(':').map(str::parse::<i8>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let offset = parts.next().map_or(Some(0), offset)?;
    // A leap second is the second before it.
    let civil = DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
    let zone = TimeZone::fixed(Offset::from_seconds(i32::from(offset) * 60).ok()?);
    let seconds = civil.to_zoned(zone).ok()?.timestamp().as_second();
    Some(InternalDate { seconds, nanos: 0, offset_minutes: Some(offset) })
}

/// The date of the first `Received`, else of `Date` (RFC 5322, 3.6).
pub fn of_header(header: &[u8]) -> Option<InternalDate> {
    let text = String::from_utf8_lossy(header).replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (there, value) = line.split_once(':')?;
            there.trim().eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let received = field("Received").and_then(|value| value.rsplit(';').next().and_then(rfc5322));
    received.or_else(|| field("Date").as_deref().and_then(rfc5322))
}

/// `[Day,] 4 Jan 2010 10:00:00 +0530 (comment)`
fn rfc5322(text: &str) -> Option<InternalDate> {
    let text = text.split('(').next()?;
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut parts = text.split_ascii_whitespace();
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let time = if time.matches(':').count() == 1 { format!("{time}:00") } else { time.to_owned() };
    let zone = parts.next().filter(|zone| zone.starts_with(['+', '-'])).unwrap_or("+0000");
    parse(&format!("{day}-{month}-{year} {time} {zone}"))
}

fn offset(text: &str) -> Option<i16> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let number: i16 = digits.parse().ok().filter(|number| *number < 2400)?;
    (digits.len() == 4).then_some(sign * (number / 100 * 60 + number % 100))
}

/// In quotes; `None` for an instant that has no four-digit year.
pub fn format(date: &InternalDate) -> Option<String> {
    let minutes = date.offset_minutes.unwrap_or(0);
    let offset = Offset::from_seconds(i32::from(minutes) * 60).ok()?;
    let civil = offset.to_datetime(jiff::Timestamp::from_second(date.seconds).ok()?);
    if !(1..=9999).contains(&civil.year()) {
        return None;
    }
    let month = MONTHS[civil.month() as usize - 1];
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
    Some(format!(
        "\"{:02}-{month}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}\"",
        civil.day(),
        civil.year(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        minutes / 60,
        minutes % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_date_where_the_server_does_not() {
        let received = b"Received: from a by b\r\n\tfor c; Mon, 4 Jan 2010 10:00:00 +0530 (IST)\r\nDate: Sun, 3 Jan 2010 00:00 GMT\r\n\r\n";
        assert_eq!(of_header(received).map(|date| date.seconds), Some(1_262_579_400));
        assert_eq!(of_header(b"Date: Sun, 3 Jan 2010 00:00 GMT\r\n\r\n").map(|date| date.seconds), Some(1_262_476_800));
        assert_eq!(of_header(b"Date: yesterday\r\n\r\n"), None);
    }

    #[test]
    fn dates_are_read_as_servers_write_them_and_written_as_the_grammar_wants() {
        let cases = [
            ("04-Jan-2010 10:00:00 +0530", Some((1_262_579_400, 330))),
            (" 4-Jan-2010 10:00:00 +0530", Some((1_262_579_400, 330))),
            ("4-jan-2010 10:00:00 -0330", Some((1_262_611_800, -210))),
            ("30-Dec-1899 00:00:00 +0000", Some((-2_209_161_600, 0))),
            ("19-Jan-2038 03:14:08 +0000", Some((2_147_483_648, 0))),
            ("00-Jan-0000 00:00:00 +0000", None),
            ("32-Jan-2010 10:00:00 +0000", None),
            ("", None),
            ("nonsense", None),
        ];
        for (text, expected) in cases {
            let date = parse(text);
            assert_eq!(date.map(|date| (date.seconds, date.offset_minutes.unwrap_or(0))), expected, "{text}");
            if let Some(date) = date {
                let written = format(&date).expect("a date");
                assert_eq!(parse(written.trim_matches('"')), Some(date), "{written}");
                assert_eq!(written.len(), 28);
            }
        }
    }
}
