//! Messages made from a seed: the same at every run, and of many kinds.

use std::fmt::Write;

use mailferry_core::model::{Envelope, Flags, InternalDate, ItemKey, Keywords, Marks, Token};

/// A small generator of numbers (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

const WORDS: [&str; 24] = [
    "ferry", "harbour", "cargo", "tide", "manifest", "crew", "deck", "anchor", "pilot", "buoy", "quay", "lantern", "voyage", "storm",
    "signal", "rope", "ledger", "stern", "compass", "channel", "weather", "cabin", "bell", "crossing",
];

pub fn message(dice: &mut Dice, number: u32) -> Vec<u8> {
    let mut text = String::new();
    let subject = words(dice, 4);
    let _ = writeln!(text, "Message-ID: <{number}.{:x}@ferry.example>\r", dice.below(u64::MAX));
    let _ = writeln!(text, "From: Crew {} <crew{}@ferry.example>\r", dice.below(9), dice.below(9));
    let _ = writeln!(text, "To: Passenger <passenger@harbour.example>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r");
    match dice.below(4) {
        0 => attachment(dice, &mut text),
        1 => drop(write!(text, "Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße von der Fähre – {}\r\n", words(dice, 60))),
        2 => drop(write!(text, "\r\nFrom here on the line begins with From.\n{}\nno newline at the end", words(dice, 200))),
        _ => paragraphs(dice, &mut text),
    }
    text.into_bytes()
}

fn paragraphs(dice: &mut Dice, text: &mut String) {
    text.push_str("\r\n");
    for _ in 0..1 + dice.below(12) {
        let _ = write!(text, "{}\r\n\r\n", words(dice, 40));
    }
}

fn attachment(dice: &mut Dice, text: &mut String) {
    text.push_str("Content-Type: multipart/mixed; boundary=deck\r\n\r\n--deck\r\n\r\nsee the manifest\r\n--deck\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for _ in 0..20 + dice.below(300) {
        text.extend((0..76).map(|_| char::from(ALPHABET[dice.below(64) as usize])));
        text.push_str("\r\n");
    }
    text.push_str("--deck--\r\n");
}

fn words(dice: &mut Dice, count: u64) -> String {
    (0..count).map(|_| WORDS[dice.below(WORDS.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
}

pub fn envelope(dice: &mut Dice, number: u32) -> Envelope {
    let mut flags = Flags::NONE;
    for flag in [Flags::SEEN, Flags::ANSWERED, Flags::FLAGGED] {
        if dice.below(2) == 0 {
            flags = flags.with(flag);
        }
    }
    let keywords: Keywords =
        ["$Forwarded", "$Label1", "Important"].iter().filter(|_| dice.below(4) == 0).map(ToString::to_string).collect();
    let mut token = Token([0; 16]);
    token.0.iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
    let date = InternalDate { seconds: 1_600_000_000 + i64::from(number) * 3_600, nanos: 0, offset_minutes: None };
    Envelope { token, key: ItemKey(Vec::new()), marks: Marks { flags, keywords }, date, sender: None }
}
