//! Sessions that run in turns: each on a thread of its own, one of them at a time.
//!
//! Whoever holds the baton takes as many turns as it was given, each up to its next look at the world or change of it, and
//! hands the baton back. Between any two such moments of one agent anything may happen: sessions of others, a failover, mail
//! that arrives.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub struct Baton {
    state: Mutex<State>,
    /// One bell per player, and the conductor's.
    bells: Vec<Condvar>,
    conductor: Condvar,
}

#[derive(Default)]
struct State {
    /// `None`: whoever conducts.
    holder: Option<usize>,
    /// Turns the holder may take before it hands the baton back.
    turns: u64,
    ended: Vec<usize>,
}

impl Baton {
    pub fn new(players: usize) -> Self {
        Baton { state: Mutex::default(), bells: (0..players).map(|_| Condvar::new()).collect(), conductor: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, state: MutexGuard<'_, State>, me: usize) {
        drop(self.bells[me].wait_while(state, |state| state.holder != Some(me)));
    }

    /// A player's first turn.
    pub fn begin(&self, me: usize) {
        self.wait(self.lock(), me);
    }

    /// A turn is over. After the last one: hands the baton back and waits for the next.
    pub fn pause(&self, me: usize) {
        let mut state = self.lock();
        state.turns = state.turns.saturating_sub(1);
        if state.turns == 0 {
            state.holder = None;
            self.conductor.notify_one();
            self.wait(state, me);
        }
    }

    /// A player's last turn is over.
    pub fn end(&self, me: usize) {
        let mut state = self.lock();
        state.ended.push(me);
        state.holder = None;
        self.conductor.notify_one();
    }

    /// Gives a player so many turns, at least one; false once it has ended.
    pub fn give(&self, player: usize, turns: u64) -> bool {
        let mut state = self.lock();
        if state.ended.contains(&player) {
            return false;
        }
        (state.holder, state.turns) = (Some(player), turns.max(1));
        self.bells[player].notify_one();
        drop(self.conductor.wait_while(state, |state| state.holder.is_some()));
        true
    }
}
