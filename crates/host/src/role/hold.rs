//! How long an answer counts.
//!
//! | who asks | origin without a sign | origin with a sign |
//! |---|---|---|
//! | an agent at work | 1 s | 1 s |
//! | an agent that sleeps | 1 s | 5 s |
//! | either, for 5 s after the sign has changed | - | 0.1 s |
//!
//! Another sign makes the answer void at once. After that the cluster manager may not know yet what its sign announces - the token
//! of a resource appears while its start is still going on - so it is asked often for a while. A sleeper that is
//! woken by a sign has little reason to ask otherwise: four agents that ask each second would cost a tenth of a core. The answer
//! "unknown" is asked for again each second, whoever asks.

use std::time::{Duration, Instant, SystemTime};

use mailferry_core::ports::Role;

use super::{Answer, Sign};

const AT_WORK: Duration = Duration::from_secs(1);
const ASLEEP_WITH_SIGN: Duration = Duration::from_secs(5);
const UNSETTLED: Duration = Duration::from_millis(100);
const UNSETTLED_FOR: Duration = Duration::from_secs(5);
/// Of a file at the witness, by a sleeper.
const ASLEEP_UNKEPT: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// Cheap to ask for.
    NotAtAll,
    Briefly,
    /// The sign tells when it is void.
    UntilTheSign,
}

/// By two clocks: the steady one stands still while a machine is suspended, the other may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub fn now() -> Self {
        Moment { steady: Instant::now(), wall: SystemTime::now() }
    }

    #[cfg(test)]
    pub fn later(self, by: Duration) -> Self {
        Moment { steady: self.steady + by, wall: self.wall + by }
    }

    /// The longer of both; a wall clock that was set back counts as for ever.
    fn since(&self, earlier: &Moment) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or(Duration::MAX);
        wall.max(self.steady.saturating_duration_since(earlier.steady))
    }
}

/// The last answer.
#[derive(Default)]
pub(super) struct Held {
    last: Option<Last>,
    changes: u64,
}

struct Last {
    role: Role,
    kept: Kept,
    /// Before it was asked for.
    asked: Moment,
    sign: Sign,
    sign_changed: Option<Moment>,
}

impl Held {
    pub fn is_due(&self, sign: &Sign, now: &Moment, asleep: bool) -> bool {
        self.last.as_ref().is_none_or(|last| last.sign != *sign || now.since(&last.asked) >= last.holds(now, asleep))
    }

    pub fn take(&mut self, answer: Answer, sign: Sign, asked: Moment) {
        let before = self.last.take();
        if before.as_ref().is_none_or(|last| differs(&last.role, &answer.role)) {
            self.changes += 1;
        }
        let sign_changed = match before {
            Some(last) if last.sign == sign => last.sign_changed,
            Some(_) => Some(asked),
            None => None,
        };
        self.last = Some(Last { role: answer.role, kept: answer.kept, asked, sign, sign_changed });
    }

    pub fn role(&self) -> Role {
        self.last.as_ref().map_or_else(|| super::unknown("nobody was asked yet"), |last| last.role.clone())
    }

    pub fn changes(&self) -> u64 {
        self.changes
    }
}

impl Last {
    fn holds(&self, now: &Moment, asleep: bool) -> Duration {
        let unsettled = self.sign_changed.is_some_and(|changed| now.since(&changed) < UNSETTLED_FOR);
        match self.kept {
            Kept::NotAtAll if asleep => ASLEEP_UNKEPT,
            Kept::NotAtAll => Duration::ZERO,
            _ if unsettled => UNSETTLED,
            Kept::UntilTheSign if asleep && !matches!(self.role, Role::Unknown { .. }) => ASLEEP_WITH_SIGN,
            Kept::Briefly | Kept::UntilTheSign => AT_WORK,
        }
    }
}

/// Two reasons why nobody can tell are no difference.
fn differs(a: &Role, b: &Role) -> bool {
    match (a, b) {
        (Role::Unknown { .. }, Role::Unknown { .. }) => false,
        _ => a != b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        static BEGIN: std::sync::OnceLock<Moment> = std::sync::OnceLock::new();
        let begin = *BEGIN.get_or_init(Moment::now);
        begin.later(Duration::from_millis(ms))
    }

    fn sign(text: &str) -> Sign {
        Sign(Some(text.into()))
    }

    fn held(role: Role, kept: Kept) -> Held {
        let mut held = Held::default();
        held.take(Answer { role, kept }, sign("a"), at(0));
        held
    }

    fn passive() -> Role {
        Role::Passive { active: "B".into() }
    }

    #[test]
    fn an_answer_counts_for_a_second_at_work_and_for_longer_asleep_where_a_sign_tells() {
        let unknown = || super::super::unknown("away");
        let cases = [
            (Role::Active, Kept::NotAtAll, false, 0),
            (Role::Active, Kept::NotAtAll, true, 500),
            (Role::Active, Kept::Briefly, false, 1_000),
            (Role::Active, Kept::Briefly, true, 1_000),
            (Role::Active, Kept::UntilTheSign, false, 1_000),
            (passive(), Kept::UntilTheSign, true, 5_000),
            (unknown(), Kept::UntilTheSign, true, 1_000),
        ];
        for (role, kept, asleep, limit) in cases {
            let held = held(role.clone(), kept);
            assert!(held.is_due(&sign("a"), &at(limit), asleep), "{role} {kept:?} {asleep}");
            assert!(limit == 0 || !held.is_due(&sign("a"), &at(limit - 1), asleep), "{role} {kept:?} {asleep}");
        }
        assert!(Held::default().is_due(&sign("a"), &at(0), true), "nobody was asked yet");
    }

    #[test]
    fn another_sign_makes_an_answer_void_and_the_next_ones_short() {
        let mut held = held(passive(), Kept::UntilTheSign);
        assert!(held.is_due(&sign("b"), &at(1), true));
        held.take(Answer { role: passive(), kept: Kept::UntilTheSign }, sign("b"), at(1));
        assert!(!held.is_due(&sign("b"), &at(100), true));
        assert!(held.is_due(&sign("b"), &at(101), true), "the start that the sign announced may not be known yet");
        held.take(Answer { role: passive(), kept: Kept::UntilTheSign }, sign("b"), at(5_001));
        assert!(!held.is_due(&sign("b"), &at(5_102), true), "it has settled");
    }

    #[test]
    fn no_answer_outlives_a_suspended_machine_or_a_clock_set_back() {
        let held = held(Role::Active, Kept::UntilTheSign);
        let suspended = Moment { wall: at(60_000).wall, ..at(1) };
        let set_back = Moment { wall: at(0).wall - Duration::from_secs(1), ..at(1) };
        assert!(held.is_due(&sign("a"), &suspended, false));
        assert!(held.is_due(&sign("a"), &set_back, false));
    }

    #[test]
    fn every_change_is_counted_and_another_reason_is_none() {
        let mut held = held(Role::Active, Kept::Briefly);
        for (role, changes) in
            [(Role::Active, 1), (super::super::unknown("x"), 2), (super::super::unknown("y"), 2), (Role::Active, 3), (passive(), 4)]
        {
            held.take(Answer { role, kept: Kept::Briefly }, sign("a"), at(10));
            assert_eq!(held.changes(), changes);
        }
    }
}
