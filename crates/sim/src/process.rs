//! A running agent as the fault injector sees it.
//!
//! Every durable step of every agent is counted, in one count for the whole world, and its fate is decided there: it happens;
//! the agent dies before it, and nothing that process does afterwards has any effect; it fails; or it happens and the answer
//! is lost. What is true right after step n is true right before the next one, so dying before each step is dying after each
//! as well.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::engine::{SessionEnd, SessionReport};
use mailferry_core::events;
use mailferry_core::ports::{Event, Level, ShareError, ShareErrorKind, Steps};

use crate::baton::Baton;
use crate::clock::WorldClock;
use crate::dice::Dice;
use crate::watch::Watch;

/// What becomes of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Happens,
    /// The process dies before it.
    Dies,
    /// It does not happen, and the process is told so.
    Fails,
    /// It happens, and the process is told that it failed.
    AnswerLost,
}

/// How often, in a thousand steps, something other than `Happens`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub dies: u64,
    pub fails: u64,
    pub answer_lost: u64,
    /// Looks at a disk that are not answered, and files that cannot be read to their end.
    pub unread: u64,
    /// Steps that take minutes.
    pub slow: u64,
    /// Writes that are answered with success and put other bytes on the disk.
    pub lies: u64,
}

/// Longest that a slow step takes.
const SLOW_MS_MAX: u64 = 20 * 60_000;

/// A fault for the first step of an agent that looks like this.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trap {
    /// `NODE agent`.
    pub who: String,
    /// Part of what the step says.
    pub what: String,
    pub outcome: Outcome,
}

/// What waits for something that comes by itself is told, and is no warning yet.
const WAITS_QUIETLY: [&str; 3] = ["container.early", "guarantee.flushing", "switch.waits"];

/// The count of steps, and what becomes of each.
#[derive(Default)]
pub struct Fate {
    taken: AtomicU64,
    planned: BTreeMap<u64, Outcome>,
    traps: Mutex<Vec<Trap>>,
    pub clock: Arc<WorldClock>,
    pub watch: Watch,
    chance: Mutex<Option<(Dice, Rates)>>,
    story: Mutex<Vec<String>>,
    telling: AtomicBool,
    /// Steps count once the world stands.
    armed: AtomicBool,
}

impl Fate {
    pub fn planned(plan: &[(u64, Outcome)]) -> Arc<Self> {
        Arc::new(Fate { planned: plan.iter().copied().collect(), ..Fate::default() })
    }

    pub fn dying_before(step: u64) -> Arc<Self> {
        Fate::planned(&[(step, Outcome::Dies)])
    }

    pub fn random(dice: Dice, rates: Rates) -> Arc<Self> {
        Arc::new(Fate { chance: Mutex::new(Some((dice, rates))), ..Fate::default() })
    }

    /// From now on nothing happens by chance.
    pub fn calm(&self) {
        *locked(&self.chance) = None;
    }

    /// The same for a while: until chance is given back.
    pub fn peace(&self) -> Option<(Dice, Rates)> {
        locked(&self.chance).take()
    }

    pub fn end(&self, peace: Option<(Dice, Rates)>) {
        *locked(&self.chance) = peace;
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
        locked(&self.story).clone()
    }

    /// Adds a line that is no step.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if self.telling.load(Ordering::Relaxed) {
            locked(&self.story).push(line());
        }
    }

    /// The next step that looks like this meets its fault.
    pub fn trap(&self, trap: Trap) {
        locked(&self.traps).push(trap);
    }

    /// Traps that nothing has met.
    pub fn traps_left(&self) -> Vec<Trap> {
        locked(&self.traps).clone()
    }

    fn decide(&self, who: &str, what: &dyn Fn() -> String) -> Outcome {
        if !self.armed.load(Ordering::Relaxed) {
            return Outcome::Happens;
        }
        let step = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        let outcome = self.planned.get(&step).copied().or_else(|| self.trapped(who, what)).unwrap_or_else(|| self.throw());
        self.note(|| {
            let mark = if outcome == Outcome::Happens { String::new() } else { format!("   *** {outcome:?}") };
            format!("{step:5} {who:<22} {}{mark}", what())
        });
        outcome
    }

    fn trapped(&self, who: &str, what: &dyn Fn() -> String) -> Option<Outcome> {
        let mut traps = locked(&self.traps);
        if traps.is_empty() {
            return None;
        }
        let what = what();
        let at = traps.iter().position(|trap| trap.who == who && what.contains(&trap.what))?;
        Some(traps.remove(at).outcome)
    }

    /// A look at a disk that is not answered; `Some(bytes)` of a file that breaks off there.
    pub(crate) fn unread(&self, length: u64) -> Option<u64> {
        let mut chance = locked(&self.chance);
        let (dice, rates) = chance.as_mut()?;
        (rates.unread > 0 && dice.chance(rates.unread)).then(|| dice.below(length + 1))
    }

    /// A written file of this length in which a bit is not what was written.
    pub(crate) fn lie(&self, length: usize) -> Option<(usize, u8)> {
        let mut chance = locked(&self.chance);
        let (dice, rates) = chance.as_mut()?;
        (rates.lies > 0 && length > 0 && dice.chance(rates.lies)).then(|| (dice.below(length as u64) as usize, 1 << dice.below(8)))
    }

    fn throw(&self) -> Outcome {
        let mut chance = locked(&self.chance);
        let Some((dice, rates)) = chance.as_mut() else { return Outcome::Happens };
        if rates.slow > 0 && dice.chance(rates.slow) {
            self.clock.pass(dice.below(SLOW_MS_MAX));
        }
        let thrown = dice.below(1000);
        let cases = [(rates.dies, Outcome::Dies), (rates.fails, Outcome::Fails), (rates.answer_lost, Outcome::AnswerLost)];
        let mut limit = 0;
        for (rate, outcome) in cases {
            limit += rate;
            if thrown < limit {
                return outcome;
            }
        }
        Outcome::Happens
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One agent process of one node.
pub struct Process {
    node: String,
    name: String,
    dead: AtomicBool,
    fate: Arc<Fate>,
    /// While sessions are interleaved: the baton, and this process's place among the players.
    turn: Mutex<Option<(Arc<Baton>, usize)>>,
    /// The commit under way will stand, and be reported as failed.
    commit_unanswered: AtomicBool,
    /// Its agent has told since its start why something waits.
    warned: AtomicBool,
}

impl Process {
    pub fn new(node: &str, agent: &str, fate: Arc<Fate>) -> Arc<Self> {
        let (node, name) = (node.to_owned(), format!("{node} {agent}"));
        Arc::new(Process {
            node,
            name,
            dead: AtomicBool::new(false),
            fate,
            turn: Mutex::default(),
            commit_unanswered: AtomicBool::new(false),
            warned: AtomicBool::new(false),
        })
    }

    pub fn node(&self) -> &str {
        &self.node
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.fate.watch
    }

    /// What its agent says goes into the story, and is in the catalogue.
    pub(crate) fn says(&self, event: &Event) {
        let Event { name, level, text } = event;
        self.fate.note(|| format!("            says: {}: {name}: {text}", self.name));
        if !events::known(name).is_some_and(|known| known.levels.contains(level)) {
            self.watch().breaks(format!("the catalogue knows no {name} at {level:?}: {}", self.name));
        }
        if *level >= Level::Warning || WAITS_QUIETLY.contains(name) {
            self.warned.store(true, Ordering::Relaxed);
        }
    }

    /// A session has ended: that something waits has been told, here or in a session before.
    pub(crate) fn ends(&self, report: &SessionReport) {
        // What waits for a moment goes on by itself.
        let held_up = matches!(report.end, SessionEnd::HeldUp(_)) && report.again_in_ms.is_none();
        let waits = held_up || !report.stalls.is_empty();
        if waits && !self.warned.load(Ordering::Relaxed) && !self.is_dead() {
            let waits = report.stalls.iter().map(|stall| format!("; {}: {}", stall.what, stall.why)).collect::<String>();
            self.watch().breaks(format!("something waits, and nobody was told: {}: {:?}{waits}", self.name, report.end));
        }
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub fn restart(&self) {
        self.warned.store(false, Ordering::Relaxed);
        self.dead.store(false, Ordering::Relaxed);
    }

    pub(crate) fn take_turns(&self, turn: Option<(Arc<Baton>, usize)>) {
        *locked(&self.turn) = turn;
    }

    /// Lets others go first, where sessions are interleaved.
    pub(crate) fn pause(&self) {
        let turn = locked(&self.turn).clone();
        if let Some((baton, me)) = turn {
            baton.pause(me);
        }
    }

    /// Takes one durable step: `effect` is the step, `failed` makes the error of one that is not answered.
    pub fn act<T, E>(
        &self,
        what: impl Fn() -> String,
        effect: impl FnOnce() -> Result<T, E>,
        failed: impl FnOnce(String) -> E,
    ) -> Result<T, E> {
        self.pause();
        if self.is_dead() {
            return Err(failed("the process is dead".into()));
        }
        match self.fate.decide(&self.name, &what) {
            Outcome::Happens => effect(),
            Outcome::Dies => {
                self.kill();
                Err(failed("killed here".into()))
            }
            Outcome::Fails => Err(failed("it failed".into())),
            Outcome::AnswerLost => effect().and_then(|_| Err(failed("the answer was lost".into()))),
        }
    }

    /// A look at something: not answered by chance, or because the process is dead.
    pub(crate) fn look(&self, place: &str) -> Result<(), ShareError> {
        self.pause();
        match () {
            () if self.is_dead() => Err(unanswered(place, "the process is dead".into())),
            () if self.fate.unread(0).is_some() => Err(unanswered(place, "no answer".into())),
            () => Ok(()),
        }
    }

    /// Whether a write of so many bytes goes wrong without a word: which byte, and which bit of it.
    pub(crate) fn lie(&self, length: usize) -> Option<(usize, u8)> {
        self.fate.lie(length)
    }

    /// Where a file of this length breaks off when it is read.
    pub(crate) fn breaks_off(&self, length: u64) -> Option<u64> {
        self.fate.unread(length)
    }
}

pub(crate) fn unanswered(place: &str, cause: String) -> ShareError {
    ShareError { kind: ShareErrorKind::Unreachable, place: place.into(), cause }
}

impl Steps for Process {
    fn before_commit(&self) -> Result<(), String> {
        self.pause();
        if self.is_dead() {
            return Err("the process is dead".into());
        }
        match self.fate.decide(&self.name, &|| "commit".into()) {
            Outcome::Happens => Ok(()),
            Outcome::AnswerLost => {
                self.commit_unanswered.store(true, Ordering::Relaxed);
                Ok(())
            }
            Outcome::Fails => Err("it failed".into()),
            Outcome::Dies => {
                self.kill();
                Err("killed here".into())
            }
        }
    }

    fn after_commit(&self) -> Result<(), String> {
        if self.commit_unanswered.swap(false, Ordering::Relaxed) { Err("the answer was lost".into()) } else { Ok(()) }
    }
}
