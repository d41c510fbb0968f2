//! The proof of migration (R84): what the ledger says of each item of a mailbox, and the target store read again, in a signed file.
//!
//! Items come by folder and there in the order of their ids, in which stores read best; the ledger sorts them, outside of memory where
//! they are many. What was written is read again as a stranger would read it, before it gets its name and its row.

use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter};

use mailferry_rules::ids::MailboxId;
use mailferry_rules::score::{Score, may_complete};
use mailferry_rules::session::Replicated;

use super::evidence::Evidence;
use crate::engine::agent::Agent;
use crate::manifest::{Approvals, Counts, Header, PublicKey, Reader, Signer, SigningKey, Trust, Writer, address};
use crate::model::{Digest, Token};
use crate::ports::{Level, MailSource, ReadSeek, ShareErrorKind, SharePath};
use crate::spool;
use crate::state::ledger::manifest::{self, Made};
use crate::state::ledger::unread::{self, Known};
use crate::state::ledger::{inbound, target};
use crate::trouble::Trouble;

/// Refused items that are read from the ledger at a time.
const PAGE_ITEMS: usize = 1000;

/// A manifest that was made.
#[derive(Clone, Debug)]
pub struct Manifested {
    pub number: u64,
    /// Of the whole file.
    pub digest: Digest,
    pub key: PublicKey,
    pub file: SharePath,
    /// The same for people.
    pub place: String,
    pub counts: Counts,
    pub score: Score,
}

impl Manifested {
    /// What a switch asks: Poor cannot be completed.
    pub fn may_complete(&self) -> bool {
        may_complete(self.score)
    }
}

impl Agent {
    /// Makes the next manifest of a mailbox, outside of a session.
    pub fn manifest(&mut self, mailbox: MailboxId) -> Result<Manifested, Trouble> {
        let not_now = |cause: &dyn std::fmt::Display| Trouble::new("could not make a manifest").cause(cause);
        match self.activate() {
            Ok(true) => {
                let made = self.prove(mailbox)?;
                match self.replicated {
                    Replicated::Yes => Ok(made),
                    // Whoever takes over would give its number to another.
                    Replicated::No => Err(not_now(&"it was made, and its number could not be replicated: it is not handed out")),
                }
            }
            Ok(false) => Err(not_now(&"this node stands by").hint("ask the active node of this side")),
            Err(halt) => Err(not_now(&halt)),
        }
    }

    /// The same within a session.
    pub(in crate::engine) fn prove(&mut self, mailbox: MailboxId) -> Result<Manifested, Trouble> {
        let label = self.label(mailbox);
        let made = self.proven(mailbox).inspect_err(|_| self.clear_manifest_parts(mailbox))?;
        let text = format!("manifest {} of mailbox {label}: {}, {} items, {}", made.number, made.score, made.counts.items, made.place);
        self.event("manifest.made", Level::Info, text);
        self.replicate();
        Ok(made)
    }

    /// For whoever wants a copy.
    pub fn open_manifest(&self, made: &Manifested) -> Result<Box<dyn ReadSeek>, Trouble> {
        Ok(self.own_share().open(&made.file)?)
    }

    /// One that was not ended takes room on the disk that containers need.
    fn clear_manifest_parts(&self, mailbox: MailboxId) {
        let newest = self.db.read(|db| Ok(manifest::newest(db, mailbox)?)).ok().flatten();
        let file = spool::manifest(&mailbox, newest.map_or(1, |made| made.number + 1));
        let _not_there = self.own_share().remove(&spool::part_of(&file, &self.writer()));
    }

    fn proven(&mut self, mailbox: MailboxId) -> Result<Manifested, Trouble> {
        if self.mailbox(mailbox).is_none() {
            let trouble = Trouble::new("could not make a manifest").cause(format!("this agent has no mailbox {mailbox}"));
            return Err(trouble.hint("`mailferry-target status` and the project file name the mailboxes"));
        }
        let key = self.signing_key()?;
        let before = self.db.read(|db| Ok(manifest::newest(db, mailbox)?))?;
        let number = before.as_ref().map_or(1, |made| made.number + 1);
        let file = spool::manifest(&mailbox, number);
        let part = spool::part_of(&file, &self.writer());
        let share = self.own_share();
        let mut out = share.part(&part, 0)?;
        let mut store = self.around.stores.source(&self.target_store(mailbox))?;
        let previous = before.as_ref().map(|made| made.digest);
        let header = self.header_of(mailbox, &key, number, previous, &store.describe())?;
        let archived = self.db.read(|db| Ok(manifest::archived(db, mailbox)?))?.iter().map(ToString::to_string).collect();
        let writer = Writer::new(BufWriter::with_capacity(64 << 10, &mut *out), &header).map_err(|error| unwritten(&file, &error))?;
        let writer = self.gather(mailbox, store.as_mut(), writer, before.as_ref())?;
        let waiting = self.not_applied(mailbox)?.iter().map(ToString::to_string).collect();
        let (_, sealed) = writer.finish(archived, waiting, &key).map_err(|error| unwritten(&file, &error))?;
        out.sync()?;
        drop(out);
        let trust = Trust::Keys(vec![key.public()]);
        let written = BufReader::with_capacity(64 << 10, share.open(&part)?);
        let read = Reader::open(written, &trust).and_then(Reader::check);
        if !read.as_ref().is_ok_and(|(_, read)| *read == sealed) {
            let cause = read.err().map_or_else(|| "other bytes came back".to_owned(), |error| error.to_string());
            return Err(Trouble::new("a manifest did not come back as it was written").place(share.describe()).cause(cause));
        }
        self.still_active()?;
        match share.publish(&part, &file) {
            // A run that was killed before it wrote its row.
            Err(error) if error.kind == ShareErrorKind::Exists => {
                share.remove(&file).and_then(|_| share.publish(&part, &file))?;
            }
            published => published?,
        }
        let (counts, position) = (sealed.summary.counts, self.db.read(|db| Ok(inbound::position(db, mailbox)?))?);
        let score = counts.score();
        let made = Made {
            number,
            digest: sealed.digest,
            key: key.public().0,
            position: (position.last, position.epoch),
            score: score.name().into(),
            made_ms: header.created_ms,
        };
        self.db.write(|tx| Ok(manifest::record(tx, mailbox, &made)?))?;
        let place = format!("{}/{file}", share.describe());
        Ok(Manifested { number, digest: made.digest, key: key.public(), file, place, counts, score })
    }

    fn signing_key(&self) -> Result<SigningKey, Trouble> {
        let missing = || Trouble::new("could not make a manifest").cause("this agent has no key to sign with");
        self.signs.as_ref().ok_or_else(missing)?()
    }

    fn header_of(
        &self,
        mailbox: MailboxId,
        key: &SigningKey,
        number: u64,
        previous: Option<Digest>,
        described: &str,
    ) -> Result<Header, Trouble> {
        let position = self.db.read(|db| Ok(inbound::position(db, mailbox)?))?;
        let label = self.label(mailbox);
        Ok(Header {
            version: crate::manifest::VERSION,
            mailbox,
            label: if label.contains("://") { address(&label) } else { label },
            signer: Signer {
                organisation: self.around.own.name().to_owned(),
                agent: self.around.kind.to_string(),
                node: self.around.me.clone(),
            },
            key: key.public(),
            target: address(described),
            created_ms: self.now_ms(),
            number,
            previous,
            sequence: position.last.0,
            epoch: position.epoch.0,
        })
    }

    fn approvals(&self, mailbox: MailboxId) -> Result<Approvals, Trouble> {
        let (share, file) = (self.own_share(), spool::approvals(&mailbox));
        if share.size(&file)?.is_none() {
            return Ok(Approvals::default());
        }
        let mut text = String::new();
        let trouble = || Trouble::new("could not read the approvals of a mailbox").place(format!("{}/{file}", share.describe()));
        let mut limited = io::Read::take(share.open(&file)?, crate::manifest::APPROVALS_BYTES_MAX);
        io::Read::read_to_string(&mut limited, &mut text).map_err(|error| trouble().cause(error))?;
        let hint = "move the file away, or take out the line; items without an approval count in the score";
        Approvals::read(&text, mailbox).map_err(|cause| trouble().cause(cause).hint(hint))
    }

    /// Every line between the first and the last ones.
    fn gather<W: io::Write>(
        &self,
        mailbox: MailboxId,
        store: &mut dyn MailSource,
        writer: Writer<W>,
        before: Option<&Made>,
    ) -> Result<Writer<W>, Trouble> {
        let folders = self.db.read(|db| Ok(manifest::folders(db, mailbox)?))?;
        let earlier = before.and_then(|made| self.earlier(mailbox, made));
        let approvals = self.approvals(mailbox)?;
        let mut evidence = Evidence::new(writer, store, folders, approvals, earlier)?;
        let mut failure = None;
        self.db.look_up(|db| {
            target::each_in_place(db, mailbox, &mut |item| {
                failure = self.check_stop().map_err(Trouble::from).and_then(|()| evidence.tracked(item)).err();
                failure.is_none()
            })
        })?;
        match failure {
            Some(failure) => return Err(failure),
            None => evidence.placeless()?,
        }
        let mut placeless = self.placeless(mailbox)?.into_iter().peekable();
        let mut behind: Option<Token> = None;
        loop {
            let page = self.db.read(|db| Ok(manifest::left_out(db, mailbox, behind, PAGE_ITEMS)?))?;
            let Some(last) = page.last() else { break };
            behind = Some(last.token);
            for item in page {
                while let Some((token, unread)) = placeless.next_if(|(token, _)| *token < item.token) {
                    without_place(&mut evidence, token, unread)?;
                }
                placeless.next_if(|(token, _)| *token == item.token);
                evidence.left_out(item)?;
            }
        }
        for (token, unread) in placeless {
            without_place(&mut evidence, token, unread)?;
        }
        Ok(evidence.into_writer())
    }

    /// Items that are not there, and were not refused either: asked for and not come, or unread at the source.
    fn placeless(&self, mailbox: MailboxId) -> Result<BTreeMap<Token, Option<Known>>, Trouble> {
        let (awaited, known) = self.db.read(|db| Ok((manifest::awaited(db, mailbox)?, unread::known(db, mailbox)?)))?;
        let awaited = awaited.into_iter().map(|token| (token, None));
        Ok(awaited.chain(known.into_iter().map(|item| (item.token, Some(item)))).collect())
    }

    /// The manifest before this one, where it is still there as it was made.
    fn earlier(&self, mailbox: MailboxId, made: &Made) -> Option<Reader<BufReader<Box<dyn ReadSeek>>>> {
        let (share, file) = (self.own_share(), spool::manifest(&mailbox, made.number));
        let open = || Some(BufReader::with_capacity(64 << 10, share.open(&file).ok()?));
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(open()?).ok()?;
        let same = hasher.finalize().as_bytes() == &made.digest.0;
        Reader::open(open().filter(|_| same)?, &Trust::Keys(vec![PublicKey(made.key)])).ok()
    }
}

fn without_place<W: io::Write>(evidence: &mut Evidence<'_, W>, token: Token, unread: Option<Known>) -> Result<(), Trouble> {
    match unread {
        Some(item) => evidence.unread(item),
        None => evidence.awaited(token),
    }
}

fn unwritten(file: &SharePath, error: &io::Error) -> Trouble {
    Trouble::new("could not write a manifest").place(file).cause(error)
}
