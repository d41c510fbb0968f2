//! APPEND: all messages of a command, or none.

use std::collections::BTreeSet;
use std::io;

use super::command::Command;
use super::quirk::{DateDislike, Dislike, Occasion, Quirk, Rewrite, TooBig};
use super::session::{Done, Session, bad, no};
use super::state::{State, Stored};
use super::world::{Body, Message, canonical};
use crate::talk::Value;

struct Arrival {
    flags: Vec<String>,
    date: Option<String>,
    bytes: Vec<u8>,
}

impl Session<'_> {
    pub(super) fn append(&mut self, command: &Command) -> io::Result<Done> {
        let name = canonical(&command.text(0));
        let arrivals = arrivals_of(command.values.get(1..).unwrap_or_default());
        if arrivals.is_empty() || (arrivals.len() > 1 && !self.shared.has("MULTIAPPEND")) {
            return bad("no message, or more than one");
        }
        for arrival in &arrivals {
            match self.refused(&name, arrival) {
                Some(text) if text.starts_with("BYE") => {
                    self.out.line(&format!("* {text}"))?;
                    return Ok(Done::Close);
                }
                Some(text) => return Ok(Done::Answer(text)),
                None => {}
            }
        }
        let user = self.user().to_owned();
        let mut state = self.shared.state();
        if state.world(&user).find(&name).is_none_or(|mailbox| mailbox.attributes.iter().any(|word| word == "\\Noselect")) {
            drop(state);
            return no("[TRYCREATE] Mailbox does not exist");
        }
        let first = arrivals[0].bytes.clone();
        let occasion = Occasion { user: &user, mailbox: &name, bytes: &first };
        if let Some(validity) =
            state.meets(occasion, |quirk| if let Quirk::ValidityBecomes(validity) = quirk { Some(*validity) } else { None })
        {
            state.world(&user).create(&name).renumber(validity);
        }
        let uids: Vec<u64> = arrivals.into_iter().map(|arrival| keep(&mut state, &user, &name, arrival)).collect();
        if state.meets_quirk(occasion, &Quirk::LostAppendAnswer) {
            return Ok(Done::Close);
        }
        let late = state.meets(occasion, |quirk| if let Quirk::LateAppendAnswer(wait) = quirk { Some(*wait) } else { None });
        let answer = answer(&mut state, occasion, &uids, self.shared.has("UIDPLUS"));
        drop(state);
        // A server that takes its time is what is played here.
        late.into_iter().for_each(std::thread::sleep);
        Ok(Done::Answer(answer))
    }

    fn refused(&self, name: &str, arrival: &Arrival) -> Option<String> {
        let occasion = Occasion { user: self.user(), mailbox: name, bytes: &arrival.bytes };
        let mut state = self.shared.state();
        if state.meets_quirk(occasion, &Quirk::PoisonBye) {
            return Some("BYE Invalid character in literal".into());
        }
        let disliked = |quirk: &Quirk| if let Quirk::Dislikes(what) = quirk { complaint(*what, &arrival.bytes) } else { None };
        let dated =
            |quirk: &Quirk| if let Quirk::DislikesDate(what) = quirk { date_complaint(*what, arrival.date.as_deref()) } else { None };
        let flagged = |quirk: &Quirk| match quirk {
            Quirk::RefusesKeywordsWith(signs) if arrival.flags.iter().any(|flag| flag.contains(|sign| signs.contains(sign))) => {
                Some("BAD Invalid flag in Append command".to_owned())
            }
            _ => None,
        };
        let refused = state.meets(occasion, |quirk| disliked(quirk).or_else(|| dated(quirk)).or_else(|| flagged(quirk)));
        drop(state);
        refused.or_else(|| self.too_big(name, arrival.bytes.len() as u64))
    }

    pub(super) fn too_big(&self, name: &str, length: u64) -> Option<String> {
        let occasion = Occasion { user: self.user(), mailbox: name, bytes: b"" };
        let limit = self.world(|world| world.find(name).and_then(|mailbox| mailbox.append_limit));
        if limit.is_some_and(|limit| length > limit) {
            return Some("NO [TOOBIG] Message is too large".to_owned());
        }
        self.shared.state().meets(occasion, |quirk| match quirk {
            Quirk::TooBig { bytes, how: TooBig::No } if length > *bytes => Some("NO [TOOBIG] Message is too large".to_owned()),
            Quirk::TooBig { bytes, how: TooBig::Bad } if length > *bytes => Some("BAD Command Argument Error. 11".to_owned()),
            _ => None,
        })
    }
}

fn arrivals_of(values: &[Value]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut flags = Vec::new();
    let mut date = None;
    let mut rest = values.iter().peekable();
    while let Some(value) = rest.next() {
        match value {
            Value::List(list) => flags = list.iter().filter_map(Value::text).collect(),
            // A date is quoted, and a message follows it.
            Value::Text(text) if date.is_none() && looks_like_a_date(text) && rest.peek().is_some() => {
                date = Some(String::from_utf8_lossy(text).into_owned());
            }
            Value::Text(bytes) => arrivals.push(Arrival { flags: std::mem::take(&mut flags), date: date.take(), bytes: bytes.clone() }),
            Value::Atom(_) => {}
        }
    }
    arrivals
}

fn looks_like_a_date(text: &[u8]) -> bool {
    text.len() <= 26 && text.iter().filter(|byte| **byte == b'-').count() >= 2 && text.contains(&b':')
}

fn keep(state: &mut State, user: &str, name: &str, arrival: Arrival) -> u64 {
    let occasion = Occasion { user, mailbox: name, bytes: &arrival.bytes };
    let mut kept = arrival.bytes.clone();
    if let Some(rewrite) = state.meets(occasion, |quirk| if let Quirk::Rewrites(rewrite) = quirk { Some(*rewrite) } else { None }) {
        kept = rewritten(rewrite, &kept);
    }
    let flags = kept_flags(state, occasion, &arrival.flags);
    let asks = arrival.bytes.windows(28).any(|window| window.eq_ignore_ascii_case(b"Disposition-Notification-To:"));
    if asks && !flags.contains("\\Seen") && state.meets_quirk(occasion, &Quirk::SendsReceipts) {
        state.receipts.push(name.into());
    }
    let world = state.world(user);
    let mut message = Message::new(Body::Bytes(kept.into()), flags);
    message.id = world.fresh_id();
    if let Some(date) = &arrival.date {
        message.internal_date.clone_from(date);
    }
    let uid = world.create(name).put(message);
    let Arrival { flags, date, bytes } = arrival;
    state.stored.push(Stored { user: user.into(), mailbox: name.into(), uid, flags, date, bytes });
    uid
}

/// What PERMANENTFLAGS and the quirks leave of them.
fn kept_flags(state: &mut State, occasion: Occasion<'_>, asked: &[String]) -> BTreeSet<String> {
    let lost = state.meets(occasion, |quirk| match quirk {
        Quirk::LosesFlagOnAppend(flag) if asked.iter().any(|asked| asked == flag) => Some(*flag),
        _ => None,
    });
    let most = state.meets(occasion, |quirk| match quirk {
        Quirk::KeywordsMax(most) if asked.iter().any(|flag| !flag.starts_with('\\')) => Some(*most),
        _ => None,
    });
    let world = state.world(occasion.user);
    let may_be_new = world.keywords_may_be_new;
    let known: BTreeSet<String> = world.create(occasion.mailbox).keywords().into_iter().map(str::to_owned).collect();
    let mut kept = BTreeSet::new();
    let mut new = 0;
    for flag in asked.iter().filter(|flag| Some(flag.as_str()) != lost && flag.as_str() != "\\Recent") {
        let is_new = !flag.starts_with('\\') && !known.contains(flag);
        let has_room = most.is_none_or(|most| known.len() + new < most);
        if !is_new || (may_be_new && has_room) {
            new += usize::from(is_new);
            kept.insert(flag.clone());
        }
    }
    kept
}

fn answer(state: &mut State, occasion: Occasion<'_>, uids: &[u64], uidplus: bool) -> String {
    if !uidplus || state.meets_quirk(occasion, &Quirk::NoAppendUid) {
        return "OK done".into();
    }
    let wrong_validity = state.meets_quirk(occasion, &Quirk::WrongAppendUidValidity);
    let wrong_uid = state.meets_quirk(occasion, &Quirk::WrongAppendUid);
    let validity = state.world(occasion.user).create(occasion.mailbox).uid_validity + u64::from(wrong_validity) * 7;
    let moved = |uid: u64| if wrong_uid { uid.saturating_sub(1).max(1) } else { uid };
    let set = match uids {
        [uid] => moved(*uid).to_string(),
        _ => format!("{}:{}", moved(uids[0]), moved(uids[uids.len() - 1])),
    };
    format!("OK [APPENDUID {validity} {set}] done")
}

fn header_of(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    &bytes[..end]
}

fn complaint(dislike: Dislike, bytes: &[u8]) -> Option<String> {
    let bare = |sign: u8, neighbour: Option<u8>, other: u8| sign == other && neighbour != Some(if other == b'\n' { b'\r' } else { b'\n' });
    let line_max = |max: usize| bytes.split(|byte| *byte == b'\n').any(|line| line.len() > max);
    let (disliked, text) = match dislike {
        Dislike::NoFinalCrlf => (!bytes.ends_with(b"\r\n"), "BAD [CLIENTBUG] Additional arguments found after last expected argument"),
        Dislike::BareLf => {
            ((0..bytes.len()).any(|at| bare(bytes[at], at.checked_sub(1).map(|at| bytes[at]), b'\n')), "NO Message contains bare newlines")
        }
        Dislike::BareCr => ((0..bytes.len()).any(|at| bare(bytes[at], bytes.get(at + 1).copied(), b'\r')), "NO Message contains bare CR"),
        Dislike::Nul => (bytes.contains(&0), "NO Message contains NUL characters"),
        Dislike::LineLongerThan(max) => (line_max(max), "NO Maximum line length exceeded (see RFC 821 section 4.5.3.1)"),
        Dislike::EightBitHeader => (!header_of(bytes).is_ascii(), "NO Message contains invalid header"),
        Dislike::NoHeader => {
            let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            (!first.contains(&b':'), "NO Message contains invalid header")
        }
        Dislike::FromLine => (bytes.starts_with(b"From "), "NO Message contains invalid header"),
        Dislike::HeaderLongerThan(max) => (header_of(bytes).len() > max, "NO Message header is too long"),
    };
    disliked.then(|| text.into())
}

fn date_complaint(dislike: DateDislike, date: Option<&str>) -> Option<String> {
    let date = date?;
    let year = || date.split('-').nth(2).and_then(|rest| rest.get(..4)).and_then(|year| year.parse::<u32>().ok());
    let disliked = match dislike {
        DateDislike::OneDigitDay => date.starts_with(' ') || date.as_bytes().get(1) == Some(&b'-'),
        DateDislike::Before1970 => year().is_some_and(|year| year < 1970),
    };
    disliked.then(|| "BAD Invalid date-time in Append command".into())
}

fn rewritten(rewrite: Rewrite, bytes: &[u8]) -> Vec<u8> {
    let head = header_of(bytes).len();
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let is_id = |line: &&str| line.to_lowercase().starts_with("message-id:");
    let new_head = match rewrite {
        Rewrite::AddsReceived => return [b"Received: by hostile.example; Mon, 4 Jan 2010 10:00:00 +0000\r\n", bytes].concat(),
        Rewrite::FinalLine => return [bytes, b"\r\n"].concat(),
        Rewrite::NewMessageId => {
            let id = format!("Message-ID: <{}@hostile.example>", &blake3::hash(bytes).to_hex()[..16]);
            let mut lines: Vec<&str> = text.split("\r\n").filter(|line| !is_id(line)).collect();
            lines.push(&id);
            lines.join("\r\n")
        }
        Rewrite::HeaderNamesInCapitals => {
            let capitals = |line: &str| match line.split_once(':') {
                Some((name, rest)) if !line.starts_with([' ', '\t']) => format!("{}:{rest}", name.to_uppercase()),
                _ => line.to_owned(),
            };
            text.split("\r\n").map(capitals).collect::<Vec<_>>().join("\r\n")
        }
    };
    [new_head.as_bytes(), &bytes[head..]].concat()
}
