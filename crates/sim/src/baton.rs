//! Sessions that run in turns: each on a thread of its own, one of them at a time.
//!
//! Whoever holds the baton runs up to its next look at the world or change of it, and hands the baton back. Between any two
//! such moments of one agent anything may happen: sessions of others, a failover, mail that arrives.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct Baton {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None`: whoever conducts.
    holder: Option<usize>,
    ended: Vec<usize>,
}

impl Baton {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, state: MutexGuard<'_, State>, holder: Option<usize>) {
        drop(self.changed.wait_while(state, |state| state.holder != holder));
    }

    /// A player's first turn.
    pub fn begin(&self, me: usize) {
        self.wait_until(self.lock(), Some(me));
    }

    /// Hands the baton back and waits for the next turn.
    pub fn pause(&self, me: usize) {
        let mut state = self.lock();
        state.holder = None;
        self.changed.notify_all();
        self.wait_until(state, Some(me));
    }

    /// A player's last turn is over.
    pub fn end(&self, me: usize) {
        let mut state = self.lock();
        state.ended.push(me);
        state.holder = None;
        self.changed.notify_all();
    }

    /// Gives a player one turn; false once it has ended.
    pub fn give(&self, player: usize) -> bool {
        let mut state = self.lock();
        if state.ended.contains(&player) {
            return false;
        }
        state.holder = Some(player);
        self.changed.notify_all();
        self.wait_until(state, None);
        true
    }
}
