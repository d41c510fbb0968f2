//! SEARCH, as far as clients that copy mail ask.

use std::io;

use super::command::Command;
use super::session::{Done, Session, bad, ok};
use super::world::Message;
use crate::talk::Value;

impl Session<'_> {
    pub(super) fn search(&mut self, command: &Command) -> io::Result<Done> {
        let by_uid = command.word.starts_with("UID");
        let Some(selected) = &self.selected else { return bad("no mailbox is selected") };
        let mut places = selected.of_set("1:*", false);
        let mut keys = command.values.iter().peekable();
        while let Some(key) = keys.next() {
            let word = key.text().unwrap_or_default().to_uppercase();
            let mut argument = || keys.next().and_then(Value::text).unwrap_or_default();
            let test: Box<dyn Fn(&Message) -> bool> = match word.as_str() {
                "ALL" => continue,
                "CHARSET" => {
                    argument();
                    continue;
                }
                "SEEN" | "DELETED" | "FLAGGED" | "ANSWERED" | "DRAFT" => Box::new(move |message| has_flag(message, &word)),
                "UNSEEN" | "UNDELETED" | "UNFLAGGED" => Box::new(move |message| !has_flag(message, &word[2..])),
                "KEYWORD" => {
                    let keyword = argument();
                    Box::new(move |message| message.flags.contains(&keyword))
                }
                "MODSEQ" => {
                    let modseq = argument().parse().unwrap_or(0);
                    Box::new(move |message| message.modseq >= modseq)
                }
                "UID" => {
                    let set = selected.of_set(&argument(), true);
                    Box::new(move |message| set.iter().any(|(_, uid)| *uid == message.uid))
                }
                "HEADER" => {
                    let (name, text) = (argument().to_lowercase(), argument().to_lowercase());
                    Box::new(move |message| has_header(message, &name, &text))
                }
                "LARGER" => {
                    let size = argument().parse().unwrap_or(0);
                    Box::new(move |message| message.body.len() > size)
                }
                set if set.starts_with(|sign: char| sign.is_ascii_digit() || sign == '*') => {
                    let set = selected.of_set(set, false);
                    Box::new(move |message| set.iter().any(|(_, uid)| *uid == message.uid))
                }
                _ => return bad("an unknown search key"),
            };
            self.world(|world| {
                let mailbox = world.create(&selected.name);
                places.retain(|(_, uid)| mailbox.message(*uid).is_some_and(|message| test(message)));
            });
        }
        let found: String = places.iter().map(|(number, uid)| if by_uid { format!(" {uid}") } else { format!(" {number}") }).collect();
        self.out.line(&format!("* SEARCH{found}"))?;
        ok("done")
    }
}

fn has_flag(message: &Message, word: &str) -> bool {
    message.flags.iter().any(|flag| flag.strip_prefix('\\').is_some_and(|flag| flag.eq_ignore_ascii_case(word)))
}

fn has_header(message: &Message, name: &str, text: &str) -> bool {
    let head = String::from_utf8_lossy(message.body.head()).to_lowercase();
    let head = head.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    head.lines().any(|line| line.split_once(':').is_some_and(|(own, value)| own.trim_end() == name && value.contains(text)))
}
