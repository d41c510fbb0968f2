//! A scenario stopped at every durable step, resumed, and held to the same end.

use std::sync::Arc;

use crate::check;
use crate::process::Fate;
use crate::story::Story;

/// What one story came to.
#[derive(Debug)]
pub struct Climb {
    /// Durable steps of the undisturbed run.
    pub steps: u64,
    /// Step and what was wrong in the end, for each run that failed.
    pub failures: Vec<(u64, String)>,
}

/// Failures told in full; more of them say nothing new.
const FAILURES_MAX: usize = 5;

pub fn climb(story: &Story) -> Climb {
    let undisturbed = Arc::new(Fate::default());
    let mut failures = Vec::new();
    failures.extend(fall(story, undisturbed.clone(), 0));
    let steps = undisturbed.steps();
    for step in 1..=steps {
        if failures.len() >= FAILURES_MAX {
            break;
        }
        failures.extend(fall(story, Fate::dying_before(step), step));
    }
    Climb { steps, failures }
}

fn fall(story: &Story, fate: Arc<Fate>, step: u64) -> Option<(u64, String)> {
    let trouble = match story.play(fate) {
        Ok(world) => check::troubles(&world),
        Err(reason) => vec![reason],
    };
    (!trouble.is_empty()).then(|| (step, trouble.join("\n    ")))
}

/// The steps of one run, for a person who wants to know what happened.
pub fn tale(story: &Story, step: u64) -> Vec<String> {
    let fate = Fate::dying_before(step);
    fate.tell();
    let outcome = story.play(fate.clone());
    let mut tale = fate.story();
    tale.push(match outcome {
        Ok(world) => format!("in the end: {:?}", check::troubles(&world)),
        Err(reason) => reason,
    });
    tale
}
