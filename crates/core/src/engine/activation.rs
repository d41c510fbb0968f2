//! Role, epoch, and the right to act (R2, R3).

use mailferry_rules::epoch::{Claimed, Standing, grace_left_ms, handover_left_ms, may_lack, must_ask, standing};
use mailferry_rules::ids::{Epoch, MailboxId};

use super::agent::{Agent, Halt};
use crate::ports::{Claim, Level, Role, ShareError, SharePath};
use crate::replication::{self, Replayed, ReplicationError};
use crate::settings::AgentKind;
use crate::spool;
use crate::state::{ledger, takeover};

/// The newest claim at the witness, and the node that made it.
struct NewestClaim {
    claimed: Claimed,
    owner: String,
}

const CLAIM_PREFIX: &str = "epoch-";

impl Agent {
    /// At session start: true when this node may act. Otherwise replicated state has been replayed.
    pub(super) fn activate(&mut self) -> Result<bool, Halt> {
        match self.around.role.role() {
            Role::Active => {}
            Role::Passive { .. } => {
                self.epoch = Epoch(0);
                self.lasting.clear();
                self.clear_work();
                let _ = self.replay();
                self.hand_over();
                return Ok(false);
            }
            Role::Unknown { why } => return Err(Halt::NotActive(format!("the role of this node is unknown: {why}"))),
        }
        let newest = self.newest_claim()?;
        let recorded = self.db.read(|db| Ok(ledger::epochs::latest(db)?))?;
        let recorded = recorded.map(|(epoch, node)| Claimed { epoch, mine: node == self.around.me });
        let claimed = newest.as_ref().map(|newest| newest.claimed);
        let lacks = may_lack(claimed, recorded, self.policy.continue_without_replication);
        let standing = match standing(claimed, recorded) {
            Standing::Holds(held) if self.reclaims => Standing::MustClaim(Epoch(held.0 + 1)),
            standing => standing,
        };
        let (epoch, lacks) = match standing {
            Standing::Holds(epoch) => (epoch, None),
            Standing::MustClaim(epoch) => {
                let asked_before = self.take_in()?;
                self.wait_for_handover(asked_before)?;
                let epoch = self.claim(epoch)?;
                // What the old active node has shipped up to the claim it takes for replicated; what it ships later it does
                // not, because it looks at the claims afterwards.
                self.take_in()?;
                (epoch, lacks)
            }
        };
        self.take_up(epoch, newest, lacks)?;
        self.takeover = self.db.takeover()?;
        Ok(true)
    }

    /// The newest claim of all is the one that this node made under this epoch.
    pub(super) fn holds(&self, epoch: Epoch) -> Result<bool, Halt> {
        Ok(self.newest_claim()?.is_some_and(|newest| newest.claimed == Claimed { epoch, mine: true }))
    }

    /// The newest claim at the witness. Without an answer nobody may act.
    fn newest_claim(&self) -> Result<Option<NewestClaim>, Halt> {
        let folder = self.claims();
        let away = |error: ShareError| Halt::NotActive(format!("the witness does not answer: {error}"));
        let names = self.around.witness.list(&folder).map_err(away)?;
        let Some(epoch) = names.iter().filter_map(|entry| claimed_epoch(&entry.name)).max() else { return Ok(None) };
        let mut owner = String::new();
        let mut file = self.around.witness.open(&claim_file(&folder, epoch)).map_err(away)?;
        std::io::Read::read_to_string(&mut file, &mut owner)
            .map_err(|error| Halt::NotActive(format!("the newest claim cannot be read: {error}")))?;
        let owner = owner.lines().next().unwrap_or_default().to_owned();
        Ok(Some(NewestClaim { claimed: Claimed { epoch, mine: owner == self.around.me }, owner }))
    }

    /// Everything that the old active node has shipped here. Not read is not replicated: without it nobody takes over. Answers whether a
    /// snapshot had been asked for before.
    fn take_in(&mut self) -> Result<bool, Halt> {
        let asked_before = self.db.wants_snapshot()?.is_some();
        self.replay().map_err(|error| Halt::NotActive(format!("what the active node has replicated could not be taken in: {error}")))?;
        self.refuse_old_state()?;
        Ok(asked_before)
    }

    /// The predecessor may have what is damaged here, and hands it over as long as nobody has claimed: a loss that is allowed is not
    /// sought. Whoever cannot be reached is not waited for.
    fn wait_for_handover(&mut self, asked_before: bool) -> Result<(), Halt> {
        let (since_ms, now_ms) = (self.waits_whole_since.take(), self.now_ms());
        let Some(why) = self.db.wants_snapshot()? else { return Ok(()) };
        let left_ms = handover_left_ms(asked_before, since_ms, now_ms);
        let folder = self.identity().folder();
        let answers = |node: &String| folder.as_ref().is_ok_and(|folder| self.share(node).list(folder).is_ok());
        if left_ms == 0 || !self.passive_nodes().iter().any(answers) {
            return Ok(());
        }
        self.waits_whole_since = Some(since_ms.unwrap_or(now_ms));
        self.wants_next_in(left_ms);
        Err(Halt::NotActive(format!("the database of this node is not whole ({why}): the other node may hand over what it has")))
    }

    /// A standby that waits for a snapshot would take up less than it has acknowledged: containers named twice, mail unknown
    /// that the target holds. Only ContinueWithoutReplication accepts that.
    fn refuse_old_state(&self) -> Result<(), Halt> {
        match self.db.wants_snapshot()? {
            Some(why) if !self.policy.continue_without_replication => Err(Halt::NotActive(format!(
                "the database of this node is not whole ({why}); give the role to a node whose database is, or accept the loss with ContinueWithoutReplication=1"
            ))),
            _ => Ok(()),
        }
    }

    fn claim(&mut self, epoch: Epoch) -> Result<Epoch, Halt> {
        let content = format!("{}\n{}\n", self.around.me, self.now_ms());
        match self.around.witness.claim(&claim_file(&self.claims(), epoch), content.as_bytes()) {
            Ok(Claim::Won) => {
                self.event("epoch.claimed", Level::Info, format!("epoch {epoch} claimed by {}", self.around.me));
                Ok(epoch)
            }
            Ok(Claim::Taken) => Err(Halt::NotActive(format!("epoch {epoch} was claimed by another node at the same moment"))),
            Err(error) => Err(Halt::NotActive(format!("epoch {epoch} could not be claimed: {error}"))),
        }
    }

    /// Records the epoch and lets the log go on under it. What is found of the activation before is gathered from here on.
    /// `lacks`: why the mailboxes of a source have to be compared as a whole, and chains of a target may have been forgotten.
    fn take_up(&mut self, epoch: Epoch, newest: Option<NewestClaim>, lacks: Option<&str>) -> Result<(), Halt> {
        self.epoch = epoch;
        self.reclaims = false;
        let before = newest.map(|claim| format!("epoch {} of {}", claim.claimed.epoch, claim.owner));
        if self.db.position()?.epoch != epoch {
            self.db.begin_epoch(epoch)?;
        }
        let (me, now_ms) = (self.around.me.clone(), self.around.clock.now_ms());
        if self.db.read(|db| Ok(ledger::epochs::latest(db)?))?.is_none_or(|(latest, _)| latest != epoch) {
            let lacks = lacks.filter(|_| self.around.kind != AgentKind::Transmission);
            let mailboxes: Vec<MailboxId> = self.mailboxes.iter().map(|mailbox| mailbox.id).collect();
            self.db.write(|tx| {
                if let Some(why) = lacks {
                    mailboxes.iter().try_for_each(|mailbox| ledger::stock::call(tx, *mailbox, why, now_ms))?;
                }
                ledger::epochs::record(tx, epoch, &me, now_ms)?;
                before.map_or(Ok(()), |before| takeover::begin(tx, epoch, &before))
            })?;
        }
        self.calm("agent.not-active");
        Ok(())
    }

    /// Asked again before every destructive step: still active, and no newer claim (R2, R3).
    pub(super) fn still_active(&self) -> Result<(), Halt> {
        let asked_ms = self.now_ms();
        self.asked_ms.set(None);
        match self.around.role.role() {
            Role::Active => {}
            other => return Err(Halt::NotActive(format!("the role changed: {other}"))),
        }
        match self.newest_claim()?.map(|newest| newest.claimed) {
            Some(claim) if claim.epoch == self.epoch && claim.mine => {
                self.asked_ms.set(Some(asked_ms));
                Ok(())
            }
            Some(claim) => Err(Halt::NotActive(format!("epoch {} has been claimed; this node holds {}", claim.epoch, self.epoch))),
            None => Err(Halt::NotActive("the claims at the witness are gone".into())),
        }
    }

    /// Asked before each single change of the target store, of which a batch has hundreds: the last answer counts while its lease lasts.
    /// A witness that takes longer than that to answer is asked three times; then its answer has to do.
    pub(super) fn may_still_change(&self) -> Result<(), Halt> {
        for _ in 0..3 {
            if !must_ask(self.asked_ms.get(), self.now_ms()) {
                break;
            }
            self.still_active()?;
        }
        Ok(())
    }

    /// After a claim the target store is left alone until a predecessor that may still live has let go of it. A clock that is set back
    /// meanwhile makes the wait begin anew.
    pub(super) fn predecessor_has_let_go(&mut self) -> Result<(), Halt> {
        if !self.around.own.is_cluster() {
            return Ok(());
        }
        let (epoch, now_ms) = (self.epoch, self.now_ms());
        let since_ms = match self.settling {
            Some((known, since_ms)) if known == epoch => since_ms,
            _ => self.db.read(|db| Ok(ledger::epochs::claimed_ms(db, epoch)?))?.unwrap_or(now_ms),
        };
        let since_ms = since_ms.min(now_ms);
        self.settling = Some((epoch, since_ms));
        match grace_left_ms(epoch, since_ms, now_ms) {
            0 => Ok(()),
            ms => {
                let why = format!(
                    "epoch {epoch} is new: the node that was active before may still end what it has begun in the target store; {ms} ms left"
                );
                Err(Halt::Waits { why, ms })
            }
        }
    }

    /// The newest epoch of the source or target agent whose containers this transmission agent carries.
    pub(super) fn newest_epoch_of(&self, kind: AgentKind) -> Result<Epoch, Halt> {
        let folder = spool::claims(self.around.own.name(), &kind.to_string());
        let names = self.around.witness.list(&folder).map_err(|error| Halt::NotActive(format!("the witness does not answer: {error}")))?;
        Ok(names.iter().filter_map(|entry| claimed_epoch(&entry.name)).max().unwrap_or_default())
    }

    fn claims(&self) -> SharePath {
        spool::claims(self.around.own.name(), &self.around.kind.to_string())
    }

    /// Takes in what the active node has shipped to this one (R14).
    fn replay(&mut self) -> Result<(), ReplicationError> {
        let (own, who) = (self.own_share(), self.identity());
        match replication::replay(&mut self.db, own.as_ref(), &who) {
            Ok(replayed) => {
                self.counts.replayed += replayed.sets + replayed.snapshot.map_or(0, |_| 1);
                self.calm("replication.replay-failed");
                self.tell_replay(&replayed);
                Ok(())
            }
            Err(error) => {
                self.tell("replication.replay-failed", Level::Error, error.to_string());
                Err(error)
            }
        }
    }
}

impl Agent {
    /// What a replay found that a person should know.
    fn tell_replay(&mut self, replayed: &Replayed) {
        if let Some(discarded) = replayed.discarded {
            let text = format!(
                "this node had been active alone: its change sets {} to {} were received by nobody and are overwritten; what they did is found again at the target",
                discarded.first, discarded.last
            );
            self.event("replication.discarded", Level::Warning, text);
        }
        if let Some(lsn) = replayed.snapshot {
            let text = format!("a snapshot has taken the place of the {} agent's database: whole up to change set {lsn}", self.around.kind);
            self.event("replication.seeded", Level::Info, text);
        }
        for refused in &replayed.refused {
            self.event("replication.refused", Level::Warning, format!("{} was refused: {}", refused.name, refused.why));
        }
        match &replayed.wants {
            Some(why) => self.tell(
                "replication.wants-snapshot",
                Level::Warning,
                format!("this standby is not whole and has asked for a snapshot: {why}"),
            ),
            None => self.calm("replication.wants-snapshot"),
        }
        if let Some(why) = &replayed.blocked {
            self.tell("replication.blocked", Level::Error, format!("replicated state waits for a newer version of this program: {why}"));
        }
    }
}

fn claim_file(folder: &SharePath, epoch: Epoch) -> SharePath {
    folder.join(&format!("{CLAIM_PREFIX}{:010}", epoch.0)).expect("a number is a path component")
}

fn claimed_epoch(name: &str) -> Option<Epoch> {
    name.strip_prefix(CLAIM_PREFIX)?.parse().ok().map(Epoch)
}
