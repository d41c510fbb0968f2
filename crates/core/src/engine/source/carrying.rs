//! What an order does to the request of a mailbox, or to those of primary and archive together: to all that are meant, or nothing (R80,
//! R76).
//!
//! First it is judged for every part, from what the ledger says; then all of it is written down, in the transaction that remembers it.

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{Order as To, Phase, Request, State, Wishes, is_moot, may};

use crate::model::Token;
use crate::orders::{Ask, Order, What};
use crate::state::ledger::moves::{self, Kept, Tie};
use crate::state::ledger::{stock, switch};
use crate::state::{Connection, SqlResult};

/// What an order came to: words for people, or why it was refused.
pub(super) type Verdict = Result<String, String>;

/// One mailbox that an order is about.
pub(super) struct Meant {
    pub mailbox: MailboxId,
    pub label: String,
    /// Of the request that is asked for.
    pub tie: Option<Tie>,
}

/// What is the same for all of them.
pub(super) struct Frame<'a> {
    pub order: &'a Order,
    pub now_ms: u64,
    /// Requests of a mailbox that keep their history.
    pub history: u64,
    /// `Err`: why nobody switches mailboxes here.
    pub can_switch: &'a Result<(), String>,
}

/// What is to be written down of one mailbox.
struct Deed {
    kept: Kept,
    request: Becomes,
    switch: Becomes,
    under_way: Option<switch::Kept>,
    /// Items that are sent once more.
    again: Vec<Token>,
    /// It has nothing in common with the other part any more.
    unties: bool,
    did: String,
}

enum Becomes {
    Same,
    Kept,
    Gone,
}

pub(super) fn carry_out(db: &Connection, frame: &Frame<'_>, meant: &[Meant]) -> SqlResult<Verdict> {
    let (mut deeds, mut refused, mut moot) = (Vec::new(), Vec::new(), Vec::new());
    for part in meant {
        let there = moves::of(db, part.mailbox)?;
        let again = if frame.order.what == What::RetryRefused { moves::refused(db, part.mailbox)? } else { Vec::new() };
        let is_moot = frame.order.what == What::RetryRefused && again.is_empty()
            || there.as_ref().is_some_and(|kept| to(&frame.order.what).is_some_and(|order| is_moot(order, kept.request.state)));
        let name = |why: &str| if meant.len() > 1 { format!("{}: {why}", part.label) } else { why.to_owned() };
        match judge(db, frame, part, there, again)? {
            Ok(deed) => deeds.push((name(&deed.did), deed)),
            Err(why) if is_moot => moot.push(name(&why)),
            Err(why) => refused.push(name(&why)),
        }
    }
    if deeds.is_empty() {
        refused.append(&mut moot);
    }
    if !refused.is_empty() {
        return Ok(Err(refused.join("; ")));
    }
    deeds.iter().try_for_each(|(_, deed)| deed.write(db, frame))?;
    Ok(Ok(deeds.into_iter().map(|(did, _)| did).collect::<Vec<_>>().join("; ")))
}

fn to(what: &What) -> Option<To> {
    Some(match what {
        What::New(_) => return None,
        What::Set(_) => To::Set,
        What::Suspend { .. } => To::Suspend,
        What::Resume => To::Resume,
        What::Complete => To::Complete,
        What::Remove => To::Remove,
        What::Undo => To::Undo,
        What::RetryRefused => To::RetryRefused,
    })
}

impl Deed {
    fn of(kept: Kept, did: impl Into<String>) -> Self {
        Deed { kept, request: Becomes::Kept, switch: Becomes::Same, under_way: None, again: Vec::new(), unties: false, did: did.into() }
    }

    fn write(&self, db: &Connection, frame: &Frame<'_>) -> SqlResult<()> {
        let Deed { kept, did, .. } = self;
        match (&self.switch, &self.under_way) {
            (Becomes::Kept, Some(under_way)) => switch::put(db, under_way)?,
            (Becomes::Gone, _) => switch::end(db, kept.mailbox)?,
            _ => {}
        }
        match self.request {
            Becomes::Gone => moves::remove(db, kept.mailbox)?,
            _ => moves::put(db, kept)?,
        }
        self.again.iter().try_for_each(|token| stock::send_again(db, kept.mailbox, token))?;
        moves::set_tie(db, kept.mailbox, kept.tie.filter(|_| !self.unties))?;
        let by = if frame.order.by.is_empty() { String::new() } else { format!(" by {}", frame.order.by) };
        moves::note(db, kept, frame.now_ms, &format!("{did}{by}"))?;
        match frame.order.what {
            What::New(_) => moves::forget_old(db, kept.mailbox, frame.history),
            _ => Ok(()),
        }
    }
}

/// `again`: items that are sent once more, where that is ordered.
fn judge(db: &Connection, frame: &Frame<'_>, part: &Meant, mut there: Option<Kept>, again: Vec<Token>) -> SqlResult<Result<Deed, String>> {
    let under_way = switch::of(db, part.mailbox)?;
    let phase = under_way.as_ref().map(|kept| kept.switch.phase);
    if let Some(kept) = there.as_mut()
        && kept.request.state == State::CompletionInProgress
        && phase.is_none_or(|phase| phase == Phase::Asking)
    {
        // Nothing is locked yet: it is still as good as ready.
        kept.request.step_back(frame.now_ms);
    }
    Ok(match (&frame.order.what, there) {
        (What::New(_), None) if phase == Some(Phase::Done) => Err("the mailbox has been switched: its source is no source any more".into()),
        (What::New(ask), None) => {
            ask.on(Wishes::default()).map(|wishes| Deed::of(new(frame, part, ask, wishes), "a move request is queued"))
        }
        (What::New(_), Some(kept)) => {
            Err(format!("the mailbox has a move request, which is {}: remove that one first", kept.request.state.name()))
        }
        (What::Undo, there) => undo(frame, part, there, under_way),
        (_, None) => Err("the mailbox has no move request".into()),
        (What::Remove, Some(kept)) => remove(kept, phase),
        (What::Resume, Some(_)) if phase == Some(Phase::Returning) => {
            Err("its switch is being taken back: resume it when mail goes to the source again".into())
        }
        (What::RetryRefused, Some(kept)) => retry_refused(frame, kept, again),
        (what, Some(kept)) => change(frame, kept, what),
    })
}

fn new(frame: &Frame<'_>, part: &Meant, ask: &Ask, wishes: Wishes) -> Kept {
    let (batch, comment) = (ask.batch.clone().unwrap_or_default(), ask.comment.clone().unwrap_or_default());
    let request = Request::new(wishes, frame.now_ms);
    Kept { mailbox: part.mailbox, id: frame.order.id.clone(), batch, comment, request, tie: part.tie }
}

/// Each is looked for at the target like any other item before it is appended: none is doubled.
fn retry_refused(frame: &Frame<'_>, mut kept: Kept, again: Vec<Token>) -> Result<Deed, String> {
    kept.request.retry_refused(frame.now_ms)?;
    if again.is_empty() {
        return Err("the target has refused nothing of it that the source still has".into());
    }
    let did = format!("what the target has refused is sent once more: items {}", again.len());
    Ok(Deed { again, ..Deed::of(kept, did) })
}

fn remove(kept: Kept, phase: Option<Phase>) -> Result<Deed, String> {
    may(To::Remove, kept.request.state)?;
    let switch = match phase {
        None | Some(Phase::Done) => Becomes::Same,
        Some(Phase::Asking) => Becomes::Gone,
        Some(_) => return Err("its switch is not over, and its source may be locked: that ends by itself".into()),
    };
    let did = format!("the move request, which was {}, is removed", kept.request.state.name());
    Ok(Deed { request: Becomes::Gone, switch, unties: phase != Some(Phase::Done), ..Deed::of(kept, did) })
}

/// The switch is taken back, with or without its request (R83). What is to be done outside is done in the sessions that follow.
fn undo(frame: &Frame<'_>, part: &Meant, there: Option<Kept>, under_way: Option<switch::Kept>) -> Result<Deed, String> {
    let mut under_way = match under_way.map(|kept| (kept.switch.phase, kept)) {
        Some((Phase::Returning, _)) => return Err("its switch is being taken back already".into()),
        Some((phase, kept)) if phase.is_past_return() => kept,
        Some((Phase::Locking | Phase::Locked | Phase::Unlocking, _)) => {
            return Err("it is not switched yet: `suspend` or wait, its source is opened again by itself".into());
        }
        _ => return Err("it is not switched".into()),
    };
    frame.can_switch.clone()?;
    // The request may have been removed since.
    let removed = || Kept {
        mailbox: part.mailbox,
        id: frame.order.id.clone(),
        batch: String::new(),
        comment: String::new(),
        request: Request::switched(Wishes::default(), frame.now_ms),
        tie: part.tie,
    };
    let mut kept = there.unwrap_or_else(removed);
    kept.request.undo(frame.now_ms)?;
    under_way.enter(Phase::Returning);
    let did = "the move request is suspended, and its switch is taken back";
    Ok(Deed { switch: Becomes::Kept, under_way: Some(under_way), ..Deed::of(kept, did) })
}

/// An order that leaves the request standing.
fn change(frame: &Frame<'_>, mut kept: Kept, what: &What) -> Result<Deed, String> {
    let did = match what {
        What::Suspend { comment } => {
            kept.request.suspend(frame.now_ms)?;
            if !comment.is_empty() {
                kept.comment = comment.clone();
            }
            "suspended"
        }
        What::Resume => {
            kept.request.resume(frame.now_ms)?;
            "resumed"
        }
        What::Complete => {
            // A mailbox that nobody switches must not be called completed.
            frame.can_switch.clone()?;
            kept.request.complete()?;
            "to be completed as soon as it is ready"
        }
        What::Set(ask) => {
            set(&mut kept, ask)?;
            "changed"
        }
        What::New(_) | What::Remove | What::Undo | What::RetryRefused => return Err("it is no change".into()),
    };
    Ok(Deed::of(kept, format!("the move request is {did}")))
}

fn set(kept: &mut Kept, ask: &Ask) -> Result<(), String> {
    kept.request.set(ask.on(kept.request.wishes)?)?;
    if let Some(batch) = &ask.batch {
        kept.batch = batch.clone();
    }
    if let Some(comment) = &ask.comment {
        kept.comment = comment.clone();
    }
    Ok(())
}
