//! The numbers an agent works by; the settings say what each is for (docs/reference/settings.md).

use mailferry_rules::cleanup::Patience;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    pub continue_without_replication: bool,
    pub container_bytes_max: u64,
    pub container_items_max: u64,
    pub compression_level: i32,
    pub compression_threads: usize,
    /// Below this many free bytes nothing is packed (R23).
    pub free_bytes_floor: u64,
    pub patience: Patience,
    pub poll_interval_ms: u64,
    pub back_off_max_ms: u64,
    pub apply_deletions: bool,
    pub import_attempts_max: u64,
    pub import_batch_items: usize,
    pub import_batch_bytes: u64,
    /// A gap in a mailbox's chain is reported once it is this old (R41).
    pub gap_alarm_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            continue_without_replication: false,
            container_bytes_max: 64 << 20,
            container_items_max: 10_000,
            compression_level: 3,
            compression_threads: 1,
            free_bytes_floor: 1 << 30,
            patience: Patience { touch_interval_ms: 3_600_000, lifetime_ms: 86_400_000 },
            poll_interval_ms: 60_000,
            back_off_max_ms: 900_000,
            apply_deletions: false,
            import_attempts_max: 5,
            import_batch_items: 256,
            import_batch_bytes: 16 << 20,
            gap_alarm_ms: 3_600_000,
        }
    }
}
