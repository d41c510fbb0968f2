//! Who has which rights in a mailbox (RFC 4314). They are told and set, and keep nobody out: one user has each world.

use std::io;

use super::command::Command;
use super::quirk::{Occasion, Quirk};
use super::session::{Done, Session, bad, no, ok};
use super::world::canonical;
use crate::talk::quoted;

impl Session<'_> {
    pub(super) fn rights(&mut self, command: &Command) -> io::Result<Done> {
        let (name, user) = (canonical(&command.text(0)), self.user().to_owned());
        let (who, letters) = (command.text(1), command.text(2));
        let mut state = self.shared.state();
        let occasion = Occasion { user: &user, mailbox: &name, bytes: who.as_bytes() };
        let added = match command.word.as_str() {
            "SETACL" => state.meets(occasion, |quirk| if let Quirk::AddsRights(letters) = quirk { Some(*letters) } else { None }),
            _ => None,
        };
        let keeps = command.word == "DELETEACL" && state.meets_quirk(occasion, &Quirk::KeepsRights);
        let Some(mailbox) = state.world(&user).find(&name) else {
            drop(state);
            return no("[NONEXISTENT] no such mailbox");
        };
        let line = match command.word.as_str() {
            "GETACL" => {
                let pairs = mailbox.rights.iter().map(|(who, letters)| format!(" {} {}", quoted(who), quoted(letters)));
                Some(format!("* ACL {}{}", quoted(&name), pairs.collect::<String>()))
            }
            "SETACL" => {
                mailbox.rights.insert(who, letters + added.unwrap_or_default());
                None
            }
            "DELETEACL" => {
                if !keeps {
                    mailbox.rights.remove(&who);
                }
                None
            }
            _ => {
                drop(state);
                return bad("an unknown command");
            }
        };
        drop(state);
        line.iter().try_for_each(|line| self.out.line(line))?;
        ok("done")
    }
}
