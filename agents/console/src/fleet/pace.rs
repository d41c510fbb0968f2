//! How fast it goes, and when it will be over. Two ways: by the times of move requests, which one look has; and by what has changed between
//! looks, which only a view that stays open has.

use mailferry_core::engine::{MoveReport, Moves};
use mailferry_core::settings::AgentKind;
use mailferry_rules::moves::State;
use serde::Serialize;

use super::{Fleet, active};

const HOUR_MS: f64 = 3_600_000.0;
/// First copies are counted over so long.
const WINDOW_MS: u64 = 24 * 3_600_000;

/// Of first copies of move requests.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Pace {
    /// Made within the last day, or since the first request began.
    pub ready: u64,
    pub ready_per_hour: Option<f64>,
    /// Still to be made, of requests that nothing stops.
    pub left: u64,
    /// At this pace.
    pub eta_s: Option<u64>,
}

impl Pace {
    pub fn of(moves: &Moves, now_ms: u64) -> Self {
        let begun_ms = moves.requests.iter().map(|of| of.started_ms).filter(|ms| *ms > 0).min();
        let Some(begun_ms) = begun_ms else {
            return Pace { left: moves.requests.iter().filter(|of| is_left(of)).count() as u64, ..Pace::default() };
        };
        let since_ms = begun_ms.max(now_ms.saturating_sub(WINDOW_MS));
        let ready = moves.requests.iter().filter(|of| of.ready_ms >= since_ms && of.ready_ms > 0).count() as u64;
        let left = moves.requests.iter().filter(|of| is_left(of)).count() as u64;
        let hours = now_ms.saturating_sub(since_ms) as f64 / HOUR_MS;
        let ready_per_hour = (ready > 0 && hours > 0.0).then(|| ready as f64 / hours);
        let eta_s = ready_per_hour.map(|per_hour| (left as f64 / per_hour * 3_600.0) as u64);
        Pace { ready, ready_per_hour, left, eta_s }
    }
}

fn is_left(of: &MoveReport) -> bool {
    of.ready_ms == 0 && !State::named(&of.state).is_some_and(State::needs_an_order)
}

/// One look, in numbers that only grow, and one that does not: what is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    pub at_ms: u64,
    pub items: u64,
    pub bytes: u64,
    pub applied: u64,
    pub answered: u64,
    pub on_their_way: u64,
}

/// Per second, between two looks.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Rates {
    pub items: f64,
    pub bytes: f64,
    pub applied: f64,
    pub answered: f64,
    /// Until all containers that are on their way are answered.
    pub eta_s: Option<u64>,
}

/// Samples kept at most: when there are more, every second one goes, and from then on they are taken half as often.
const SAMPLES_MAX: usize = 240;
const SAMPLE_EVERY_MS: u64 = 5_000;
/// Rates are those of so long.
const RATES_OVER_MS: u64 = 5 * 60_000;

/// What looks have seen since the view was opened.
pub struct History {
    samples: Vec<Sample>,
    every_ms: u64,
}

impl Default for History {
    fn default() -> Self {
        History { samples: Vec::new(), every_ms: SAMPLE_EVERY_MS }
    }
}

impl History {
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// A look that did not see the figures is none: what is not known is not 0, and what is seen again has not come at once.
    pub fn add(&mut self, fleet: &Fleet) {
        if !fleet.troubles.is_empty() || active(&fleet.agents, AgentKind::Source).is_none() {
            return;
        }
        let figures = &fleet.totals.all.figures;
        self.push(Sample {
            at_ms: fleet.looked_ms,
            items: figures.items,
            bytes: figures.bytes,
            applied: figures.applied,
            answered: figures.answered,
            on_their_way: figures.on_their_way(),
        });
    }

    fn push(&mut self, sample: Sample) {
        if self.samples.last().is_some_and(|last| sample.at_ms.saturating_sub(last.at_ms) < self.every_ms) {
            return;
        }
        self.samples.push(sample);
        if self.samples.len() > SAMPLES_MAX {
            let mut number = 0;
            self.samples.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.every_ms *= 2;
        }
    }

    /// `None`: there are no two looks to compare.
    pub fn rates(&self) -> Option<Rates> {
        let last = self.samples.last()?;
        let since_ms = last.at_ms.saturating_sub(RATES_OVER_MS);
        let before = self.samples.iter().rev().skip(1).take_while(|sample| sample.at_ms >= since_ms).last();
        let before = before.or_else(|| self.samples.iter().rev().nth(1))?;
        let seconds = last.at_ms.saturating_sub(before.at_ms) as f64 / 1000.0;
        let per_s = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let answered = per_s(last.answered, before.answered);
        let eta_s = match last.on_their_way {
            0 => Some(0),
            waiting => (answered > 0.0).then(|| (waiting as f64 / answered) as u64),
        };
        Some(Rates {
            items: per_s(last.items, before.items),
            bytes: per_s(last.bytes, before.bytes),
            applied: per_s(last.applied, before.applied),
            answered,
            eta_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(state: State, started_ms: u64, ready_ms: u64) -> MoveReport {
        MoveReport { state: state.name().into(), started_ms, ready_ms, ..MoveReport::default() }
    }

    #[test]
    fn the_pace_is_that_of_first_copies_of_a_day_and_what_is_stopped_is_not_waited_for() {
        let hour = HOUR_MS as u64;
        let mut requests = vec![request(State::InProgress, hour, 0), request(State::Queued, 0, 0), request(State::Failed, hour, 0)];
        requests.extend((0..4).map(|_| request(State::AutoSuspended, hour, 2 * hour)));
        let moves = Moves { requests, orders: Vec::new() };
        let pace = Pace::of(&moves, 3 * hour);
        assert_eq!(pace, Pace { ready: 4, ready_per_hour: Some(2.0), left: 2, eta_s: Some(3_600) });
        assert_eq!(Pace::of(&moves, 40 * hour), Pace { ready: 0, ready_per_hour: None, left: 2, eta_s: None }, "all of it is long ago");
        assert_eq!(Pace::of(&Moves::default(), hour), Pace::default());
    }

    fn sample(at_ms: u64, answered: u64, on_their_way: u64) -> Sample {
        Sample { at_ms, items: answered * 10, bytes: answered * 1_000, applied: answered * 9, answered, on_their_way }
    }

    #[test]
    fn rates_are_those_of_the_last_minutes() {
        let mut history = History::default();
        assert_eq!(history.rates(), None);
        history.push(sample(0, 0, 100));
        assert_eq!(history.rates(), None);
        history.push(sample(1_000_000, 0, 100));
        history.push(sample(1_010_000, 20, 80));
        assert_eq!(history.rates(), Some(Rates { items: 20.0, bytes: 2_000.0, applied: 18.0, answered: 2.0, eta_s: Some(40) }));
        history.push(sample(1_011_000, 90, 0));
        assert_eq!(history.samples().len(), 3, "not so often");
        history.push(sample(1_020_000, 100, 0));
        assert_eq!(history.rates().and_then(|rates| rates.eta_s), Some(0));
    }

    #[test]
    fn a_view_that_stays_open_for_weeks_keeps_its_beginning_and_no_more_than_it_can_draw() {
        let mut history = History::default();
        (0..200_000).for_each(|number| history.push(sample(number * SAMPLE_EVERY_MS, number, 0)));
        assert!((SAMPLES_MAX / 2..=SAMPLES_MAX).contains(&history.samples().len()));
        assert_eq!(history.samples()[0].at_ms, 0);
        assert!(history.samples().last().is_some_and(|last| last.at_ms > 190_000 * SAMPLE_EVERY_MS));
    }
}
