//! Dovecot's replicator: `doveadm replicator status` (R77).
//!
//! It tells ages in whole seconds: of the beginning of the last sync ("fast sync"), and of the end of the last one that went
//! well ("success sync"). What was committed before the beginning of a sync that went well is at the other node, what was
//! committed while it ran may not be: so the beginning is the time of replay, and only when that very sync has ended well.
//! A sync that runs right now, or one that failed, says nothing of how far the copy is.

use std::sync::Arc;
use std::time::Duration;

use mailferry_command::output_of;
use mailferry_core::ports::Clock;
use mailferry_rules::guarantee::{Copy, State};

use crate::place::{Place, active, filled};
use crate::provider::Provider;

pub struct DovecotReplicator {
    pub doveadm: String,
    /// Before the command, such as `-c /etc/dovecot/dovecot.conf`.
    pub options: Vec<String>,
    /// Whose mail the store holds; `{user}` unless set otherwise.
    pub user: String,
    pub active: Place,
    pub passive: Place,
    pub patience: Duration,
    pub clock: Arc<dyn Clock>,
}

impl DovecotReplicator {
    fn doveadm(&self, command: &[&str]) -> Result<String, String> {
        let arguments: Vec<String> = self.options.iter().cloned().chain(command.iter().map(ToString::to_string)).collect();
        output_of(&self.doveadm, &arguments, self.patience)
    }
}

impl Provider for DovecotReplicator {
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let user = filled(&self.user, store)?;
        // Ages are counted back from a moment after this one.
        let asked_ms = self.clock.now_ms();
        let said = self.doveadm(&["-f", "tab", "replicator", "status", &user])?;
        let copy = read(&said, &user, asked_ms)?;
        Ok(vec![active(&self.active), Copy { name: self.passive.name.clone(), site: self.passive.site.clone(), ..copy }])
    }

    fn roll(&self, store: &str) -> Result<(), String> {
        let user = filled(&self.user, store)?;
        self.doveadm(&["replicator", "replicate", "-p", "high", &user]).map(drop)
    }
}

const HEAD: [&str; 6] = ["username", "priority", "fast sync", "full sync", "success sync", "failed"];

/// What it says of one user.
fn read(said: &str, user: &str, asked_ms: u64) -> Result<Copy, String> {
    let mut lines = said.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    if head != HEAD {
        return Err("doveadm replicator status does not print the table that was expected".into());
    }
    let mut rows = lines.filter(|line| !line.is_empty()).map(|line| line.split('\t').collect::<Vec<_>>());
    let row = rows.next().ok_or_else(|| format!("the replicator does not know user {user}"))?;
    let (name, [priority, fast, _, success, failed]) = match row.as_slice() {
        [name, rest @ ..] => (*name, <[&str; 5]>::try_from(rest).map_err(|_| format!("odd line of user {user}"))?),
        [] => return Err("an empty line".into()),
    };
    if name != user || rows.next().is_some() {
        return Err(format!("the replicator speaks of others than user {user}"));
    }
    let waits = match priority {
        "none" => false,
        "low" | "high" | "sync" => true,
        odd => return Err(format!("odd priority {odd:?} of user {user}")),
    };
    let failed = match failed {
        "-" => false,
        "y" => true,
        odd => return Err(format!("odd word {odd:?} about failure of user {user}")),
    };
    Ok(copy(&Told { waits, failed, fast_s: age(fast)?, success_s: age(success)? }, asked_ms))
}

struct Told {
    waits: bool,
    failed: bool,
    fast_s: Option<u64>,
    success_s: Option<u64>,
}

fn copy(told: &Told, asked_ms: u64) -> Copy {
    let ended_well = match (told.fast_s, told.success_s) {
        (Some(began_s), Some(ended_s)) => !told.failed && ended_s <= began_s,
        _ => false,
    };
    let at = |age_s: u64| (asked_ms / 1000).saturating_sub(age_s) * 1000;
    let at_rest = ended_well && !told.waits;
    Copy {
        copy_queue: Some(u64::from(told.waits)),
        replay_behind_ms: if at_rest { Some(0) } else { told.success_s.map(|age_s| age_s.saturating_mul(1000)) },
        replayed_until_ms: told.fast_s.filter(|_| ended_well).map(at),
        ..Copy::new("", false, if told.failed { State::Other("SyncFailed".into()) } else { State::Healthy })
    }
}

/// `hh:mm:ss`, or `-` for never.
fn age(text: &str) -> Result<Option<u64>, String> {
    if text == "-" {
        return Ok(None);
    }
    let odd = || format!("odd age {text:?}");
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = <[&str; 3]>::try_from(parts).map_err(|_| odd())?;
    let number =
        |part: &str, below: u64| part.parse::<u64>().ok().filter(|number| *number < below && !part.starts_with('+')).ok_or_else(odd);
    Ok(Some(number(hours, 10_000_000)? * 3600 + number(minutes, 60)? * 60 + number(seconds, 60)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: u64 = 1_000_000_900;

    fn said(row: &str) -> String {
        format!("{}\n{row}\n", HEAD.join("\t"))
    }

    fn of(row: &str) -> Result<Copy, String> {
        read(&said(row), "u01", ASKED)
    }

    #[test]
    fn a_sync_that_ended_well_has_replayed_until_it_began() {
        let copy = of("u01\tnone\t00:00:07\t01:00:00\t00:00:05\t-").unwrap();
        assert_eq!((copy.state, copy.copy_queue, copy.replay_behind_ms), (State::Healthy, Some(0), Some(0)));
        assert_eq!(copy.replayed_until_ms, Some(1_000_000_000 - 7_000), "whole seconds, counted down");
        let copy = of("u01\tnone\t00:00:05\t01:00:00\t00:00:05\t-").unwrap();
        assert_eq!(copy.replayed_until_ms, Some(1_000_000_000 - 5_000));
    }

    #[test]
    fn a_sync_that_runs_or_failed_says_nothing_of_how_far_the_copy_is() {
        for (row, healthy) in [
            ("u01\tnone\t00:00:02\t01:00:00\t00:00:05\t-", true),
            ("u01\tnone\t00:00:02\t00:00:02\t-\t-", true),
            ("u01\tnone\t-\t-\t-\t-", true),
            ("u01\tnone\t00:00:07\t01:00:00\t00:00:05\ty", false),
            ("u01\tnone\t00:00:05\t01:00:00\t00:00:07\ty", false),
        ] {
            let copy = of(row).unwrap();
            assert_eq!(copy.replayed_until_ms, None, "{row}");
            assert_eq!(copy.state == State::Healthy, healthy, "{row}");
            assert_ne!(copy.replay_behind_ms, Some(0), "{row}");
        }
    }

    #[test]
    fn what_came_after_the_last_sync_waits() {
        for priority in ["low", "high", "sync"] {
            let copy = of(&format!("u01\t{priority}\t00:00:07\t01:00:00\t00:00:05\t-")).unwrap();
            assert_eq!((copy.copy_queue, copy.replay_behind_ms), (Some(1), Some(5_000)));
            assert_eq!(copy.replayed_until_ms, Some(1_000_000_000 - 7_000));
        }
    }

    #[test]
    fn anything_odd_is_no_answer() {
        for row in [
            "",
            "u02\tnone\t00:00:07\t01:00:00\t00:00:05\t-",
            "u01\tnone\t00:00:07\t01:00:00\t00:00:05",
            "u01\tnone\t00:00:07\t01:00:00\t00:00:05\t-\t-",
            "u01\turgent\t00:00:07\t01:00:00\t00:00:05\t-",
            "u01\tnone\t00:00:07\t01:00:00\t00:00:05\tn",
            "u01\tnone\t00:00\t01:00:00\t00:00:05\t-",
            "u01\tnone\t00:00:60\t01:00:00\t00:00:05\t-",
            "u01\tnone\t-0:00:01\t01:00:00\t00:00:05\t-",
            "u01\tnone\t00:00:+7\t01:00:00\t00:00:05\t-",
            "u01\tnone\t00:00:07\t01:00:00\t00:00:05\t-\nu01\tnone\t00:00:07\t01:00:00\t00:00:05\t-",
        ] {
            assert!(of(row).is_err(), "{row}");
        }
        let swapped = "username\tpriority\tsuccess sync\tfull sync\tfast sync\tfailed\nu01\tnone\t00:00:05\t01:00:00\t00:00:07\t-\n";
        assert!(read(swapped, "u01", ASKED).is_err(), "columns of another version");
        assert!(read("", "u01", ASKED).is_err());
        assert!(read("u01\tnone\t00:00:07\t01:00:00\t00:00:05\t-\n", "u01", ASKED).is_err(), "no head");
    }
}
