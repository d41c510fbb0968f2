//! The numbers an agent works by; the settings say what each is for (docs/reference/settings.md).

use mailferry_rules::cleanup::Patience;
use mailferry_rules::guarantee::FinalWait;
use mailferry_rules::moves;

use crate::prv;
use crate::settings::{AgentSettings, Floor, RightsMap};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    pub continue_without_replication: bool,
    pub container_bytes_max: u64,
    /// Of the first container of a pass; each next one may have twice as many.
    pub container_bytes_first: u64,
    pub container_items_max: u64,
    pub compression_level: i32,
    pub compression_threads: usize,
    /// Bytes of a block before compression.
    pub block_bytes: usize,
    /// What has no answer for so long is asked for (R45).
    pub answer_wait_ms: u64,
    /// Below this nothing is packed (R23).
    pub free_space_floor: Floor,
    pub patience: Patience,
    pub poll_interval_ms: u64,
    pub back_off_max_ms: u64,
    /// What stands beside items (T27), and who is who at the target.
    pub send_rights: bool,
    pub send_annotations: bool,
    pub rights_map: RightsMap,
    /// What is sent may be at the target already (R83).
    pub adopt_existing: bool,
    pub apply_deletions: bool,
    pub import_attempts_max: u64,
    pub import_batch_items: usize,
    pub import_batch_bytes: u64,
    /// A gap in a mailbox's chain is reported once it is this old (R41).
    pub gap_alarm_ms: u64,
    /// While the data guarantee does not hold (R74, R75).
    pub guarantee_ask_ms: u64,
    pub guarantee_stall_max_ms: u64,
    pub journal_roll_ms: u64,
    /// Of a switch (R75).
    pub final_wait: FinalWait,
    /// Whether a manifest is made before, which must not score Poor (R84).
    pub switch_proof: bool,
    /// Move requests under way at the same time (R81), and how often one is tried again (R80).
    pub moves: moves::Limits,
    pub move_retries: moves::Retries,
    pub move_history: u64,
}

impl Policy {
    pub fn of(settings: &AgentSettings) -> Self {
        Policy {
            continue_without_replication: settings.continue_without_replication,
            container_bytes_max: settings.container_size_max.0,
            container_bytes_first: settings.container_size_max.0,
            container_items_max: u64::from(settings.container_items_max),
            compression_level: settings.compression_level as i32,
            compression_threads: settings.compression_threads as usize,
            block_bytes: prv::Options::default().block_bytes,
            answer_wait_ms: settings.answer_wait_max.ms(),
            free_space_floor: settings.free_space_floor,
            patience: Patience {
                touch_interval_ms: settings.ccr_deleted_items_touch_interval.ms(),
                lifetime_ms: settings.ccr_deleted_items_life_time.ms(),
            },
            poll_interval_ms: settings.transmission_poll_interval.ms(),
            back_off_max_ms: settings.retry_backoff_max.ms(),
            send_rights: settings.send_rights,
            send_annotations: settings.send_annotations,
            rights_map: settings.rights_map.clone(),
            adopt_existing: settings.adopt_existing,
            apply_deletions: settings.apply_deletions,
            import_attempts_max: u64::from(settings.import_attempts_max),
            import_batch_items: settings.import_batch_items as usize,
            import_batch_bytes: settings.import_batch_bytes.0,
            gap_alarm_ms: settings.gap_alarm_after.ms(),
            guarantee_ask_ms: settings.guarantee_ask_interval.ms(),
            guarantee_stall_max_ms: settings.guarantee_stall_max.ms(),
            journal_roll_ms: settings.journal_roll_after.ms(),
            final_wait: FinalWait {
                lag_max_ms: settings.switch_lag_max.ms(),
                ask_every_ms: settings.switch_ask_interval.ms(),
                roll_after_ms: settings.journal_roll_after.ms(),
                wait_max_ms: settings.switch_wait_max.ms(),
            },
            switch_proof: settings.switch_proof,
            moves: moves::Limits {
                source_store: u64::from(settings.max_active_moves_per_source_store),
                source_server: u64::from(settings.max_active_moves_per_source_server),
                target_store: u64::from(settings.max_active_moves_per_target_store),
                target_server: u64::from(settings.max_active_moves_per_target_server),
                total: u64::from(settings.max_active_moves),
            },
            move_retries: moves::Retries { most: u64::from(settings.move_retries_max), delay_ms: settings.move_retry_delay.ms() },
            move_history: u64::from(settings.max_move_history_length),
        }
    }

    /// What a container may hold of which this pass has sealed so many before.
    pub(super) fn container_bytes(&self, sealed: u32) -> u64 {
        let doubled = self.container_bytes_first.saturating_mul(1 << sealed.min(32));
        doubled.min(self.container_bytes_max)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::of(&AgentSettings::default())
    }
}
