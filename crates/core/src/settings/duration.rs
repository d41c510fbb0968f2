//! Durations as people write them: `90`, `90s`, `15m`, `1d12h` (R56).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A whole number of seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seconds(pub u64);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Seconds {
    pub const fn minutes(minutes: u64) -> Self {
        Seconds(minutes * 60)
    }

    pub const fn hours(hours: u64) -> Self {
        Seconds(hours * 3_600)
    }

    pub const fn days(days: u64) -> Self {
        Seconds(days * 86_400)
    }

    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    pub const fn ms(self) -> u64 {
        self.0.saturating_mul(1_000)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a duration such as 90s, 15m or 1d12h")]
pub struct NotADuration(pub String);

impl FromStr for Seconds {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        parse(text.trim()).map(Seconds).ok_or_else(|| NotADuration(text.into()))
    }
}

/// Each unit at most once, larger units first; a number without a unit stands alone.
fn parse(text: &str) -> Option<u64> {
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let (mut rest, mut total, mut units) = (text, 0u64, UNITS.iter());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[end..].chars().next()?;
        let (_, length) = units.find(|(name, _)| unit.eq_ignore_ascii_case(name))?;
        total = total.checked_add(number(&rest[..end])?.checked_mul(*length)?)?;
        rest = rest[end + unit.len_utf8()..].trim_start();
    }
    (!text.is_empty()).then_some(total)
}

/// Digits only: `parse` alone would take `+5`.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_mean_days_hours_minutes_seconds_and_a_bare_number_is_seconds() {
        for (text, seconds) in [
            ("90", 90),
            ("0", 0),
            ("90s", 90),
            ("15m", 900),
            ("1h", 3_600),
            ("1d", 86_400),
            ("1d12h", 129_600),
            ("1D 12H", 129_600),
            (" 2m30s ", 150),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", " ", "s", "-1", "+5", "1.5h", "12h1d", "1h1h", "1d12", "1w", "1 d x", "５s", "99999999999999999999", "213503982334602d"]
        {
            assert_eq!(text.parse::<Seconds>(), Err(NotADuration(text.into())));
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_duration() {
        for seconds in (0..200_000).step_by(37).chain([1, 59, 60, 61, 86_399, 86_400, u64::MAX]) {
            assert_eq!(Seconds(seconds).to_string().parse(), Ok(Seconds(seconds)));
        }
        assert_eq!(Seconds(129_600).to_string(), "1d12h");
    }
}
