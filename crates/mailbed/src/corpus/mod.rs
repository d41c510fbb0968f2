//! Mail from a seed: the same seed makes the same mail, byte for byte, on any machine.
//!
//! [`Corpus::user`] is one of twenty users with 500 messages: log-normal sizes, attachments that users share, threads, odd folder
//! names, keywords, dates over fifteen years, doubled and missing Message-IDs, 8-bit headers. [`Corpus::big`] is one mailbox of
//! many small messages. [`odd::messages`] are contents that few servers store as they are.

mod encodings;
mod mail;
pub mod odd;
mod random;
mod words;

use std::collections::BTreeSet;

pub use encodings::{base64, base64_lines, from_base64, from_modified_utf7, modified_utf7};
pub use random::Random;
pub(crate) use words::{date_of_imap, imap_date};

use self::mail::{Thread, Writer};

/// 2010-01-04, and fifteen years.
const FIRST_DAY_S: i64 = 1_262_563_200;
const SPAN_S: u64 = 15 * 365 * 86_400;
const KEYWORDS: &[&str] = &[
    "$Forwarded",
    "$MDNSent",
    "$Label1",
    "$Label4",
    "NonJunk",
    "Junk",
    "Work",
    "todo-later",
    "$Important",
    "label:blue",
    "Custom_Keyword_With_A_Long_Name_0123456789",
];
const MEDIAN_BYTES: f64 = 8400.0;
const SIGMA: f64 = 2.12;
const LARGEST_BYTES: f64 = 10_200_000.0;

/// Name, levels parted by `/`; how much mail it gets; whether it is subscribed.
const FOLDERS: &[(&str, u64, bool)] = &[
    ("INBOX", 45, true),
    ("Sent", 18, true),
    ("Drafts", 2, true),
    ("Trash", 5, true),
    ("Junk", 4, false),
    ("Archive/2012", 4, true),
    ("Archive/2018", 5, true),
    ("Archive/2024", 4, false),
    ("Projects/Acme v2.0", 2, true),
    ("Projects/Acme v2.0/Contracts.signed", 1, true),
    ("R&D", 2, true),
    ("Tom & Jerry/Q&A", 1, true),
    ("Entwürfe (alt)", 2, true),
    ("Ünïcødé & Co.", 1, false),
    ("日本語/受信箱", 1, true),
    ("Входящие", 1, true),
    ("Emoji 😀", 1, true),
    ("deep/a/b/c/d/e", 1, true),
    ("Empty folder", 0, true),
    ("INBOX/child", 1, true),
];
/// The last but one of the users has these as well.
const ODD_FOLDERS: &[&str] = &[
    "percent 100%",
    "star*",
    "quote\"d",
    "back\\slash",
    " leading",
    "trailing ",
    "lower",
    "LOWER",
    "(parens) [brackets] {3}",
    "&amp;",
    "AT&T-",
    "cafe\u{301}",
    "café",
    ".dotfirst",
    "dotlast.",
    "two..dots",
    "tab\u{a0}nbsp",
    "NIL",
    "Inbox2/inbox",
    "it's, a; \"mix\"",
    "#shared",
    "!bang",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// With `/` between levels.
    pub folder: String,
    pub bytes: Vec<u8>,
    pub date_s: i64,
    pub flags: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Mailboxes {
    pub folders: Vec<String>,
    pub subscriptions: Vec<String>,
    pub mail: Vec<Mail>,
}

impl Mailboxes {
    pub fn bytes(&self) -> u64 {
        self.mail.iter().map(|mail| mail.bytes.len() as u64).sum()
    }
}

pub struct Corpus {
    pub seed: u64,
    pub users: usize,
    pub messages: usize,
    writer: Writer,
}

impl Corpus {
    pub fn new(seed: u64, users: usize, messages: usize) -> Self {
        Corpus { seed, users, messages, writer: Writer::new(seed) }
    }

    /// Counted from 1; each user by itself, in any order.
    pub fn user(&self, number: usize) -> Mailboxes {
        let mut random = Random::new(self.seed, &format!("user {number}"));
        let mut folders: Vec<(&str, u64, bool)> = FOLDERS.to_vec();
        if number + 1 == self.users {
            folders.extend(ODD_FOLDERS.iter().map(|name| (*name, 1, true)));
        }
        let mut boxes = Mailboxes { folders: folders.iter().map(|(name, ..)| (*name).into()).collect(), ..Mailboxes::default() };
        boxes.subscriptions = folders.iter().filter(|(.., subscribed)| *subscribed).map(|(name, ..)| (*name).into()).collect();
        boxes.subscriptions.push("Deleted long ago".into());
        let mut dates: Vec<i64> = (0..self.messages).map(|_| FIRST_DAY_S + random.below(SPAN_S) as i64).collect();
        dates.sort_unstable();
        let mut threads = Vec::new();
        for (at, date_s) in dates.into_iter().enumerate() {
            // Each folder that gets any gets one.
            let folder = match folders.iter().filter(|(_, weight, _)| *weight > 0).nth(at) {
                Some((name, ..)) => name,
                None => weighted(&mut random, &folders),
            };
            let mail = self.one(&mut random, number, folder, date_s, &boxes.mail, &mut threads);
            boxes.mail.push(mail);
        }
        if number == self.users {
            boxes.mail.extend(self.odd_mail(&mut random));
        }
        boxes
    }

    /// One message; now and then a copy of an earlier one, or nearly one.
    fn one(&self, random: &mut Random, user: usize, folder: &str, date_s: i64, before: &[Mail], threads: &mut Vec<Thread>) -> Mail {
        let flags = flags(random, folder);
        let chance = random.fraction();
        let copied = (chance < 0.03 && !before.is_empty()).then(|| &before[random.below(before.len() as u64) as usize]);
        if let Some(copied) = copied.filter(|mail| mail.bytes.len() < 300_000) {
            let footer = if (0.01..0.02).contains(&chance) { format!("\r\n-- \r\nlist footer {date_s}\r\n") } else { String::new() };
            let folder = if chance < 0.02 { copied.folder.clone() } else { folder.into() };
            return Mail { folder, bytes: [&copied.bytes, footer.as_bytes()].concat(), date_s, flags };
        }
        let size = random.log_normal(MEDIAN_BYTES.ln(), SIGMA).clamp(700.0, LARGEST_BYTES) as usize;
        let mut bytes = self.writer.message(random, user, date_s, size, threads);
        if chance > 0.985 {
            let raw: &[u8] = if random.fraction() < 0.5 { b"X-Raw: Gr\xfc\xdfe\r\n" } else { "X-Raw: Ärger\r\n".as_bytes() };
            bytes.splice(0..0, raw.iter().copied());
        } else if chance > 0.965 {
            bytes.extend_from_slice(b"bare\rcr\rline\r\n");
        }
        Mail { folder: folder.into(), bytes, date_s, flags }
    }

    fn odd_mail(&self, random: &mut Random) -> Vec<Mail> {
        let odd = odd::messages(random);
        let place = |at: usize| if at.is_multiple_of(3) { "R&D" } else { "INBOX" };
        let dated = |at: usize| FIRST_DAY_S + at as i64 * 8_640_000;
        odd.into_iter()
            .enumerate()
            .map(|(at, (_, bytes))| Mail { folder: place(at).into(), bytes, date_s: dated(at), flags: flags(random, "INBOX") })
            .collect()
    }

    /// Small messages in INBOX, made one after the other.
    pub fn big(&self, messages: usize) -> impl Iterator<Item = Mail> + '_ {
        let mut random = Random::new(self.seed, "big");
        (0..messages).map(move |at| {
            let date_s = FIRST_DAY_S + (SPAN_S as f64 * at as f64 / messages as f64) as i64;
            let size = random.log_normal(7.3, 0.5).clamp(700.0, 8000.0) as usize;
            let bytes = self.writer.small(&mut random, 0, date_s, size);
            Mail { folder: "INBOX".into(), bytes, date_s, flags: flags(&mut random, "INBOX") }
        })
    }

    /// What arrives later.
    pub fn later(&self, random: &mut Random, folder: &str, number: u64) -> Mail {
        let date_s = FIRST_DAY_S + SPAN_S as i64 + number as i64 * 60;
        let size = random.log_normal(9.0, 1.2).clamp(700.0, 200_000.0) as usize;
        let bytes = self.writer.message(random, 0, date_s, size, &mut Vec::new());
        Mail { folder: folder.into(), bytes, date_s, flags: BTreeSet::new() }
    }
}

fn weighted<'f>(random: &mut Random, folders: &[(&'f str, u64, bool)]) -> &'f str {
    let mut left = random.below(folders.iter().map(|(_, weight, _)| weight).sum());
    for (name, weight, _) in folders {
        if left < *weight {
            return name;
        }
        left -= weight;
    }
    "INBOX"
}

fn flags(random: &mut Random, folder: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for (flag, chance) in [("\\Seen", 0.72), ("\\Answered", 0.18), ("\\Flagged", 0.05), ("\\Deleted", 0.004)] {
        if random.fraction() < chance || (flag == "\\Seen" && folder == "Sent") {
            flags.insert(flag.to_owned());
        }
    }
    if folder == "Drafts" {
        flags.insert("\\Draft".into());
    }
    if random.fraction() < 0.09 {
        for _ in 0..1 + random.below(2) {
            flags.insert(random.one_of(KEYWORDS).to_string());
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_mail_and_another_does_not() {
        let digest = |seed: u64, user: usize| {
            let mut hasher = blake3::Hasher::new();
            for mail in Corpus::new(seed, 4, 60).user(user).mail {
                hasher.update(&mail.bytes);
            }
            hasher.finalize()
        };
        assert_eq!(digest(1, 2), digest(1, 2));
        assert_ne!(digest(1, 2), digest(1, 3));
        assert_ne!(digest(1, 2), digest(2, 2));
    }

    #[test]
    fn users_share_attachments_and_have_doubled_and_missing_message_ids() {
        let corpus = Corpus::new(1, 6, 500);
        let mail: Vec<Mail> = (1..=4).flat_map(|number| corpus.user(number).mail).collect();
        let count = |found: &dyn Fn(&&Mail) -> bool| mail.iter().filter(found).count();
        let has_id = |mail: &&Mail| mail.bytes.windows(13).any(|window| window == b"\r\nMessage-ID:");
        let without = count(&|mail| !has_id(mail));
        assert!((10..200).contains(&without), "{without} of {} have no Message-ID", mail.len());
        let different: BTreeSet<&[u8]> = mail.iter().map(|mail| &mail.bytes[..]).collect();
        assert!(different.len() < mail.len() - 10, "some are there twice");
        let mut sizes: Vec<usize> = mail.iter().map(|mail| mail.bytes.len()).collect();
        sizes.sort_unstable();
        let (median, mean) = (sizes[sizes.len() / 2], sizes.iter().sum::<usize>() / sizes.len());
        assert!((5_000..20_000).contains(&median) && mean > 3 * median, "median {median}, mean {mean}");
        assert!(count(&|mail| mail.bytes.starts_with(b"X-Raw: Gr\xfc")) > 2);
        assert!(corpus.user(5).folders.iter().any(|name| name == "star*"));
    }
}
