//! A user at work, and somebody who writes to him, until they are told to stop: both note what they do, and both always go to the old
//! server. What is the place for them, the old server says.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mailferry_mailbed::corpus::Random;
use mailferry_mailbed::smtp::Smtp;
use mailferry_mailbed::talk::{Talk, Value, quoted};

use super::record::{Record, There};

pub const DOMAIN: &str = "example.org";
const FOLDERS: [&str; 3] = ["INBOX", "Work", "Archive"];
const MARKS: [&str; 3] = ["\\Seen", "\\Flagged", "$Label1"];
/// Between two deeds.
const PACE: Duration = Duration::from_millis(15);

/// One mailbox with everybody who has to do with it.
pub struct User {
    pub name: String,
    password: String,
    server: SocketAddr,
    post: SocketAddr,
    seed: u64,
    pub record: Record,
    deeds: AtomicU64,
    letters: AtomicU64,
    told: Mutex<Told>,
}

/// What it looked like from a user's chair.
#[derive(Clone, Default, Debug)]
pub struct Told {
    pub refusals: BTreeSet<String>,
    /// The longest time without a deed that was done.
    pub outage: Duration,
    /// Of what he had seen at the server and was not shown any more.
    pub missed: Vec<String>,
}

impl User {
    /// With folders and some mail.
    pub fn new(server: SocketAddr, post: SocketAddr, (name, password): (String, String), seed: u64) -> Result<User> {
        let (record, told) = (Record::default(), Mutex::default());
        let user = User { name, password, server, post, seed, record, deeds: AtomicU64::new(0), letters: AtomicU64::new(0), told };
        let (mut talk, mut random) = (user.login()?, Random::new(seed, "first mail"));
        for folder in &FOLDERS[1..] {
            talk.ok(&format!("CREATE {folder}"))?;
        }
        for _ in 0..40 {
            user.append(&mut talk, &mut random)?;
        }
        Ok(user)
    }

    fn login(&self) -> Result<Talk> {
        Talk::login(self.server, &self.name, &self.password)
    }

    pub fn deeds(&self) -> u64 {
        self.deeds.load(Ordering::Relaxed)
    }

    pub fn letters(&self) -> u64 {
        self.letters.load(Ordering::Relaxed)
    }

    pub fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Works until the other end of `until` is gone.
    pub fn work(&self, until: &Receiver<()>) {
        let mut random = Random::new(self.seed, &self.name);
        let (mut session, mut last) = (None, Instant::now());
        while until.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
            let mut talk = match session.take().map_or_else(|| self.login(), Ok) {
                Ok(talk) => talk,
                Err(error) => {
                    self.tell(|told| told.refusals.extend([format!("{error:#}")]));
                    continue;
                }
            };
            // What is not known to be done is in the record as such.
            if self.act(&mut talk, &mut random).is_ok() {
                session = Some(talk);
                self.deeds.fetch_add(1, Ordering::Relaxed);
                let outage = last.elapsed();
                self.tell(|told| told.outage = told.outage.max(outage));
                last = Instant::now();
            }
        }
    }

    fn act(&self, talk: &mut Talk, random: &mut Random) -> Result<()> {
        let deed = random.below(10);
        if deed < 4 {
            return self.append(talk, random);
        }
        let Some((folder, id)) = self.record.any(random) else { return Ok(()) };
        talk.ok(&format!("SELECT {folder}"))?;
        let found = talk.ok(&format!("UID SEARCH HEADER Message-ID {}", quoted(&id)))?;
        let uids: Vec<u64> = found.all("SEARCH").flat_map(|values| values[1..].iter().filter_map(Value::number)).collect();
        let [uid] = uids[..] else {
            // A letter may be on its way still; what he has put somewhere himself may not.
            if !(uids.is_empty() && id.contains("letter")) {
                self.tell(|told| told.missed.push(format!("{id} in {folder}: UIDs {uids:?}")));
            }
            return Ok(());
        };
        match deed {
            4 | 5 => self.mark(talk, random, &id, uid),
            6 | 7 => self.move_to(talk, random, (&id, uid), &folder),
            _ => self.delete(talk, &id, uid),
        }
    }

    fn append(&self, talk: &mut Talk, random: &mut Random) -> Result<()> {
        let (folder, id) = (random.one_of(&FOLDERS), self.id("draft"));
        let bytes = format!("Message-ID: {id}\r\nSubject: of mine\r\n\r\n{}\r\n", "text ".repeat(random.below(200) as usize));
        self.record.begun(&id, folder, Some(bytes.as_bytes()));
        let answer = talk.append(folder, "()", bytes.as_bytes())?;
        self.record.is_there(&id, if answer.is_ok() { There::Surely } else { There::Not });
        Ok(())
    }

    fn mark(&self, talk: &mut Talk, random: &mut Random, id: &str, uid: u64) -> Result<()> {
        let (flag, set) = (*random.one_of(&MARKS), random.below(3) > 0);
        self.record.is_marked(id, flag, None);
        talk.ok(&format!("UID STORE {uid} {}FLAGS ({flag})", if set { '+' } else { '-' }))?;
        self.record.is_marked(id, flag, Some(set));
        Ok(())
    }

    fn move_to(&self, talk: &mut Talk, random: &mut Random, (id, uid): (&str, u64), from: &str) -> Result<()> {
        let to = *random.one_of(&FOLDERS);
        if to == from {
            return Ok(());
        }
        self.record.may_be_in(id, to);
        talk.ok(&format!("UID MOVE {uid} {to}"))?;
        self.record.has_left(id, from);
        Ok(())
    }

    fn delete(&self, talk: &mut Talk, id: &str, uid: u64) -> Result<()> {
        self.record.is_there(id, There::Perhaps);
        self.record.is_marked(id, "\\Deleted", None);
        talk.ok(&format!("UID STORE {uid} +FLAGS (\\Deleted)"))?;
        talk.ok(&format!("UID EXPUNGE {uid}"))?;
        self.record.is_there(id, There::Not);
        Ok(())
    }

    /// Somebody writes, through the mail server of the domain, until the other end of `until` is gone.
    pub fn is_written_to(&self, until: &Receiver<()>) {
        let mut session = None;
        while until.recv_timeout(PACE * 3) == Err(RecvTimeoutError::Timeout) {
            let Ok(mut smtp) = session.take().map_or_else(|| Smtp::connect(self.post), Ok) else { continue };
            if self.write(&mut smtp).is_ok() {
                session = Some(smtp);
                self.letters.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn write(&self, smtp: &mut Smtp) -> Result<()> {
        let id = self.id("letter");
        self.record.begun(&id, "INBOX", None);
        let text = format!("Message-ID: {id}\r\nSubject: to you\r\n\r\nHello.\r\n");
        smtp.send("carol@example.net", &format!("{}@{DOMAIN}", self.name), text.as_bytes()).context("not sent")?;
        self.record.is_there(&id, There::Surely);
        Ok(())
    }

    fn id(&self, kind: &str) -> String {
        format!("<{}.{kind}.{}@client.example>", self.record.len(), self.name)
    }
}
