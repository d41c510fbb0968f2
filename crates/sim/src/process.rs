//! A running agent as the fault injector sees it.
//!
//! Every durable step of every agent is counted, in one count for the whole world. At the chosen step the agent that takes
//! it dies: the step does not happen, and nothing that process does afterwards has any effect. What is true right after
//! step n is true right before the next one, so dying before each step is dying after each as well.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mailferry_core::ports::{ShareError, ShareErrorKind, Steps};

/// The count, and the step at which someone dies.
#[derive(Default)]
pub struct Fate {
    taken: AtomicU64,
    /// 0: nobody.
    dies_before: AtomicU64,
    story: Mutex<Vec<String>>,
    telling: AtomicBool,
    /// Steps count once the world stands.
    armed: AtomicBool,
}

impl Fate {
    pub fn dying_before(step: u64) -> Arc<Self> {
        let fate = Fate::default();
        fate.dies_before.store(step, Ordering::Relaxed);
        Arc::new(fate)
    }

    pub fn steps(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Keeps a line per step from now on.
    pub fn tell(&self) {
        self.telling.store(true, Ordering::Relaxed);
    }

    pub fn story(&self) -> Vec<String> {
        self.story.lock().map(|story| story.clone()).unwrap_or_default()
    }
}

/// One agent process of one node.
pub struct Process {
    name: String,
    dead: AtomicBool,
    fate: Arc<Fate>,
}

impl Process {
    pub fn new(name: String, fate: Arc<Fate>) -> Arc<Self> {
        Arc::new(Process { name, dead: AtomicBool::new(false), fate })
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn restart(&self) {
        self.dead.store(false, Ordering::Relaxed);
    }

    /// Before an effect: an error means that the process is dead and the effect must not happen.
    pub fn step(&self, what: impl FnOnce() -> String) -> Result<(), String> {
        if self.is_dead() {
            return Err("the process is dead".into());
        }
        if !self.fate.armed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let step = self.fate.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fate.telling.load(Ordering::Relaxed)
            && let Ok(mut story) = self.fate.story.lock()
        {
            story.push(format!("{step:5} {:<22} {}", self.name, what()));
        }
        if step == self.fate.dies_before.load(Ordering::Relaxed) {
            self.dead.store(true, Ordering::Relaxed);
            return Err("killed here".into());
        }
        Ok(())
    }

    pub(crate) fn share_step(&self, place: &str, what: impl FnOnce() -> String) -> Result<(), ShareError> {
        self.step(what).map_err(|cause| ShareError { kind: ShareErrorKind::Unreachable, place: place.into(), cause })
    }

    pub(crate) fn alive(&self, place: &str) -> Result<(), ShareError> {
        let dead = || ShareError { kind: ShareErrorKind::Unreachable, place: place.into(), cause: "the process is dead".into() };
        if self.is_dead() { Err(dead()) } else { Ok(()) }
    }
}

impl Steps for Process {
    fn before_commit(&self) -> Result<(), String> {
        self.step(|| "commit".into())
    }
}
