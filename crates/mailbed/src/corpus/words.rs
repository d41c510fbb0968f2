//! Text that looks like somebody wrote it, and dates as mail writes them.

use super::Random;

const SYLLABLES: &[&str] = &[
    "ba", "be", "bi", "bo", "ca", "ce", "co", "da", "de", "di", "do", "fa", "fe", "fi", "ga", "ge", "go", "la", "le", "li", "lo", "ma",
    "me", "mi", "mo", "na", "ne", "ni", "no", "pa", "pe", "po", "ra", "re", "ri", "ro", "sa", "se", "si", "so", "ta", "te", "ti", "to",
    "va", "ve", "vi", "st", "tr", "pl", "gr", "en", "an", "er", "is", "al", "on",
];
pub(super) const FOREIGN: &[&str] = &[
    "Grüße aus München, die Rechnung über 1.234,56 € liegt bei.",
    "Привет, отчёт во вложении.",
    "会議の資料を添付します。よろしくお願いします。",
    "Où est le café préféré de l’équipe ?",
    "Zażółć gęślą jaźń.",
    "שלום, מצורף הקובץ",
    "😀👍 great!",
];

pub(super) struct Words {
    pub vocabulary: Vec<String>,
    pub sentences: Vec<String>,
}

impl Words {
    pub fn new(random: &mut Random) -> Self {
        let word = |random: &mut Random| (0..1 + random.below(4)).map(|_| *random.one_of(SYLLABLES)).collect::<String>();
        let vocabulary: Vec<String> = (0..5000).map(|_| word(random)).collect();
        let sentence = |random: &mut Random| {
            // The first words are used most.
            let pick = |random: &mut Random| &vocabulary[(random.fraction().powi(3) * vocabulary.len() as f64) as usize];
            let words: Vec<&str> = (0..4 + random.below(15)).map(|_| pick(random).as_str()).collect();
            format!("{}.", words.join(" "))
        };
        let sentences = (0..5000).map(|_| sentence(random)).collect();
        Words { vocabulary, sentences }
    }

    /// At least so many bytes, in lines.
    pub fn text(&self, random: &mut Random, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            match random.fraction() < 0.02 {
                true => text += random.one_of::<&str>(FOREIGN),
                false => text += random.one_of::<String>(&self.sentences),
            }
            text += if random.fraction() < 0.15 { "\r\n\r\n" } else { "\r\n" };
        }
        text
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Year, month from 0, day, and the seconds of the day.
fn civil(date_s: i64) -> (i64, usize, i64, i64) {
    let days = date_s.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = ((shifted + 2) % 12) as usize;
    (year_of_era + era * 400 + i64::from(month < 2), month, of_year - (153 * shifted + 2) / 5 + 1, date_s.rem_euclid(86_400))
}

/// `Mon, 04 Jan 2010 00:00:00 +0000`
pub(crate) fn mail_date(date_s: i64) -> String {
    let (year, month, day, seconds) = civil(date_s);
    let weekday = WEEKDAYS[date_s.div_euclid(86_400).rem_euclid(7) as usize];
    format!("{weekday}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000", MONTHS[month], seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `04-Jan-2010 00:00:00 +0000`
pub(crate) fn imap_date(date_s: i64) -> String {
    let (year, month, day, seconds) = civil(date_s);
    format!("{day:02}-{}-{year:04} {:02}:{:02}:{:02} +0000", MONTHS[month], seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Seconds since 1970, of any zone.
pub(crate) fn date_of_imap(text: &str) -> Option<i64> {
    let (date, rest) = text.trim().split_once(' ')?;
    let (time, zone) = rest.trim().split_once(' ')?;
    let mut date = date.split('-');
    let day: i64 = date.next()?.parse().ok()?;
    let name = date.next()?;
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? as i64;
    let year: i64 = date.next()?.parse().ok()?;
    let mut time = time.split(':').map(|part| part.parse::<i64>().ok());
    let seconds = time.next()?? * 3600 + time.next()?? * 60 + time.next()??;
    let offset: i64 = zone.parse().ok()?;
    let offset_s = (offset / 100 * 60 + offset % 100) * 60;
    let (shifted_year, shifted_month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let era = shifted_year.div_euclid(400);
    let of_era = shifted_year.rem_euclid(400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted_month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + seconds - offset_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_as_mail_has_them() {
        assert_eq!(mail_date(1_262_563_200), "Mon, 04 Jan 2010 00:00:00 +0000");
        assert_eq!(imap_date(951_782_399), "28-Feb-2000 23:59:59 +0000");
        for date_s in [0, 951_782_400, 1_262_563_200, 1_709_251_199, 4_000_000_000] {
            assert_eq!(date_of_imap(&imap_date(date_s)), Some(date_s));
        }
        assert_eq!(date_of_imap(" 4-Jan-2010 01:30:00 +0130"), Some(1_262_563_200));
        assert_eq!(date_of_imap("nonsense"), None);
    }
}
