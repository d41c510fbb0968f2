//! What a provider is, and what is believed of what it says (R77).

use std::collections::BTreeSet;

use mailferry_rules::guarantee::{Copy, FLUSH_SKEW_MS};

pub const COPIES_MAX: usize = 64;
pub const NAME_CHARACTERS_MAX: usize = 255;

/// Tells how far the copies of a store are.
pub trait Provider: Send + Sync {
    /// All copies of a store, the active one among them, as they are now. `Err` is why that cannot be told.
    fn copies(&self, store: &str) -> Result<Vec<Copy>, String>;

    /// Asks the store to bring what is committed to its copies now (R75).
    fn roll(&self, _store: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Whether an answer makes sense. What is odd is no answer: a store that had copies yesterday and names none today, two copies
/// of one name, a copy that has replayed what has not happened yet. `now_ms`: a time after the answer came.
pub fn sound(copies: Vec<Copy>, now_ms: u64) -> Result<Vec<Copy>, String> {
    let mut names = BTreeSet::new();
    for copy in &copies {
        let name = &copy.name;
        well_named(name)?;
        copy.site.as_deref().map_or(Ok(()), well_named)?;
        if !names.insert(name.to_lowercase()) {
            return Err(format!("copy {name} is named twice"));
        }
        if let Some(until_ms) = copy.replayed_until_ms.filter(|until_ms| *until_ms > now_ms.saturating_add(FLUSH_SKEW_MS)) {
            return Err(format!("copy {name} claims to have replayed until {} s from now", (until_ms - now_ms) / 1000));
        }
    }
    match copies.iter().filter(|copy| !copy.active).count() {
        _ if copies.len() > COPIES_MAX => Err(format!("{} copies are named (at most {COPIES_MAX})", copies.len())),
        0 => Err("no passive copy is named; a store without copies is given no constraint".into()),
        _ => Ok(copies),
    }
}

fn well_named(name: &str) -> Result<(), String> {
    let odd = name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX || name.chars().any(char::is_control);
    if odd { Err(format!("{name:?} is no name of a copy or a site")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use mailferry_rules::guarantee::State;

    use super::*;

    fn two() -> Vec<Copy> {
        vec![Copy::new("A", true, State::Mounted), Copy::new("B", false, State::Healthy)]
    }

    #[test]
    fn what_is_odd_is_no_answer() {
        assert_eq!(sound(two(), 0), Ok(two()));
        assert!(sound(Vec::new(), 0).is_err(), "no copies");
        assert!(sound(two()[..1].to_vec(), 0).is_err(), "the active copy alone");
        for name in ["a", "", "B\n", &"x".repeat(256)] {
            assert!(sound([two(), vec![Copy::new(name, false, State::Healthy)]].concat(), 0).is_err(), "{name:?}");
        }
        let many = (0..COPIES_MAX).map(|at| Copy::new(format!("P{at}"), false, State::Healthy)).collect::<Vec<_>>();
        assert!(sound(many.clone(), 0).is_ok());
        assert!(sound([many, two()].concat(), 0).is_err());
    }

    #[test]
    fn nobody_has_replayed_what_has_not_happened_yet() {
        let until = |ms| {
            let mut copies = two();
            copies[1].replayed_until_ms = Some(ms);
            sound(copies, 100_000).is_ok()
        };
        assert!(until(105_000));
        assert!(!until(105_001));
        assert!(!until(253_402_300_799_000), "the last second of the year 9999");
    }
}
