//! Values as people read them. What comes from a mailbox or a container never reaches a terminal as it is: a folder name
//! may hold the codes that move a cursor or turn a line around.

use mailferry_core::model::{FolderPath, Marks};

/// One line without anything that steers a terminal.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match steers(letter) {
            true => out.extend(letter.escape_unicode()),
            false => out.push(letter),
        }
    }
    out
}

/// Several lines; the ends of lines stay.
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Control characters, line ends of Unicode, marks that change the direction of writing.
fn steers(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub fn folder(path: &FolderPath) -> String {
    line(&path.to_string())
}

pub fn marks(marks: &Marks) -> String {
    let flags = marks.flags.to_string();
    let words: Vec<&str> = flags.split_whitespace().chain(marks.keywords.iter().map(String::as_str)).collect();
    line(&words.join(" "))
}

/// `2024-05-01T09:30:00Z`; a date beyond the calendar as its seconds.
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds}s"), |at| at.to_string())
}

/// `1,234,567`
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 item`, `2 items`, `2 mailboxes`
pub fn count(number: u64, what: &str) -> String {
    let ending = match (number, what.ends_with('x')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {what}{ending}", self::number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_printed() {
        assert_eq!(line("a\u{1b}[2Jb\r\u{9b}\u{202e}c\n"), r"a\u{1b}[2Jb\u{d}\u{9b}\u{202e}c\u{a}");
        assert_eq!(lines("Entwürfe/日本\n\tx"), "Entwürfe/日本\n\\u{9}x");
    }

    #[test]
    fn a_date_is_printed_as_an_instant_and_no_number_is_too_large_for_it() {
        assert_eq!(date(1_714_555_800), "2024-05-01T09:30:00Z");
        assert_eq!(date(-1), "1969-12-31T23:59:59Z");
        assert_eq!(date(i64::MAX), format!("{}s", i64::MAX));
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "item"), count(2000, "item")], ["1 item", "2,000 items"]);
    }
}
