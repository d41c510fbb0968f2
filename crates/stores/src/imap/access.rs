//! What a run knows besides addresses: secrets that were given to it, and connections that one store has left for the next.
//!
//! A pass looks at an account several times: to plan, to see whether it is empty, to move. Only the first logs in. A connection is
//! kept when nothing is under way on it, and asked whether it is still there before it is used again. Agents that live for weeks keep
//! none: between their sessions lies a minute, and a server has better use for the place.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mailferry_imap::Secret;

use super::line::Live;
use super::settings::ImapUrl;

/// By default nothing is known and nothing kept.
#[derive(Clone, Default)]
pub struct Access {
    secrets: Arc<BTreeMap<String, Secret>>,
    idle: Option<Arc<Idle>>,
}

/// By address.
type Idle = Mutex<HashMap<String, Vec<Live>>>;

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    /// Of one run: secrets by address, connections kept until `let_go`.
    pub fn of_run(secrets: BTreeMap<String, Secret>) -> Self {
        Access { secrets: Arc::new(secrets), idle: Some(Arc::default()) }
    }

    pub(super) fn secret(&self, url: &ImapUrl) -> Option<Secret> {
        self.secrets.get(&url.to_string()).cloned()
    }

    pub(super) fn take(&self, url: &ImapUrl) -> Option<Live> {
        loop {
            let kept = self.kept()?.get_mut(&url.to_string())?.pop()?;
            if let Some(live) = kept.refreshed() {
                return Some(live);
            }
        }
    }

    pub(super) fn keep(&self, url: &ImapUrl, live: Live) {
        if live.is_at_rest()
            && let Some(mut kept) = self.kept()
        {
            kept.entry(url.to_string()).or_default().push(live);
        }
    }

    /// Says goodbye to the connections kept for this address: its mailbox is done.
    pub fn let_go(&self, url: &str) {
        let idle = self.kept().and_then(|mut kept| kept.remove(url));
        drop(idle);
    }

    fn kept(&self) -> Option<std::sync::MutexGuard<'_, HashMap<String, Vec<Live>>>> {
        self.idle.as_ref().map(|idle| idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
