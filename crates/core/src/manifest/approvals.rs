//! What a person has looked at and accepted: item by item, in the state it was in (X04).
//!
//! A file beside the manifests of a mailbox, one JSON object a line, each with a digest of itself. An approval is bound to the mailbox,
//! to the item, to its state and to the bytes that stood at the target: of an item that gets worse afterwards nothing is accepted. Who
//! can write the file can approve; the next manifest repeats every approval under the agent's signature.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use serde::{Deserialize, Serialize};

use super::lines::{Approved, Item, State};
use crate::model::{Digest, Token};

/// Bytes of such a file at most.
pub const APPROVALS_BYTES_MAX: u64 = 64 << 20;
const VERSION: u32 = 1;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    approval: u32,
    mailbox: String,
    item: String,
    state: State,
    reread: Option<String>,
    who: String,
    when_ms: u64,
    why: String,
    /// BLAKE3 of the line with this field empty.
    check: String,
}

impl Approval {
    pub fn of(mailbox: MailboxId, item: &Item, approved: Approved) -> Self {
        let Approved { who, when_ms, why } = approved;
        let reread = item.at_target().map(|digest| digest.to_string());
        let (mailbox, item, state) = (mailbox.to_string(), item.token.to_string(), item.state);
        let approval = Approval { approval: VERSION, mailbox, item, state, reread, who, when_ms, why, check: String::new() };
        Approval { check: approval.own_check(), ..approval }
    }

    /// With its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn own_check(&self) -> String {
        let bare = Approval { check: String::new(), ..self.clone() };
        Digest::of(bare.line().as_bytes()).to_string()
    }
}

/// The approvals of one mailbox.
#[derive(Clone, Default, Debug)]
pub struct Approvals(BTreeMap<Token, Vec<Approval>>);

impl Approvals {
    /// What is wrong with the text, by its line, if anything.
    pub fn read(text: &str, mailbox: MailboxId) -> Result<Self, String> {
        let mut approvals = Approvals::default();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: &str| format!("line {}: {what}", at + 1);
            let approval: Approval = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
            if approval.approval != VERSION {
                return Err(wrong("an approval of another version"));
            }
            if approval.check != approval.own_check() {
                return Err(wrong("an approval that was changed or damaged"));
            }
            if approval.mailbox != mailbox.to_string() {
                return Err(wrong("an approval for another mailbox"));
            }
            let token = approval.item.parse().map_err(|_| wrong("no item"))?;
            approvals.0.entry(token).or_default().push(approval);
        }
        Ok(approvals)
    }

    /// Who has accepted this item as it is, if anybody.
    pub fn of(&self, item: &Item) -> Option<Approved> {
        let reread = item.at_target().map(|digest| digest.to_string());
        let known = self.0.get(&item.token)?.iter().rfind(|approval| approval.state == item.state && approval.reread == reread)?;
        Some(Approved { who: known.who.clone(), when_ms: known.when_ms, why: known.why.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxId = MailboxId([1; 16]);

    fn damaged() -> Item {
        Item { id: Some("a".into()), reread: Some(Digest::of(b"now")), ..Item::of(Token([2; 16]), State::Damaged) }
    }

    fn approval(item: &Item) -> String {
        Approval::of(MAILBOX, item, Approved { who: "ann".into(), when_ms: 5, why: "a bounce".into() }).line()
    }

    #[test]
    fn an_approval_is_of_one_item_in_one_state_with_its_bytes() {
        let approvals = Approvals::read(&approval(&damaged()), MAILBOX).expect("an approval");
        assert_eq!(approvals.of(&damaged()).map(|approved| approved.who), Some("ann".into()));
        for other in [
            Item { token: Token([3; 16]), ..damaged() },
            Item { state: State::Missing, ..damaged() },
            Item { reread: Some(Digest::of(b"later")), ..damaged() },
        ] {
            assert_eq!(approvals.of(&other), None, "{other:?}");
        }
    }

    #[test]
    fn an_approval_for_another_mailbox_or_a_changed_one_is_refused() {
        let text = approval(&damaged());
        assert!(Approvals::read(&text, MailboxId([9; 16])).expect_err("refused").contains("another mailbox"));
        for (from, to) in [("damaged", "missing"), ("ann", "bob"), ("\"approval\":1", "\"approval\":2"), ("02", "03"), ("bounce", "bounCe")]
        {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(Approvals::read(&changed, MAILBOX).is_err(), "{changed}");
        }
        assert!(Approvals::read("", MAILBOX).expect("none").of(&damaged()).is_none());
    }
}
