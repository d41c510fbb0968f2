//! Every decision of the suite, and nothing else.
//!
//! An agent is a loop: it gathers facts (rows of its database, files in its folders), asks this crate for the next durable
//! step, does that one step through a port and records it. The crate is `no_std`: it cannot read a file, a clock or a byte
//! of mail, so every decision is a function of what it is given and the simulator can ask the very same questions.
//!
//! ```text
//! ids        mailbox, sequence, epoch, container name                    R6
//! topology   clusters, nodes, shares, OUT and IN folders                 R1 R4 R5
//! epoch      who may act: claims, stale containers                       R3
//! publish    the source side: where to place the next copy               R13 R21 R22
//! ship       the transmission agent: what to do with a file in OUT       R31-R34
//! import     the target side: what to do with a file in IN               R40 R41 R43
//! cleanup    which copy to delete next; when a deletion debt is due      R50-R56
//! session    what a failed replication forbids                           R11 R12
//! guarantee  do enough copies hold it? stalls and the finalisation         R70-R76
//! moves      requests to move a mailbox: states, orders, limits             R80 R81
//! score      how well a mailbox has arrived                                R84
//! ```
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod cleanup;
pub mod epoch;
pub mod guarantee;
pub mod ids;
pub mod import;
pub mod moves;
pub mod publish;
pub mod score;
pub mod session;
pub mod ship;
pub mod topology;
