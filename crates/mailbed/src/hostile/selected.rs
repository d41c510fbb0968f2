//! The selected mailbox as one session sees it, and what opens, closes and empties it.

use std::collections::BTreeSet;
use std::io;

use super::command::Command;
use super::quirk::{Occasion, Quirk};
use super::session::{Done, Session, bad, no, ok};
use super::world::{World, canonical};
use crate::talk::Value;

pub(super) struct Selected {
    pub name: String,
    pub read_only: bool,
    /// By sequence number.
    pub uids: Vec<u64>,
    version: u64,
}

impl Selected {
    /// Those of a set, as sequence numbers (from 1) and UIDs, of what this session knows.
    pub fn of_set(&self, set: &str, by_uid: bool) -> Vec<(usize, u64)> {
        let top = if by_uid { self.uids.last().copied().unwrap_or(0) } else { self.uids.len() as u64 };
        let number = |text: &str| if text == "*" { top } else { text.parse().unwrap_or(0) };
        let mut places = BTreeSet::new();
        for range in set.split(',') {
            let (from, to) = range.split_once(':').unwrap_or((range, range));
            let (from, to) = (number(from).min(number(to)), number(from).max(number(to)));
            let place = |number: u64| if by_uid { self.uids.partition_point(|uid| *uid < number) as u64 } else { number.saturating_sub(1) };
            places.extend(place(from)..place(to.saturating_add(1)).min(self.uids.len() as u64));
        }
        places.into_iter().map(|at| (at as usize + 1, self.uids[at as usize])).collect()
    }
}

impl Session<'_> {
    pub(super) fn on_mailbox(&mut self, command: &Command) -> io::Result<Done> {
        match command.word.as_str() {
            "SELECT" | "EXAMINE" => self.select(command),
            _ if self.selected.is_none() => bad("no mailbox is selected"),
            "UNSELECT" => {
                self.selected = None;
                ok("done")
            }
            "CLOSE" => {
                self.expunge(None);
                self.selected = None;
                ok("done")
            }
            "EXPUNGE" => {
                self.expunge(None);
                ok("done")
            }
            "UID EXPUNGE" if self.shared.has("UIDPLUS") => {
                self.expunge(Some(&command.text(0)));
                ok("done")
            }
            "COPY" | "UID COPY" | "MOVE" | "UID MOVE" => self.copy(command),
            _ => bad("unknown"),
        }
    }

    fn select(&mut self, command: &Command) -> io::Result<Done> {
        let name = canonical(&command.text(0));
        let (before, user) = (self.selected.take(), self.user().to_owned());
        let mut state = self.shared.state();
        let occasion = Occasion { user: &user, mailbox: &name, bytes: b"" };
        let becomes = state.meets(occasion, |quirk| if let Quirk::ValidityBecomes(validity) = quirk { Some(*validity) } else { None });
        let late = before.is_some_and(|before| !before.uids.is_empty()) && state.meets_quirk(occasion, &Quirk::ExpungeAfterSelect);
        let jumps = state.meets_quirk(occasion, &Quirk::ExistsJumps);
        let world = state.world(&user);
        let any_keyword = if world.keywords_may_be_new { " \\*" } else { "" };
        let Some(mailbox) = world.find(&name).filter(|mailbox| !mailbox.attributes.iter().any(|word| word == "\\Noselect")) else {
            drop(state);
            return no("[NONEXISTENT] no such mailbox");
        };
        becomes.into_iter().for_each(|validity| mailbox.renumber(validity));
        let keywords: String = mailbox.keywords().into_iter().map(|keyword| format!(" {keyword}")).collect();
        let system = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
        let mut lines =
            vec![format!("* FLAGS ({system}{keywords})"), format!("* OK [PERMANENTFLAGS ({system}{keywords}{any_keyword})] flags")];
        let exists = mailbox.messages.len();
        lines.extend([exists + 5, exists].into_iter().skip(usize::from(!jumps)).map(|count| format!("* {count} EXISTS")));
        lines.push("* 0 RECENT".into());
        lines.push(format!("* OK [UIDVALIDITY {}] valid", mailbox.uid_validity));
        lines.push(format!("* OK [UIDNEXT {}] next", mailbox.uid_next));
        if self.shared.has("CONDSTORE") {
            lines.push(format!("* OK [HIGHESTMODSEQ {}] highest", mailbox.modseq));
        }
        lines.extend(resync(mailbox, command.values.get(1).filter(|_| self.qresync)));
        let selected = Selected { name, read_only: command.word == "EXAMINE", uids: mailbox.uids(), version: mailbox.version };
        drop(state);
        if late {
            self.out.line("* 1 EXPUNGE")?;
        }
        lines.iter().try_for_each(|line| self.out.line(line))?;
        let mode = if selected.read_only { "[READ-ONLY] done" } else { "[READ-WRITE] done" };
        self.selected = Some(selected);
        ok(mode)
    }

    /// Messages with `\Deleted`; of the set alone where there is one.
    fn expunge(&mut self, set: Option<&str>) {
        let user = self.user().to_owned();
        let Some(selected) = self.selected.as_ref().filter(|selected| !selected.read_only) else { return };
        let uids = selected.of_set(set.unwrap_or("1:*"), set.is_some());
        let mut state = self.shared.state();
        let Some(mailbox) = state.world(&user).find(&selected.name) else { return };
        for (_, uid) in uids {
            if mailbox.message(uid).is_some_and(|message| message.flags.contains("\\Deleted")) {
                mailbox.remove(uid);
            }
        }
    }

    fn copy(&mut self, command: &Command) -> io::Result<Done> {
        let (user, target) = (self.user().to_owned(), canonical(&command.text(1)));
        let Some(selected) = &self.selected else { return bad("no mailbox is selected") };
        let uids = selected.of_set(&command.text(0), command.word.starts_with("UID"));
        let mut state = self.shared.state();
        let world = state.world(&user);
        if !world.mailboxes.contains_key(&target) {
            drop(state);
            return no("[TRYCREATE] no such mailbox");
        }
        for (_, uid) in uids {
            let Some(message) = world.find(&selected.name).and_then(|mailbox| mailbox.message(uid).cloned()) else { continue };
            world.create(&target).put(message);
            if command.word.ends_with("MOVE") {
                world.create(&selected.name).remove(uid);
            }
        }
        drop(state);
        ok("done")
    }

    /// EXPUNGE and EXISTS that this session has not heard of; not after commands by sequence number (RFC 3501, 7.4.1).
    pub(super) fn tell_news(&mut self, word: &str) -> io::Result<()> {
        let user = self.user().to_owned();
        let qresync = self.qresync;
        let Some(selected) = &mut self.selected else { return Ok(()) };
        let mut state = self.shared.state();
        let occasion = Occasion { user: &user, mailbox: &selected.name, bytes: b"" };
        if state.meets_quirk(occasion, &Quirk::OtherAppends) {
            state.world(&user).add(&selected.name, b"Subject: from another client\r\n\r\nnew\r\n", &[]);
        }
        if state.meets_quirk(occasion, &Quirk::OtherExpunges) {
            let mailbox = state.world(&user).create(&selected.name);
            mailbox.uids().first().into_iter().for_each(|uid| mailbox.remove(*uid));
        }
        let Some(mailbox) = state.world(&user).find(&selected.name) else { return Ok(()) };
        if mailbox.version == selected.version || matches!(word, "FETCH" | "STORE" | "SEARCH") {
            return Ok(());
        }
        selected.version = mailbox.version;
        let new = mailbox.uids();
        drop(state);
        let old = std::mem::replace(&mut selected.uids, new);
        let gone: Vec<usize> = (0..old.len()).rev().filter(|at| selected.uids.binary_search(&old[*at]).is_err()).collect();
        let left = old.len() - gone.len();
        for at in gone {
            let line = if qresync { format!("* VANISHED {}", old[at]) } else { format!("* {} EXPUNGE", at + 1) };
            self.out.line(&line)?;
        }
        if selected.uids.len() != left {
            self.out.line(&format!("* {} EXISTS", selected.uids.len()))?;
        }
        Ok(())
    }

    pub(super) fn world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(self.shared.state().world(self.user()))
    }
}

/// What a client that was here before is told: `(QRESYNC (validity modseq ..))`.
fn resync(mailbox: &super::world::Mailbox, parameters: Option<&Value>) -> Vec<String> {
    let known = parameters.and_then(|parameters| Value::of(parameters.list(), "QRESYNC")).map(Value::list).unwrap_or_default();
    let (Some(validity), Some(modseq)) = (known.first().and_then(Value::number), known.get(1).and_then(Value::number)) else {
        return Vec::new();
    };
    if validity != mailbox.uid_validity {
        return Vec::new();
    }
    let gone: Vec<String> = mailbox.vanished.iter().filter(|(_, at)| *at > modseq).map(|(uid, _)| uid.to_string()).collect();
    let mut lines = Vec::new();
    if !gone.is_empty() {
        lines.push(format!("* VANISHED (EARLIER) {}", gone.join(",")));
    }
    for (at, message) in mailbox.messages.iter().enumerate().filter(|(_, message)| message.modseq > modseq) {
        let flags: Vec<&str> = message.flags.iter().map(String::as_str).collect();
        lines.push(format!("* {} FETCH (UID {} FLAGS ({}) MODSEQ ({}))", at + 1, message.uid, flags.join(" "), message.modseq));
    }
    lines
}
