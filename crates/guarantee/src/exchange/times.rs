//! Times and spans as PowerShell prints them. What could mean two times is not known.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// In milliseconds since 1970.
pub(super) fn time(text: &str, utc_offset_min: Option<i32>) -> Option<u64> {
    let ms = match text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        Some(number) => number.split(['+', '-']).next()?.parse::<i64>().ok()?,
        None => match text.parse::<Timestamp>() {
            Ok(at) => at.as_millisecond(),
            Err(_) => local(text, utc_offset_min?)?,
        },
    };
    // The first second of the calendar stands for "never".
    u64::try_from(ms).ok().filter(|ms| *ms > 0)
}

/// Without a zone: by the ISO, or as Americans write it. `05/11/2011 15:04` is one of two days.
fn local(text: &str, utc_offset_min: i32) -> Option<i64> {
    let offset = Offset::from_seconds(utc_offset_min.checked_mul(60)?).ok()?;
    let at: DateTime = text.parse().ok().or_else(|| DateTime::strptime("%m/%d/%Y %I:%M:%S %p", text).ok())?;
    Some(at.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp().as_millisecond())
}

/// `[d.]hh:mm:ss[.fffffff]`, in milliseconds.
pub(super) fn span(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.rsplit_once(':')?.1.split_once('.') {
        Some((_, fraction)) => (text.strip_suffix(fraction)?.strip_suffix('.')?, fraction),
        None => (text, ""),
    };
    let (days, clock) = whole.split_once('.').unwrap_or(("0", whole));
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = <[u64; 3]>::try_from(parts).ok()?;
    let fraction_ms = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    let fits = hours < 24 && minutes < 60 && seconds < 60;
    let days = days.parse::<u64>().ok().filter(|days| fits && *days < 100_000)?;
    Some((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + fraction_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_when_it_can_mean_one_moment_only() {
        let at = 1_320_505_445_000;
        for (text, offset, expected) in [
            ("2011-11-05T15:04:05Z", None, Some(at)),
            ("2011-11-05T15:04:05.0000000Z", None, Some(at)),
            ("2011-11-05T16:04:05+01:00", None, Some(at)),
            ("/Date(1320505445000)/", None, Some(at)),
            ("/Date(1320505445000+0100)/", None, Some(at)),
            ("11/5/2011 4:04:05 PM", Some(60), Some(at)),
            ("2011-11-05 16:04:05", Some(60), Some(at)),
            ("11/5/2011 4:04:05 PM", None, None),
            ("11/05/2011 16:04:05", Some(60), None),
            ("05.11.2011 16:04:05", Some(60), None),
            ("1/1/0001 12:00:00 AM", Some(0), None),
            ("/Date(-62135596800000)/", None, None),
            ("", Some(0), None),
            ("never", Some(0), None),
        ] {
            assert_eq!(time(text, offset), expected, "{text} {offset:?}");
        }
    }

    #[test]
    fn spans_have_days_and_fractions() {
        for (text, expected) in [
            ("00:00:00", Some(0)),
            ("00:40:00", Some(2_400_000)),
            ("7.00:00:01.5", Some(604_801_500)),
            ("00:00:01.1234567", Some(1_123)),
            ("40", None),
            ("00:61:00", None),
            ("", None),
        ] {
            assert_eq!(span(text), expected, "{text}");
        }
    }
}
