//! Who commits, where and when.

use mailferry_core::ports::Clock;
use mailferry_core::settings::Author;
use mailferry_host::SystemClock;

use crate::text;

/// The account by the names that systems give it. It is a note for people, no proof.
pub fn author() -> Author {
    let user = named(&["SUDO_USER", "USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "someone".into());
    let host = host().unwrap_or_else(|| "this machine".into());
    Author { by: text::line(&format!("{} on {host}", user.trim())), at_ms: SystemClock.now_ms() }
}

/// The name of this machine.
pub fn host() -> Option<String> {
    named(&["HOSTNAME", "COMPUTERNAME"]).or_else(host_file).map(|name| name.trim().to_owned())
}

fn named(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

fn host_file() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().filter(|name| !name.trim().is_empty())
}

pub fn time(at_ms: u64) -> String {
    text::date(i64::try_from(at_ms / 1000).unwrap_or(i64::MAX))
}
