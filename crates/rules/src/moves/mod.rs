//! Move requests: what an operator wants done with one mailbox, and how far it is (R80, R81).
//!
//! Pure: an agent keeps the request in its ledger, tells it what has happened, and writes down what it has become. Names are those
//! that administrators of Exchange know.
//!
//! ```text
//! state     the nine states, and how long a request was in each          R80
//! wishes    what an operator asks for, and within which limits           R81
//! priority  from Lowest to Emergency                                     R81
//! request   what happens to a request, and what becomes of it            R80 R81
//! orders    what may be ordered in which state, and why not              R80
//! switch    the handshake by which a mailbox is switched                R82 R75
//! pair      primary and archive of one user, moved as one               R76
//! admit     how many requests are under way at a store and a server      R81
//! ```

mod admit;
mod orders;
mod pair;
mod priority;
mod request;
mod state;
mod switch;
mod wishes;

#[cfg(test)]
mod tests;

pub use admit::{Full, Limits, Place, Under, admit};
pub use orders::{Order, is_moot, may};
pub use pair::{Part, Standing, Together, together};
pub use priority::Priority;
pub use request::{After, Detail, Failure, Progress, Request, Retries, Stage};
pub use state::{Spent, State};
pub use switch::{Known, Next, Phase, Switch};
pub use wishes::{INTERVAL_MIN_MS, ITEM_LIMIT_ACCEPTED, Wishes};
