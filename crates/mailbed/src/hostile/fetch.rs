//! FETCH, one message at a time: nothing of a mailbox is held while a slow client reads.

use std::collections::BTreeSet;
use std::io;

use super::command::Command;
use super::quirk::{Occasion, Quirk, SizeLie};
use super::session::{Done, Session, bad, no, ok};
use super::world::{Body, Message};
use crate::talk::{Value, quoted};

/// What was asked of every message.
struct Request {
    items: Vec<String>,
    changed_since: u64,
    vanished: bool,
    by_uid: bool,
}

/// A part of a response.
enum Piece {
    Text(String),
    Body { body: Body, from: u64, to: u64 },
}

/// What quirks make of one message.
#[derive(Default)]
struct Bent {
    silent: bool,
    shuffled: bool,
    body_nil: bool,
    headless: bool,
    one_id: bool,
    size: Option<SizeLie>,
    date: Option<Option<String>>,
}

impl Session<'_> {
    pub(super) fn fetch(&mut self, command: &Command) -> io::Result<Done> {
        let Some(selected) = &self.selected else { return bad("no mailbox is selected") };
        let request = request_of(command);
        self.condstore |= request.changed_since > 0;
        let places = selected.of_set(&command.text(0), request.by_uid);
        let (user, name, read_only) = (self.user().to_owned(), selected.name.clone(), selected.read_only);
        let occasion = Occasion { user: &user, mailbox: &name, bytes: b"" };
        if request.items.iter().any(|item| item == "EMAILID") && self.shared.state().meets_quirk(occasion, &Quirk::NoEmailId) {
            return bad("Unknown FETCH item EMAILID");
        }
        let forgets = request.vanished && self.shared.state().meets_quirk(occasion, &Quirk::ForgetsVanished);
        if request.vanished && self.qresync && !forgets {
            let gone = self.world(|world| {
                let vanished = world.create(&name).vanished.iter().filter(|(_, at)| *at > request.changed_since);
                vanished.map(|(uid, _)| uid.to_string()).collect::<Vec<_>>()
            });
            if !gone.is_empty() {
                self.out.line(&format!("* VANISHED (EARLIER) {}", gone.join(",")))?;
            }
        }
        let mut gap = false;
        for (number, uid) in places {
            let (pieces, missing) = self.render(&user, &name, read_only, number, uid, &request);
            gap |= missing;
            for piece in pieces {
                match piece {
                    Piece::Text(text) => self.out.put(text.as_bytes())?,
                    Piece::Body { body, from, to } => self.out.body(&body, from, to)?,
                }
            }
        }
        if gap { no("[EXPUNGEISSUED] Some of the requested messages no longer exist.") } else { ok("done") }
    }

    /// The response, and whether the message is missing.
    fn render(&self, user: &str, name: &str, read_only: bool, number: usize, uid: u64, request: &Request) -> (Vec<Piece>, bool) {
        let mut state = self.shared.state();
        let Some(bytes) = state.world(user).find(name).and_then(|mailbox| mailbox.message(uid)).map(|message| message.body.clone()) else {
            return (Vec::new(), true);
        };
        let occasion = Occasion { user, mailbox: name, bytes: bytes.head() };
        let wants_body = request.items.iter().any(|item| item.starts_with("BODY") || item.starts_with("RFC822") && item != "RFC822.SIZE");
        if wants_body && state.meets_quirk(occasion, &Quirk::ExpungedBeforeFetch) {
            state.world(user).create(name).remove(uid);
            return (Vec::new(), true);
        }
        let sees = wants_body
            && !read_only
            && (request.items.iter().any(|item| marks_seen(item)) || state.meets_quirk(occasion, &Quirk::SeenByPeek));
        let wants = |word: &str| request.items.iter().any(|item| item == word);
        let bent = Bent {
            silent: wants_body && state.meets_quirk(occasion, &Quirk::NoFetchResponse),
            shuffled: state.meets_quirk(occasion, &Quirk::ShuffledItems),
            body_nil: wants_body && state.meets_quirk(occasion, &Quirk::BodyNil),
            headless: wants_body && state.meets_quirk(occasion, &Quirk::EmptyHeader),
            one_id: wants("EMAILID") && state.meets_quirk(occasion, &Quirk::OneEmailId),
            size: state.meets(occasion, |quirk| match quirk {
                Quirk::Size(lie) if wants("RFC822.SIZE") => Some(*lie),
                _ => None,
            }),
            date: state.meets(occasion, |quirk| match quirk {
                Quirk::ShowsDate(date) if wants("INTERNALDATE") => Some(date.clone()),
                _ => None,
            }),
        };
        let mailbox = state.world(user).create(name);
        if sees && mailbox.message(uid).is_some_and(|message| !message.flags.contains("\\Seen")) {
            let mut flags = mailbox.message(uid).map(|message| message.flags.clone()).unwrap_or_default();
            flags.insert("\\Seen".into());
            mailbox.set_flags(uid, flags);
        }
        let Some(message) = mailbox.message(uid) else { return (Vec::new(), true) };
        if bent.silent || (request.changed_since > 0 && message.modseq <= request.changed_since) {
            return (Vec::new(), false);
        }
        message.looks += u64::from(bent.size == Some(SizeLie::Grows));
        (response(number, message, request, &bent, self.condstore), false)
    }
}

fn marks_seen(item: &str) -> bool {
    item.starts_with("BODY[") || item == "RFC822" || item == "RFC822.TEXT"
}

fn request_of(command: &Command) -> Request {
    let by_uid = command.word.starts_with("UID");
    let asked: Vec<String> = match command.values.get(1) {
        Some(Value::List(items)) => items.iter().filter_map(Value::text).collect(),
        _ => vec![command.text(1)],
    };
    let mut items: Vec<String> = Vec::new();
    for item in asked.iter().map(|item| item.to_uppercase()) {
        match item.as_str() {
            "FAST" | "ALL" | "FULL" => items.extend(["FLAGS", "INTERNALDATE", "RFC822.SIZE"].map(String::from)),
            _ => items.push(item),
        }
    }
    if by_uid && !items.iter().any(|item| item == "UID") {
        items.insert(0, "UID".into());
    }
    let modifiers = command.values.get(2).map(Value::list).unwrap_or_default();
    let changed_since = Value::of(modifiers, "CHANGEDSINCE").and_then(Value::number).unwrap_or(0);
    if changed_since > 0 && !items.iter().any(|item| item == "MODSEQ") {
        items.push("MODSEQ".into());
    }
    Request { items, changed_since, vanished: modifiers.iter().any(|value| value.is_atom("VANISHED")), by_uid }
}

fn response(number: usize, message: &Message, request: &Request, bent: &Bent, condstore: bool) -> Vec<Piece> {
    let mut items: Vec<&str> = request.items.iter().map(String::as_str).collect();
    if bent.size == Some(SizeLie::First) {
        items.sort_by_key(|item| *item != "RFC822.SIZE");
    }
    if bent.shuffled {
        items.reverse();
        items.extend(["FLAGS", "X-UNKNOWN"]);
    }
    let mut pieces = Vec::new();
    let mut text = format!("* {number} FETCH (");
    let mut first = true;
    for item in items {
        let Some(answer) = answer_to(item, message, bent, condstore) else { continue };
        text.push_str(if first { "" } else { " " });
        first = false;
        text.push_str(&answer.0);
        if let Some((body, from, to)) = answer.1 {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Body { body, from, to });
        }
    }
    text.push_str(")\r\n");
    pieces.push(Piece::Text(text));
    pieces
}

type Answer = (String, Option<(Body, u64, u64)>);

fn answer_to(item: &str, message: &Message, bent: &Bent, condstore: bool) -> Option<Answer> {
    let plain = |text: String| Some((text, None));
    let words = |words: &BTreeSet<String>| words.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    match item {
        "UID" => plain(format!("UID {}", message.uid)),
        "FLAGS" => plain(format!("FLAGS ({})", words(&message.flags))),
        "INTERNALDATE" => match &bent.date {
            None => plain(format!("INTERNALDATE {}", quoted(&message.internal_date))),
            Some(shown) => shown.as_ref().and_then(|date| plain(format!("INTERNALDATE {}", quoted(date)))),
        },
        "RFC822.SIZE" => match bent.size {
            Some(SizeLie::Missing) => None,
            Some(SizeLie::Says(size)) => plain(format!("RFC822.SIZE {size}")),
            _ => plain(format!("RFC822.SIZE {}", message.body.len() + message.looks)),
        },
        "MODSEQ" if condstore => plain(format!("MODSEQ ({})", message.modseq)),
        "X-GM-MSGID" => plain(format!("X-GM-MSGID {}", message.id)),
        "EMAILID" if bent.one_id => plain("EMAILID (M1)".into()),
        "EMAILID" => plain(format!("EMAILID (M{})", message.id)),
        "X-GM-THRID" => plain(format!("X-GM-THRID {}", message.id)),
        "X-GM-LABELS" => plain(format!("X-GM-LABELS ({})", message.labels.iter().map(|label| quoted(label)).collect::<Vec<_>>().join(" "))),
        "X-UNKNOWN" => plain("X-UNKNOWN ((\"a\" NIL) {3}\r\n(\"( 7)".into()),
        _ => body_answer(item, message, bent),
    }
}

/// `BODY.PEEK[HEADER]<0.100>` and its relatives.
fn body_answer(item: &str, message: &Message, bent: &Bent) -> Option<Answer> {
    let (name, section) = match item {
        "RFC822" => ("RFC822".to_owned(), ""),
        "RFC822.HEADER" => ("RFC822.HEADER".to_owned(), "HEADER"),
        "RFC822.TEXT" => ("RFC822.TEXT".to_owned(), "TEXT"),
        _ => {
            let (_, rest) = item.split_once('[')?;
            let (section, _) = rest.split_once(']')?;
            (format!("BODY[{section}]"), section)
        }
    };
    if bent.body_nil {
        return Some((format!("{name} NIL"), None));
    }
    let body = &message.body;
    let head_length = body.head().windows(4).position(|window| window == b"\r\n\r\n").map_or(body.len(), |at| at as u64 + 4);
    let (body, from, to) = match section {
        "" if bent.headless => (body.clone(), head_length, body.len()),
        "" => (body.clone(), 0, body.len()),
        "HEADER" if bent.headless => (body.clone(), 0, 0),
        "HEADER" => (body.clone(), 0, head_length),
        "TEXT" => (body.clone(), head_length, body.len()),
        _ => {
            let wanted = section.split_once('(')?.1.trim_end_matches(')');
            let fields = Body::Bytes(fields_of(body.head(), wanted).into());
            let length = fields.len();
            (fields, 0, length)
        }
    };
    let partial = item.rsplit_once('<').and_then(|(_, range)| range.trim_end_matches('>').split_once('.'));
    let Some((start, count)) = partial.and_then(|(start, count)| Some((start.parse::<u64>().ok()?, count.parse::<u64>().ok()?))) else {
        return Some((format!("{name} {{{}}}\r\n", to - from), Some((body, from, to))));
    };
    let begin = (from + start).min(to);
    let end = (begin + count).min(to);
    Some((format!("{name}<{start}> {{{}}}\r\n", end - begin), Some((body, begin, end))))
}

/// Header fields with these names, folded lines with them.
fn fields_of(head: &[u8], wanted: &str) -> Vec<u8> {
    let wanted: Vec<&str> = wanted.split(' ').collect();
    let mut fields = Vec::new();
    let mut takes = false;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = String::from_utf8_lossy(line).split(':').next().unwrap_or_default().trim_end().to_uppercase();
            takes = wanted.contains(&name.as_str());
        }
        if takes {
            fields.extend_from_slice(line);
        }
    }
    fields.extend_from_slice(b"\r\n");
    fields
}
