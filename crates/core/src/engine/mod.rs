//! The agents: gather facts, ask mailferry-rules for the next durable step, do it through a port, record it.
//!
//! ```text
//! agent        what an agent is made of; one session from start to end (R10)
//! activation   role, epoch, the right to act (R2, R3)
//! replicating  the database to the other nodes (R11-R14)
//! packing      records into a container in WORK (R6, R21, R23)
//! leftover     containers of an interrupted run: resumed, adopted or put aside
//! recording    what a published container says about its mailbox
//! publishing   a sealed container into OUT, passive copies first (R21, R22)
//! deleting     a container out of OUT or IN, passive copy first; deletion debts (R50-R56)
//! guarding     the data guarantee: kept until flushed, asked again, told when it lasts (R70, R74)
//! intake       containers in IN: verdict, quarantine, deletion (R40, R41, R43)
//! source       scan, pack, publish; take receipts (R20-R23, R45)
//! transmission OUT to IN (R30-R34)
//! target       import, receipts (R40-R45)
//! lasting      what holds a mailbox up for long calls a person
//! telling      when what may be much is told again
//! mailboxes    mailboxes as a report tells of them
//! moves        move requests as a report tells of them (R80, R81)
//! report       what a session did, for status and people
//! queues       what replication looks like in numbers
//! takeover     what a takeover had to do again
//! ```
//!
//! A session may be cut off at any step and simply run again: nothing that matters lives only in memory. The road not
//! taken: a state machine kept in the database. Which files exist and which rows stand says it all, and cannot disagree
//! with itself.

mod activation;
mod agent;
mod deleting;
mod guarding;
mod intake;
mod lasting;
mod leftover;
mod mailboxes;
mod moves;
mod packing;
mod policy;
mod publishing;
mod queues;
mod recording;
mod replicating;
mod report;
mod source;
mod takeover;
mod target;
mod telling;
mod transmission;

pub use agent::{Agent, Halt, KeySource, Mailbox, Surroundings};
pub use mailboxes::{MailboxReport, Mailboxes};
pub use moves::{Fate, ItemReport, MoveReport, Moves, OrderReport};
pub use policy::Policy;
pub use queues::{CopyQueueReport, ReplayQueueReport, ReplicationReport};
pub use report::{Counts, DebtReport, SessionEnd, SessionReport, Stall, Standing};
pub(crate) use source::mapped_rights;
pub use source::{MailboxPlan, plan};
pub use target::Manifested;
