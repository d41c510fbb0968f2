//! The guarantee of a target agent, by its settings.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mailferry_core::ports::{Clock, DataGuarantee, StoresWithoutCopies};
use mailferry_core::settings::AgentSettings;
use mailferry_core::trouble::Trouble;
use mailferry_rules::guarantee::Constraint;

use crate::guard::Guard;

/// A clock of tests: it stands.
#[cfg(test)]
pub(crate) struct At(pub u64);

#[cfg(test)]
impl Clock for At {
    fn now_ms(&self) -> u64 {
        self.0
    }
}

/// The time by which providers count ages.
pub struct WallClock;

impl Clock for WallClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }
}

/// An agent that could not keep the guarantee does not start.
pub fn open(settings: &AgentSettings) -> Result<Arc<dyn DataGuarantee>, Trouble> {
    let constraint = settings.data_move_replication_constraint.rule();
    let file = &settings.copy_status_providers;
    match file.is_empty() {
        false => Ok(Arc::new(Guard::load(Path::new(file), constraint, Arc::new(WallClock))?)),
        true if constraint == Constraint::NONE => Ok(Arc::new(StoresWithoutCopies)),
        true => Err(Trouble::new(format!("DataMoveReplicationConstraint is {constraint}, and nobody tells how far the copies are"))
            .now("the agent does not start: it could not keep the guarantee")
            .hint("name a file in CopyStatusProviders (docs/formats/guarantee.md), or set DataMoveReplicationConstraint=None")),
    }
}

#[cfg(test)]
mod tests {
    use mailferry_core::settings::Constraint as Setting;
    use mailferry_rules::guarantee::Answer;

    use super::*;

    #[test]
    fn a_constraint_without_a_provider_lets_no_agent_start() {
        let mut settings = AgentSettings::default();
        assert_eq!(open(&settings).unwrap().flushed("maildir:/a", 0), Answer::Satisfied);
        settings.data_move_replication_constraint = Setting::CiNoReplication;
        assert!(open(&settings).is_err());
        settings.copy_status_providers = "/nowhere/guarantee.toml".into();
        assert!(open(&settings).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        settings.copy_status_providers = file.path().display().to_string();
        assert!(matches!(open(&settings).unwrap().flushed("maildir:/a", 0), Answer::Retry(_)));
    }

    #[test]
    fn every_word_of_the_setting_is_a_constraint_of_the_rules() {
        for (word, setting) in Setting::WORDS {
            assert_eq!(setting.rule().word(), *word);
        }
    }
}
