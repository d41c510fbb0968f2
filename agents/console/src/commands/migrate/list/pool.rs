//! Several mailboxes at a time, within what their servers and accounts bear.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use mailferry_stores::StoreUrl;

use super::super::one::Pair;
use super::pairs::Entry;
use super::schedule::{Needs, Next, Queue};

/// What a mailbox takes at its ends: one connection, and at the target for moments a second, which looks while the first writes.
const AT_SOURCE: usize = 1;
const AT_TARGET: usize = 2;

#[derive(clap::Args)]
pub struct Limits {
    /// With --list: mailboxes at a time [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// With --list: connections to one server at a time; a mailbox takes one at its source, and up to two at its target [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1_000))]
    per_server: Option<u16>,
}

const JOBS: u16 = 4;
const PER_SERVER: u16 = 20;

impl Limits {
    pub fn any(&self) -> bool {
        self.jobs.is_some() || self.per_server.is_some()
    }
}

/// Does this with each of them, in the order of the list as far as there is room; answers how many at a time. `stop`: no other is begun.
pub fn work_off(entries: &[Entry], limits: &Limits, stop: &AtomicBool, each: &(dyn Fn(usize, &Entry) + Sync)) -> usize {
    let jobs = usize::from(limits.jobs.unwrap_or(JOBS)).min(entries.len());
    let places = usize::from(limits.per_server.unwrap_or(PER_SERVER));
    let needs = entries.iter().map(|entry| needs(&entry.pair, places)).collect();
    let pool = Pool { queue: Mutex::new(Queue::new(needs, places)), changed: Condvar::new(), stop };
    let work = || {
        while let Some(number) = pool.next() {
            each(number, &entries[number]);
            pool.done(number);
        }
    };
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    jobs
}

struct Pool<'a> {
    queue: Mutex<Queue>,
    changed: Condvar,
    stop: &'a AtomicBool,
}

impl Pool<'_> {
    fn next(&self) -> Option<usize> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            match queue.next() {
                Next::Begin(number) => return Some(number),
                Next::End => return None,
                Next::Wait => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn done(&self, number: usize) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).done(number);
        self.changed.notify_all();
    }
}

/// An account is worked on by one mailbox at a time.
fn needs(pair: &Pair, places: usize) -> Needs {
    let ends = [(&pair.source, AT_SOURCE), (&pair.target, AT_TARGET)];
    let mut needs = Needs::new();
    for (url, count) in ends {
        let StoreUrl::Imap(imap) = url else { continue };
        let server = format!("server {}", imap.server());
        match needs.iter_mut().find(|(name, _)| *name == server) {
            Some((_, both)) => *both += count,
            None => needs.push((server, count)),
        }
        needs.extend(url.account().map(|account| (format!("account {account}"), places)));
    }
    needs
}
