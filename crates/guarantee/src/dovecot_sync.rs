//! Dovecot kept equal by `doveadm sync`, without a replicator (R77).
//!
//! Two ways to know. By a run: to ask is to sync, and what was committed before a run began that ended well is at the other
//! node. By a stamp: the job that syncs anyway writes down, in seconds since 1970, when its last run that ended well began.
//! Such a set-up has no queue that could be counted: it counts as empty, and the age of the last run as replay that is behind.

use std::sync::Arc;
use std::time::Duration;

use mailferry_command::output_of;
use mailferry_core::ports::Clock;
use mailferry_rules::guarantee::{Copy, State};

use crate::place::{Place, active, filled};
use crate::provider::Provider;

pub struct DovecotSync {
    pub doveadm: String,
    pub options: Vec<String>,
    pub user: String,
    pub how: How,
    pub active: Place,
    pub passive: Place,
    pub patience: Duration,
    pub clock: Arc<dyn Clock>,
}

pub enum How {
    /// The other side, as `doveadm sync` takes it: `tcp:host:port`, `ssh user@host doveadm dsync-server`, ...
    Run { remote: Vec<String> },
    /// A file.
    Stamp { path: String },
}

const STAMP_BYTES_MAX: u64 = 64;

impl DovecotSync {
    /// When the run began; it ended well.
    fn run(&self, remote: &[String], user: &str) -> Result<u64, String> {
        let began_ms = self.clock.now_ms();
        let command = ["sync", "-u", user].map(String::from);
        let arguments: Vec<String> = self.options.iter().cloned().chain(command).chain(remote.iter().cloned()).collect();
        // Code 2: something changed meanwhile, and a part is not synced.
        output_of(&self.doveadm, &arguments, self.patience)?;
        Ok(began_ms)
    }

    fn stamp(path: &str, now_ms: u64) -> Result<u64, String> {
        let about = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?;
        if about.len() > STAMP_BYTES_MAX {
            return Err(format!("{path} is no stamp"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let digits = text.trim_end();
        let number = digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let began_ms = number.and_then(|seconds| seconds.checked_mul(1000)).ok_or_else(|| format!("{path} is no stamp"))?;
        if began_ms > now_ms { Err(format!("{path} is a stamp of the future")) } else { Ok(began_ms) }
    }
}

impl Provider for DovecotSync {
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let user = filled(&self.user, store)?;
        let (began_ms, behind_ms) = match &self.how {
            How::Run { remote } => (self.run(remote, &user)?, 0),
            How::Stamp { path } => {
                let now_ms = self.clock.now_ms();
                let began_ms = Self::stamp(&filled(path, store)?, now_ms)?;
                (began_ms, now_ms - began_ms)
            }
        };
        let passive = Copy {
            site: self.passive.site.clone(),
            copy_queue: Some(0),
            replay_behind_ms: Some(behind_ms),
            replayed_until_ms: Some(began_ms),
            ..Copy::new(&self.passive.name, false, State::Healthy)
        };
        Ok(vec![active(&self.active), passive])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::At;

    fn copies(stamp: &str, now_ms: u64) -> Result<Vec<Copy>, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        std::fs::write(dir.path().join("alice"), stamp).map_err(|error| error.to_string())?;
        let place = |name: &str| Place { name: name.into(), site: None };
        let sync = DovecotSync {
            doveadm: "no-such-program".into(),
            options: Vec::new(),
            user: "{user}".into(),
            how: How::Stamp { path: dir.path().join("{user}").display().to_string() },
            active: place("A"),
            passive: place("B"),
            patience: Duration::from_secs(1),
            clock: Arc::new(At(now_ms)),
        };
        sync.copies("imap://alice@b")
    }

    #[test]
    fn a_stamp_is_when_the_last_sync_that_ended_well_began() {
        let copies = copies("1000\n", 1_060_500).unwrap();
        assert_eq!((copies[1].replayed_until_ms, copies[1].replay_behind_ms), (Some(1_000_000), Some(60_500)));
        assert_eq!((copies[1].copy_queue, &copies[1].state), (Some(0), &State::Healthy));
    }

    #[test]
    fn what_is_no_stamp_or_one_of_the_future_is_no_answer() {
        for odd in ["", "\n", "-5", "+5", " 5", "1e3", "1000 ok", "18446744073709551615", "1061", &"1".repeat(65)] {
            assert!(copies(odd, 1_060_500).is_err(), "{odd:?}");
        }
    }
}
