//! The laws of the data guarantee: truth tables, limits, words.

mod limits;
mod table;
mod words;

use super::*;

const MINUTE: u64 = 60_000;

fn passive(name: &str, site: &str) -> Copy {
    Copy {
        site: Some(site.into()),
        copy_queue: Some(0),
        replay_behind_ms: Some(0),
        replayed_until_ms: Some(1_000_000),
        index: Index::UpToDate,
        ..Copy::new(name, false, State::Healthy)
    }
}

fn active(name: &str, site: &str) -> Copy {
    Copy { active: true, state: State::Mounted, ..passive(name, site) }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Unknown(_) => "unknown",
        Verdict::Bad(_) => "bad",
    }
}

fn answer_word(answer: Answer) -> &'static str {
    word(&Verdict::from(answer))
}
