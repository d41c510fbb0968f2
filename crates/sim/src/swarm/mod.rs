//! A life drawn by lot: faults of every kind, sessions in turns, roles that move; then all is well again, and everything must
//! have arrived.
//!
//! ```text
//! faults   which kinds of trouble a life has
//! life     users, sessions, trouble, healing
//! mishaps  what happens to nodes, disks, network, clocks, stores
//! ```
//!
//! A seed tells everything: the same seed plays the same life, step by step.

mod faults;
mod life;
mod mishaps;

use crate::dice::Dice;
use crate::process::Fate;

pub use faults::Faults;
use life::Life;

/// What a seed came to.
pub struct Outcome {
    pub faults: Faults,
    pub troubles: Vec<String>,
    pub steps: u64,
    pub story: Vec<String>,
}

/// A life with faults of its own choice.
pub fn any(seed: u64, tell: bool) -> Outcome {
    let mut dice = Dice::new(seed);
    let faults = Faults::draw(&mut dice);
    live(dice, faults, tell)
}

/// A life with these faults.
pub fn play(seed: u64, faults: Faults, tell: bool) -> Outcome {
    live(Dice::new(seed), faults, tell)
}

fn live(mut dice: Dice, faults: Faults, tell: bool) -> Outcome {
    let fate = Fate::random(dice.fork(), faults.rates);
    if tell {
        fate.tell();
    }
    let troubles = match Life::begin(dice, faults, fate.clone()) {
        Ok(mut life) => life.run(),
        Err(reason) => vec![reason],
    };
    Outcome { faults, troubles, steps: fate.steps(), story: fate.story() }
}
