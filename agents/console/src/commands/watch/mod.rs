//! `status --watch`: the fleet in the terminal, looked at again every two seconds.
//!
//! ```text
//! view  what is shown, and what keys change of it
//! list  rows of the five lists, and everything about one row
//! draw  view and fleet as a frame
//! ```
//!
//! It is asked for by a word of its own: `status` alone prints and ends, at a terminal as in a script.

mod draw;
mod list;
mod view;

use std::time::{Duration, Instant};

use mailferry_core::ports::Clock;
use mailferry_core::settings::Project;
use mailferry_core::trouble::Trouble;
use mailferry_host::SystemClock;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::fleet::{Fleet, History, Looker, Rates, Told, Work, events};
use view::{Turn, View};

const LOOK_EVERY: Duration = Duration::from_secs(2);
const EVENTS_MAX: usize = 200;

/// What one look has seen.
pub struct Seen {
    pub fleet: Fleet,
    pub rates: Option<Rates>,
    pub events: Vec<Told>,
}

fn look(looker: &mut Looker, history: &mut History) -> Seen {
    let fleet = looker.look(SystemClock.now_ms());
    history.add(&fleet);
    let (events, _) = events(&fleet.agents, EVENTS_MAX, &mut Work::default());
    Seen { rates: history.rates(), events, fleet }
}

/// Until somebody presses q; answers what was seen last.
pub fn run(project: Project) -> Result<Fleet, Trouble> {
    let trouble = |error: std::io::Error| {
        let trouble = Trouble::new("could not use the terminal").cause(error);
        trouble.hint("`mailferry status` without --watch prints the same once")
    };
    let mut terminal = ratatui::try_init().map_err(trouble)?;
    let done = watch(&mut terminal, project);
    ratatui::restore();
    done.map_err(trouble)
}

fn watch(terminal: &mut ratatui::DefaultTerminal, project: Project) -> std::io::Result<Fleet> {
    let (mut looker, mut history, mut view) = (Looker::new(project), History::default(), View::default());
    let mut seen = look(&mut looker, &mut history);
    let mut looked = Instant::now();
    loop {
        terminal.draw(|frame| draw::all(frame, &mut view, &seen))?;
        if event::poll(LOOK_EVERY.saturating_sub(looked.elapsed()))?
            && let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && view.key(key, &seen) == Turn::Leave
        {
            return Ok(seen.fleet);
        }
        if looked.elapsed() >= LOOK_EVERY {
            seen = look(&mut looker, &mut history);
            looked = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests;
