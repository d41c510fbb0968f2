//! STORE.

use std::collections::BTreeSet;
use std::io;

use super::command::Command;
use super::session::{Done, Session, bad, no, ok};
use crate::talk::Value;

impl Session<'_> {
    pub(super) fn store(&mut self, command: &Command) -> io::Result<Done> {
        let (user, by_uid) = (self.user().to_owned(), command.word.starts_with("UID"));
        let Some(selected) = &self.selected else { return bad("no mailbox is selected") };
        if selected.read_only {
            return no("[READ-ONLY] the mailbox was examined");
        }
        // The set, perhaps (UNCHANGEDSINCE n), the item, the flags.
        let unchanged_since = command.values.get(1).and_then(|value| Value::of(value.list(), "UNCHANGEDSINCE")).and_then(Value::number);
        let rest = &command.values[(1 + usize::from(unchanged_since.is_some())).min(command.values.len())..];
        let item = rest.first().and_then(Value::text).unwrap_or_default().to_uppercase();
        let asked: BTreeSet<String> = match rest.get(1) {
            Some(Value::List(flags)) => flags.iter().filter_map(Value::text).collect(),
            _ => rest.iter().skip(1).filter_map(Value::text).collect(),
        };
        let mut lines = Vec::new();
        let mut modified = Vec::new();
        let mut state = self.shared.state();
        let world = state.world(&user);
        let any_keyword = world.keywords_may_be_new;
        let Some(mailbox) = world.find(&selected.name) else { return no("the mailbox is gone") };
        for (number, uid) in selected.of_set(&command.text(0), by_uid) {
            let Some(message) = mailbox.message(uid) else { continue };
            if unchanged_since.is_some_and(|since| message.modseq > since) {
                modified.push(if by_uid { uid } else { number as u64 }.to_string());
                continue;
            }
            let mut flags = message.flags.clone();
            let known: BTreeSet<String> = mailbox.keywords().into_iter().map(str::to_owned).collect();
            let may = asked.iter().filter(|flag| any_keyword || flag.starts_with('\\') || known.contains(*flag)).cloned();
            match item.trim_end_matches(".SILENT") {
                "+FLAGS" => flags.extend(may),
                "-FLAGS" => flags.retain(|flag| !asked.contains(flag)),
                "FLAGS" => flags = may.collect(),
                _ => return bad("an item of STORE"),
            }
            let told: Vec<&str> = flags.iter().map(String::as_str).collect();
            let modseq = if self.condstore { format!(" MODSEQ ({})", mailbox.modseq + 1) } else { String::new() };
            let told = if item.ends_with(".SILENT") { String::new() } else { format!(" FLAGS ({})", told.join(" ")) };
            if !told.is_empty() || !modseq.is_empty() {
                lines.push(format!("* {number} FETCH (UID {uid}{told}{modseq})"));
            }
            mailbox.set_flags(uid, flags);
        }
        drop(state);
        lines.iter().try_for_each(|line| self.out.line(line))?;
        if modified.is_empty() { ok("done") } else { ok(&format!("[MODIFIED {}] some had changed", modified.join(","))) }
    }
}
