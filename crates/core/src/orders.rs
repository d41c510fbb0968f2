//! Orders to the source agent about move requests, as the console leaves them: one small file each in `NTA/ORDERS` of the share of every
//! source node that it reaches (R80, docs/formats/order.md).
//!
//! The last line holds the BLAKE3 of all before it. An order is done once, however often and wherever its file turns up: its id is
//! remembered in the ledger. The road not taken: a console that writes the agent's database, or a port that it listens on.

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{Priority, Wishes};
use serde::{Deserialize, Serialize};

use crate::model::Digest;
use crate::ports::{Share, ShareError};
use crate::spool;

/// Version 1: as below.
pub const ORDER_FORMAT: u32 = 1;
/// Bytes of an order that are read at most.
pub const ORDER_BYTES_MAX: u64 = 64 << 10;
/// An older order is refused: nobody means it any more.
pub const ORDER_AGE_MAX_MS: u64 = 30 * 86_400_000;
/// Letters of a batch, a comment, or the name of who orders.
const TEXT_MAX: usize = 1_000;
const SUFFIX: &str = ".order";
const SEAL: &str = "# blake3 ";

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub format: u32,
    /// 32 hex digits, never used twice.
    pub id: String,
    /// By the clock of whoever orders.
    pub issued_ms: u64,
    /// Who, for people.
    #[serde(default)]
    pub by: String,
    /// 32 hex digits.
    pub mailbox: String,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order", content = "with")]
pub enum What {
    New(Box<Ask>),
    Set(Box<Ask>),
    Suspend {
        comment: String,
    },
    Resume,
    Complete,
    Remove,
    /// Takes the switch back (R83).
    Undo,
    /// What the target has refused is sent once more.
    RetryRefused,
}

impl What {
    /// As the console's command is called.
    pub fn name(&self) -> &'static str {
        match self {
            What::New(_) => "new",
            What::Set(_) => "set",
            What::Suspend { .. } => "suspend",
            What::Resume => "resume",
            What::Complete => "complete",
            What::Remove => "remove",
            What::Undo => "undo",
            What::RetryRefused => "retry-refused",
        }
    }
}

/// What is asked for; where nothing is said, it stays as it is, or as it is by default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    /// `new` alone: the mailbox of the archive, 32 hex digits, that is moved with the primary mailbox as one (R76).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_when_ready: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevent_completion: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_items_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_items_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_large_data_loss: Option<bool>,
}

impl Ask {
    /// The wishes as they are with this; `Err`: why they may not be so.
    pub fn on(&self, wishes: Wishes) -> Result<Wishes, String> {
        let priority = match &self.priority {
            Some(name) => Priority::named(name).ok_or_else(|| format!("there is no priority `{name}`"))?,
            None => wishes.priority,
        };
        let asked = Wishes {
            priority,
            suspend_when_ready: self.suspend_when_ready.unwrap_or(wishes.suspend_when_ready),
            prevent_completion: self.prevent_completion.unwrap_or(wishes.prevent_completion),
            start_after_ms: self.start_after_ms.unwrap_or(wishes.start_after_ms),
            complete_after_ms: self.complete_after_ms.unwrap_or(wishes.complete_after_ms),
            interval_ms: self.interval_ms.unwrap_or(wishes.interval_ms),
            bad_items_max: self.bad_items_max.unwrap_or(wishes.bad_items_max),
            large_items_max: self.large_items_max.unwrap_or(wishes.large_items_max),
            accept_large_data_loss: self.accept_large_data_loss.unwrap_or(wishes.accept_large_data_loss),
        };
        if [&self.batch, &self.comment].into_iter().flatten().any(|text| is_long(text)) {
            return Err(format!("a batch or a comment has more than {TEXT_MAX} letters"));
        }
        asked.check().map(|()| asked)
    }

    /// The mailbox of the archive that is asked for.
    pub fn archive(&self) -> Option<MailboxId> {
        self.archive.as_deref()?.parse().ok()
    }

    pub fn is_empty(&self) -> bool {
        *self == Ask::default()
    }
}

impl Order {
    /// `id`: whatever is not used twice.
    pub fn new(id: Digest, issued_ms: u64, by: String, mailbox: MailboxId, what: What) -> Self {
        let id: String = id.to_string().chars().take(32).collect();
        Order { format: ORDER_FORMAT, id, issued_ms, by, mailbox: mailbox.to_string(), what }
    }

    pub fn mailbox(&self) -> Option<MailboxId> {
        self.mailbox.parse().ok()
    }

    /// Names sort as the orders were given.
    pub fn file_name(&self) -> String {
        format!("{:014}-{}{SUFFIX}", self.issued_ms, self.id)
    }

    pub fn render(&self) -> String {
        let body = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        let digest = Digest::of(body.as_bytes());
        format!("{body}{SEAL}{digest}\n")
    }

    /// `Err` is the cause.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let (body, seal) = text.rsplit_once(SEAL).ok_or("its last line, the digest, is missing")?;
        if seal.trim_end() != Digest::of(body.as_bytes()).to_string() {
            return Err("its digest does not match: it is damaged, or was edited by hand".into());
        }
        let format = serde_json::from_str::<FormatOnly>(body).map_err(|error| error.to_string())?.format;
        if format != ORDER_FORMAT {
            return Err(format!("it has format {format}; this version reads format {ORDER_FORMAT}"));
        }
        let order: Order = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let comment = match &order.what {
            What::Suspend { comment } => comment.as_str(),
            _ => "",
        };
        if is_long(comment) || is_long(&order.by) {
            return Err(format!("its comment, or the name of who gave it, has more than {TEXT_MAX} letters"));
        }
        let archive = match &order.what {
            What::New(ask) => ask.archive.as_ref().map(|_| ask.archive().filter(|archive| Some(*archive) != order.mailbox())),
            What::Set(ask) => ask.archive.as_ref().map(|_| None),
            _ => None,
        };
        if archive == Some(None) {
            return Err("its archive is no mailbox of its own, or it is not an order for something new".into());
        }
        let is_id = order.id.len() == 32 && order.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_id && order.mailbox().is_some() {
            true => Ok(order),
            false => Err("its id or its mailbox is not one".into()),
        }
    }

    /// Leaves it at a node: whole or not at all.
    pub fn leave(&self, share: &dyn Share) -> Result<(), ShareError> {
        let file = spool::orders().join(&self.file_name()).expect("digits and hex are a path component");
        share.replace(&file, self.render().as_bytes())
    }
}

fn is_long(text: &str) -> bool {
    text.chars().count() > TEXT_MAX
}

/// Whether a file of that folder is an order, as far as its name goes.
pub fn is_order(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(what: What) -> Order {
        Order::new(Digest::of(b"x"), 1_700_000_000_000, "anna".into(), MailboxId([7; 16]), what)
    }

    #[test]
    fn an_order_reads_back_as_itself_and_a_changed_one_does_not() -> Result<(), String> {
        let ask = Ask { batch: Some("first wave".into()), bad_items_max: Some(5), ..Ask::default() };
        let all = [What::New(Box::new(ask.clone())), What::Set(Box::new(ask)), What::Suspend { comment: "later".into() }];
        for order in all.into_iter().chain([What::Resume, What::Complete, What::Remove, What::Undo, What::RetryRefused]).map(order) {
            let text = order.render();
            assert_eq!(Order::parse(text.as_bytes())?, order);
            for at in 0..text.len() - 1 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                assert_ne!(Order::parse(&bytes).as_ref(), Ok(&order), "byte {at}");
                assert!(Order::parse(&text.as_bytes()[..at]).is_err(), "cut at {at}");
            }
        }
        Ok(())
    }

    #[test]
    fn an_order_of_a_newer_format_is_refused_with_both_numbers() {
        let text = Order { format: 2, ..order(What::Resume) }.render();
        assert_eq!(Order::parse(text.as_bytes()), Err("it has format 2; this version reads format 1".into()));
    }

    #[test]
    fn an_archive_is_another_mailbox_and_asked_for_with_the_request() {
        let ask = |archive: &str| Box::new(Ask { archive: Some(archive.into()), ..Ask::default() });
        let read = |what| Order::parse(order(what).render().as_bytes()).map(|_| ());
        assert_eq!(read(What::New(ask(&"08".repeat(16)))), Ok(()));
        for what in [What::New(ask(&"07".repeat(16))), What::New(ask("alice")), What::Set(ask(&"08".repeat(16)))] {
            assert!(read(what.clone()).is_err_and(|why| why.contains("archive")), "{what:?}");
        }
    }

    #[test]
    fn orders_sort_by_their_time() {
        let early = Order { issued_ms: 999_999_999_999, ..order(What::Resume) };
        assert!(early.file_name() < order(What::Resume).file_name());
    }

    #[test]
    fn what_is_not_asked_for_stays_as_it_is() {
        let had = Wishes { bad_items_max: 40, priority: Priority::High, ..Wishes::default() };
        assert_eq!(Ask::default().on(had), Ok(had));
        assert_eq!(Ask { large_items_max: Some(3), ..Ask::default() }.on(had), Ok(Wishes { large_items_max: 3, ..had }));
        assert!(Ask { bad_items_max: Some(51), ..Ask::default() }.on(had).is_err());
        assert!(Ask { priority: Some("urgent".into()), ..Ask::default() }.on(had).is_err());
        assert!(Ask { comment: Some("x".repeat(1_001)), ..Ask::default() }.on(had).is_err());
    }
}
