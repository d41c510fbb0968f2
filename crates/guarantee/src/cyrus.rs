//! Cyrus: its replication by sync_client (R77).
//!
//! By the log of rolling replication: imapd writes there what has changed, `sync_client -r` takes the file away and gives it up
//! when all of it is at the replica. So a user of whom no line is left is replicated up to the moment before the look. By a
//! run, where nothing rolls: `sync_client -u`, and what was committed before a run began that ended well is at the replica.
//!
//! Without `sync_log` in imapd.conf an empty log means nothing at all; then there is no answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use std::{fs, io};

use mailferry_command::output_of;
use mailferry_core::ports::Clock;
use mailferry_rules::guarantee::{Copy, State};

use crate::place::{Place, active, filled};
use crate::provider::Provider;

pub struct Cyrus {
    pub sync_client: String,
    /// imapd.conf of the server that is written to.
    pub config: String,
    pub channel: Option<String>,
    pub rolling: bool,
    pub user: String,
    pub active: Place,
    pub passive: Place,
    pub patience: Duration,
    pub clock: Arc<dyn Clock>,
}

const LOG_BYTES_MAX: u64 = 64 << 20;

impl Cyrus {
    /// When the run began; it ended well. While its replica is down sync_client tries again and again: patience ends it.
    fn run(&self, user: &str) -> Result<u64, String> {
        let began_ms = self.clock.now_ms();
        let mut arguments: Vec<String> = vec!["-C".into(), self.config.clone(), "-o".into()];
        arguments.extend(self.channel.iter().flat_map(|channel| ["-n".into(), channel.clone()]));
        arguments.extend(["-u".into(), user.into()]);
        output_of(&self.sync_client, &arguments, self.patience)?;
        Ok(began_ms)
    }

    fn rolled(&self, user: &str) -> Result<Copy, String> {
        let config = fs::read_to_string(&self.config).map_err(|error| format!("{}: {error}", self.config))?;
        let folder = sync_folder(&config, self.channel.as_deref())?;
        let looked_ms = self.clock.now_ms();
        let pending = Pending::read(&folder, user).map_err(|error| format!("{}: {error}", folder.display()))?;
        let at_rest = pending.lines == 0;
        Ok(Copy {
            copy_queue: Some(pending.lines),
            replay_behind_ms: if at_rest { Some(0) } else { pending.oldest_ms.map(|since_ms| looked_ms.saturating_sub(since_ms)) },
            replayed_until_ms: at_rest.then_some(looked_ms),
            ..Copy::new("", false, State::Healthy)
        })
    }
}

impl Provider for Cyrus {
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let user = filled(&self.user, store)?;
        let copy = if self.rolling {
            self.rolled(&user)?
        } else {
            let began_ms = self.run(&user)?;
            Copy {
                copy_queue: Some(0),
                replay_behind_ms: Some(0),
                replayed_until_ms: Some(began_ms),
                ..Copy::new("", false, State::Healthy)
            }
        };
        Ok(vec![active(&self.active), Copy { name: self.passive.name.clone(), site: self.passive.site.clone(), ..copy }])
    }

    fn roll(&self, store: &str) -> Result<(), String> {
        if self.rolling {
            self.run(&filled(&self.user, store)?)?;
        }
        Ok(())
    }
}

/// Where the log of a channel is. `Err` when nothing says that there is one.
fn sync_folder(config: &str, channel: Option<&str>) -> Result<PathBuf, String> {
    let value = |key: &str| {
        let mut lines = config.lines().filter_map(|line| line.trim_start().split_once(':'));
        lines.rfind(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    if !value("sync_log").is_some_and(|on| ["1", "t", "true", "y", "yes", "on"].contains(&on.to_ascii_lowercase().as_str())) {
        return Err("sync_log is not switched on in imapd.conf: an empty log would mean nothing".into());
    }
    let root = value("configdirectory").ok_or("imapd.conf names no configdirectory")?;
    let channels = value("sync_log_channels").unwrap_or_default();
    let known = match channel {
        Some(channel) => channels.split_whitespace().any(|known| known == channel),
        None => channels.is_empty() || channels.split_whitespace().any(|known| known == "\"\""),
    };
    if !known {
        return Err(format!("sync_log_channels does not name channel {}", channel.unwrap_or("\"\"")));
    }
    let folder = Path::new(&root).join("sync");
    Ok(channel.map_or(folder.clone(), |channel| folder.join(channel)))
}

/// What waits of one user.
struct Pending {
    lines: u64,
    /// When the oldest file began in which something waits.
    oldest_ms: Option<u64>,
}

impl Pending {
    /// All files of the log: the one that grows, and those that a client has taken.
    fn read(folder: &Path, user: &str) -> io::Result<Self> {
        let mut pending = Pending { lines: 0, oldest_ms: None };
        // Twice: a file that is renamed while we look is seen under one of its names.
        for _ in 0..2 {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("log") {
                    pending.take(&entry.path(), user)?;
                }
            }
        }
        pending.lines = pending.lines.div_ceil(2);
        Ok(pending)
    }

    fn take(&mut self, path: &Path, user: &str) -> io::Result<()> {
        let about = match fs::metadata(path) {
            Ok(about) if about.len() > LOG_BYTES_MAX => return Err(io::Error::other("the log is too long")),
            Ok(about) => about,
            // Its content is in another file, or at the replica: the second look tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let lines = text.lines().filter(|line| concerns(line, user)).count() as u64;
        if lines > 0 {
            let began = about.created().ok().and_then(|began| began.duration_since(UNIX_EPOCH).ok());
            let began_ms = began.map(|since| since.as_millis() as u64);
            self.oldest_ms = [self.oldest_ms, began_ms].into_iter().flatten().min();
        }
        self.lines += lines;
        Ok(())
    }
}

/// Whether a line may be about this user. What is not understood is about everybody.
fn concerns(line: &str, user: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(kind), Some(name)) = (words.next(), words.next()) else { return !line.trim().is_empty() };
    let name = name.trim_matches('"');
    match kind {
        "USER" | "META" | "SIEVE" | "SEEN" | "SUB" | "UNSUB" | "UNUSER" => same(name, user),
        "MAILBOX" | "APPEND" | "UNMAILBOX" | "ANNOTATION" | "QUOTA" | "DOUBLEMAILBOX" | "DOUBLESUB" => {
            owner(name).is_none_or(|owner| same(&owner, user))
        }
        _ => true,
    }
}

/// `user.NAME.folder`, with `domain!` before it; dots of a name are written `^`. A name without an owner is shared: nobody's.
fn owner(mailbox: &str) -> Option<String> {
    let (domain, local) = mailbox.split_once('!').map_or((None, mailbox), |(domain, local)| (Some(domain), local));
    let name = local.strip_prefix("user.")?.split('.').next()?.replace('^', ".");
    Some(domain.map_or(name.clone(), |domain| format!("{name}@{domain}")))
}

/// A domain may be left out on either side.
fn same(one: &str, other: &str) -> bool {
    let local = |name: &str| name.split('@').next().unwrap_or_default().replace('^', ".").to_lowercase();
    local(one) == local(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_understood_is_about_everybody() {
        for (line, concerned) in [
            ("APPEND user.alice", true),
            ("MAILBOX user.alice.Sent", true),
            ("MAILBOX example.com!user.alice.Sent", true),
            ("USER alice", true),
            ("SEEN alice 8ukd62", true),
            ("USER alice@example.com", true),
            ("APPEND user.alicelong", false),
            ("MAILBOX user.bob.alice", false),
            ("USER bob", false),
            ("SEEN bob alice", false),
            ("APPEND shared.news", true),
            ("RESERVE x", true),
            ("garbage", true),
            ("", false),
        ] {
            assert_eq!(concerns(line, "alice"), concerned, "{line}");
        }
        assert!(concerns("APPEND user.john^doe", "john.doe"));
    }

    #[test]
    fn an_empty_log_means_something_only_when_imapd_writes_one() {
        let on = "configdirectory: /var/lib/cyrus\nsync_log: yes\n";
        assert_eq!(sync_folder(on, None), Ok("/var/lib/cyrus/sync".into()));
        let channels = format!("{on}sync_log_channels: one two\n");
        assert_eq!(sync_folder(&channels, Some("two")), Ok("/var/lib/cyrus/sync/two".into()));
        assert!(sync_folder(&channels, Some("three")).is_err());
        assert!(sync_folder(&channels, None).is_err());
        assert!(sync_folder(on, Some("one")).is_err());
        for off in
            ["configdirectory: /c\n", "configdirectory: /c\nsync_log: no\n", "configdirectory: /c\n#sync_log: yes\n", "sync_log: yes\n"]
        {
            assert!(sync_folder(off, None).is_err(), "{off}");
        }
    }

    #[test]
    fn what_waits_is_found_in_every_file_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let waits = |user: &str| Pending::read(dir.path(), user).unwrap().lines;
        assert_eq!(waits("alice"), 0);
        fs::write(dir.path().join("log"), "APPEND user.alice\nUSER bob\n").unwrap();
        fs::write(dir.path().join("log-run"), "MAILBOX user.alice.Sent\n").unwrap();
        assert_eq!((waits("alice"), waits("bob"), waits("carol")), (2, 1, 0));
        assert!(Pending::read(dir.path(), "alice").unwrap().oldest_ms.is_none_or(|ms| ms > 0));
        fs::remove_file(dir.path().join("log")).unwrap();
        assert_eq!((waits("alice"), waits("bob")), (1, 0));
        assert!(Pending::read(&dir.path().join("nowhere"), "alice").is_err());
    }
}
