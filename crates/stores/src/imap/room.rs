//! What a target takes: messages up to a size (APPENDLIMIT, RFC 7889) and as much as a quota leaves free (RFC 9208). Sizes are looked
//! at before bytes go over the wire; a quota is told before a copy begins, and with the refusal where it ends one (T13, T14).

use std::collections::HashMap;

use mailferry_core::model::{FolderPath, TOO_LARGE};
use mailferry_core::ports::{Blast, Counted, Quota, Retry, StoreError};
use mailferry_imap::{Code, Command, Connection, ImapError, Resource, Response};

use super::target::ImapTarget;

/// Why a server does not take a message that is well as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lack {
    /// The message is larger than the largest it takes.
    TooBig,
    /// There is no room for it now.
    Full,
}

/// Cyrus says `Over quota` and Dovecot `[LIMIT]` with a size in words: codes alone do not tell.
pub fn lack(code: Option<&Code>, text: &str) -> Option<Lack> {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match code {
        Some(Code::TooBig) => Some(Lack::TooBig),
        Some(Code::OverQuota) => Some(Lack::Full),
        _ if says(&TOO_LARGE) => Some(Lack::TooBig),
        Some(Code::InUse | Code::Unavailable) => None,
        _ if says(&["quota", "mailbox full", "mailbox is full", "storage limit", "out of storage"]) => Some(Lack::Full),
        _ => None,
    }
}

/// The largest message, for the whole account or by folder.
#[derive(Default)]
pub struct Limits {
    of_all: Option<u64>,
    /// Asked for by STATUS; `None`: no limit.
    of_folders: Option<HashMap<FolderPath, Option<u64>>>,
}

impl Limits {
    pub fn new(connection: &Connection) -> Limits {
        let of_all = connection.capabilities().find_map(|word| word.strip_prefix("APPENDLIMIT=")?.parse().ok());
        let by_folder = of_all.is_none() && connection.has("APPENDLIMIT");
        Limits { of_all, of_folders: by_folder.then(HashMap::new) }
    }
}

impl ImapTarget {
    /// An error of the item where the server would not take so many bytes.
    pub(super) fn check_size(&mut self, folder: &FolderPath, bytes: u64) -> Result<(), StoreError> {
        match self.size_max(folder)? {
            Some(most) if bytes > most => {
                let cause = format!("it has {bytes} bytes, and the server takes {most} at most (APPENDLIMIT)");
                Err(StoreError::new(Blast::Item, Retry::Never, "append a message", self.place(folder), cause)
                    .hint("raise the limit of the server for this time; the message stays in its container and at the source"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn size_max(&mut self, folder: &FolderPath) -> Result<Option<u64>, StoreError> {
        let known = match &self.limits {
            Limits { of_all: Some(most), .. } => Some(Some(*most)),
            Limits { of_folders: Some(known), .. } => known.get(folder).copied(),
            Limits { of_folders: None, .. } => Some(None),
        };
        if let Some(known) = known {
            return Ok(known);
        }
        self.settle()?;
        let name = self.name(folder)?;
        let mut most = None;
        self.line.run(Blast::Folder, async |connection| {
            let each = |response| {
                if let Response::StatusOf(_, status) = response {
                    most = status.append_limit;
                }
            };
            let asked = connection.run(Command::new("STATUS").string(&name).text(" (APPENDLIMIT)"), each).await;
            asked.map(|_| ()).or_else(ImapError::unless_fatal)
        })?;
        self.limits.of_folders.get_or_insert_default().insert(folder.clone(), most);
        Ok(most)
    }

    /// The quotas of a folder; none where the server has none or does not tell.
    pub(super) fn quotas_of(&mut self, folder: &FolderPath) -> Result<Vec<Quota>, StoreError> {
        let mut quotas = Vec::new();
        if self.line.connection().has("QUOTA")
            && let Ok(name) = self.name(folder)
        {
            let each = |response| {
                if let Response::Quota(quota) = response {
                    let name = String::from_utf8_lossy(&quota.root).into_owned();
                    quotas.extend(quota.resources.iter().filter_map(|resource| told(&name, resource)));
                }
            };
            self.line.run(Blast::Mailbox, async |connection| {
                let asked = connection.run(Command::new("GETQUOTAROOT").string(&name), each).await;
                asked.map(|_| ()).or_else(ImapError::unless_fatal)
            })?;
        }
        Ok(quotas)
    }

    /// A refusal for lack of room, with how much there is.
    pub(super) fn with_room(&mut self, folder: &FolderPath, error: StoreError) -> StoreError {
        if !error.no_space {
            return error;
        }
        let quotas = self.quotas_of(folder).unwrap_or_default();
        let told: Vec<String> = quotas.iter().map(Quota::to_string).collect();
        let cause = std::iter::once(error.cause).chain(told).collect::<Vec<_>>().join("; ");
        StoreError { cause, ..error }
    }
}

/// Cyrus and Dovecot know resources besides, such as annotations and numbers of folders.
fn told(name: &str, resource: &Resource) -> Option<Quota> {
    let (counted, unit) = match resource.name.as_str() {
        "STORAGE" => (Counted::Bytes, 1024),
        "MESSAGE" => (Counted::Items, 1),
        _ => return None,
    };
    let of = |count: u64| count.saturating_mul(unit);
    Some(Quota { name: name.to_owned(), counted, used: of(resource.used), limit: of(resource.limit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_size_and_room_is_told_apart() {
        let other = Code::Other("X".into(), String::new());
        for (code, text, wanted) in [
            (None, "Over quota", Some(Lack::Full)),
            (Some(Code::OverQuota), "Quota exceeded (mailbox for user is full)", Some(Lack::Full)),
            (Some(Code::Limit), "Requested allocation size is too large", Some(Lack::TooBig)),
            (Some(Code::TooBig), "no", Some(Lack::TooBig)),
            (Some(Code::Limit), "not now", None),
            (Some(other), "Message too large", Some(Lack::TooBig)),
            (Some(Code::InUse), "the quota is being counted", None),
            (None, "Message contains invalid header", None),
        ] {
            assert_eq!(lack(code.as_ref(), text), wanted, "{text}");
        }
    }
}
