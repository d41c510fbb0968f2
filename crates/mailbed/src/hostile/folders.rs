//! Commands about mailboxes that are not selected.

use std::io;

use super::command::Command;
use super::quirk::{Occasion, Quirk};
use super::session::{Done, Session, bad, no, ok};
use super::world::{World, canonical};
use crate::talk::{Value, quoted};

impl Session<'_> {
    pub(super) fn folders(&mut self, command: &Command) -> io::Result<Done> {
        let name = canonical(&command.text(0));
        match command.word.as_str() {
            "LIST" => self.list(command),
            "LSUB" => {
                let lines = self.world(|world| {
                    let names = world.subscriptions.iter().filter(|name| matches(&command.text(1), name, world.separator));
                    names.map(|name| format!("* LSUB () {} {}", quoted(&world.separator.to_string()), quoted(name))).collect::<Vec<_>>()
                });
                lines.iter().try_for_each(|line| self.out.line(line))?;
                ok("done")
            }
            "STATUS" => self.status(&name, command),
            "NAMESPACE" if self.shared.has("NAMESPACE") => {
                self.out.line(&format!("* NAMESPACE ((\"\" {})) NIL NIL", quoted(&self.shared.setup.separator.to_string())))?;
                ok("done")
            }
            "SUBSCRIBE" => {
                self.world(|world| world.subscriptions.insert(name));
                ok("done")
            }
            "UNSUBSCRIBE" => {
                self.world(|world| world.subscriptions.remove(&name));
                ok("done")
            }
            "CREATE" => self.create(&name),
            "DELETE" => match name != "INBOX" && self.world(|world| world.mailboxes.remove(&name)).is_some() {
                true => ok("done"),
                false => no("[NONEXISTENT] no such mailbox"),
            },
            "RENAME" => match self.world(|world| rename(world, &name, &canonical(&command.text(1)))) {
                true => ok("done"),
                false => no("[CANNOT] not these names"),
            },
            _ => bad("an unknown command"),
        }
    }

    fn create(&mut self, name: &str) -> io::Result<Done> {
        let user = self.user().to_owned();
        let separator = self.shared.setup.separator;
        let name = name.trim_end_matches(separator);
        let mut state = self.shared.state();
        let world = state.world(&user);
        if world.mailboxes.contains_key(name) {
            drop(state);
            return no("[ALREADYEXISTS] there is one");
        }
        let clash = world.mailboxes.keys().any(|other| other.eq_ignore_ascii_case(name));
        let occasion = Occasion { user: &user, mailbox: name, bytes: b"" };
        if clash && state.meets_quirk(occasion, &Quirk::NamesWithoutCase) {
            drop(state);
            return no("[ALREADYEXISTS] there is one, written otherwise");
        }
        state.world(&user).create(name);
        drop(state);
        ok("done")
    }

    fn list(&mut self, command: &Command) -> io::Result<Done> {
        let extended = command.values.len() > 2 || matches!(command.values.first(), Some(Value::List(_)));
        let user = self.user().to_owned();
        let mut state = self.shared.state();
        let occasion = Occasion { user: &user, ..Occasion::default() };
        if extended && (!self.shared.has("LIST-EXTENDED") || state.meets_quirk(occasion, &Quirk::ListExtendedBad)) {
            drop(state);
            return bad("Unknown argument");
        }
        if state.meets_quirk(occasion, &Quirk::ListsNothing) {
            drop(state);
            return ok("done");
        }
        let childless = state.meets_quirk(occasion, &Quirk::NoChildrenOnParent);
        let world = state.world(&user);
        let mut lines = Vec::new();
        let selection = matches!(command.values.first(), Some(Value::List(_)));
        let subscribed_only = command.values.first().is_some_and(|value| value.list().iter().any(|word| word.is_atom("SUBSCRIBED")));
        let pattern = command.text(1 + usize::from(selection));
        let returned = command.values.iter().skip_while(|value| !value.is_atom("RETURN")).nth(1).map(Value::list).unwrap_or_default();
        let statuses = returned.iter().skip_while(|value| !value.is_atom("STATUS")).nth(1).map(Value::list).unwrap_or_default();
        let tells_subscribed = subscribed_only || returned.iter().any(|word| word.is_atom("SUBSCRIBED"));
        if pattern.is_empty() {
            lines.push(format!("* LIST (\\Noselect) {} \"\"", quoted(&world.separator.to_string())));
        }
        for (name, mailbox) in world.mailboxes.iter().filter(|(name, _)| !pattern.is_empty() && matches(&pattern, name, world.separator)) {
            let subscribed = world.subscriptions.contains(name);
            if subscribed_only && !subscribed {
                continue;
            }
            let mut words: Vec<&str> = mailbox.attributes.iter().map(String::as_str).collect();
            words.push(if world.has_children(name) && !childless { "\\HasChildren" } else { "\\HasNoChildren" });
            words.extend((tells_subscribed && subscribed).then_some("\\Subscribed"));
            lines.push(format!("* LIST ({}) {} {}", words.join(" "), quoted(&world.separator.to_string()), quoted(name)));
            if !statuses.is_empty() && !mailbox.attributes.iter().any(|word| word == "\\Noselect") {
                lines.push(status_line(name, mailbox, statuses));
            }
        }
        drop(state);
        lines.iter().try_for_each(|line| self.out.line(line))?;
        ok("done")
    }

    fn status(&mut self, name: &str, command: &Command) -> io::Result<Done> {
        let user = self.user().to_owned();
        let mut state = self.shared.state();
        let occasion = Occasion { user: &user, mailbox: name, bytes: b"" };
        let becomes = state.meets(occasion, |quirk| if let Quirk::ValidityBecomes(validity) = quirk { Some(*validity) } else { None });
        let Some(mailbox) = state.world(&user).find(name).filter(|mailbox| !mailbox.attributes.iter().any(|word| word == "\\Noselect"))
        else {
            drop(state);
            return no("[NONEXISTENT] no such mailbox");
        };
        becomes.into_iter().for_each(|validity| mailbox.renumber(validity));
        let line = status_line(name, mailbox, command.values.get(1).map(Value::list).unwrap_or_default());
        drop(state);
        self.out.line(&line)?;
        ok("done")
    }
}

fn status_line(name: &str, mailbox: &super::world::Mailbox, items: &[Value]) -> String {
    let value = |item: &Value| {
        let word = item.text()?.to_uppercase();
        if word == "APPENDLIMIT" {
            let limit = mailbox.append_limit.map_or_else(|| "NIL".to_owned(), |limit| limit.to_string());
            return Some(format!("{word} {limit}"));
        }
        let number = match word.as_str() {
            "MESSAGES" => mailbox.messages.len() as u64,
            "RECENT" => 0,
            "UIDNEXT" => mailbox.uid_next,
            "UIDVALIDITY" => mailbox.uid_validity,
            "UNSEEN" => mailbox.messages.iter().filter(|message| !message.flags.contains("\\Seen")).count() as u64,
            "HIGHESTMODSEQ" => mailbox.modseq,
            "SIZE" => mailbox.messages.iter().map(|message| message.body.len()).sum(),
            _ => return None,
        };
        Some(format!("{word} {number}"))
    };
    format!("* STATUS {} ({})", quoted(name), items.iter().filter_map(value).collect::<Vec<_>>().join(" "))
}

fn rename(world: &mut World, from: &str, to: &str) -> bool {
    if world.mailboxes.contains_key(to) {
        return false;
    }
    let below = format!("{from}{}", world.separator);
    let names: Vec<String> = world.mailboxes.keys().filter(|name| *name == from || name.starts_with(&below)).cloned().collect();
    for name in &names {
        if let Some(mailbox) = world.mailboxes.remove(name) {
            world.mailboxes.insert(format!("{to}{}", &name[from.len()..]), mailbox);
        }
    }
    !names.is_empty()
}

/// `*` is anything, `%` anything within a level.
fn matches(pattern: &str, name: &str, separator: char) -> bool {
    let mut signs = pattern.chars();
    match signs.next() {
        None => name.is_empty(),
        Some(wild @ ('*' | '%')) => {
            let reach = if wild == '*' { name.len() } else { name.find(separator).unwrap_or(name.len()) };
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .take_while(|at| *at <= reach)
                .any(|at| matches(signs.as_str(), &name[at..], separator))
        }
        Some(sign) => name.strip_prefix(sign).is_some_and(|rest| matches(signs.as_str(), rest, separator)),
    }
}
