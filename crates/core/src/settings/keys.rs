//! Every key of config.ini, documented once. The struct, the samples in config/ and docs/reference/settings.md are made
//! from this list; to add a key is to add it here and to run `cargo xtask gen`.

use super::bytes::{ByteSize, Floor};
use super::choice::{Constraint, LogFormat, LogLevel};
use super::duration::Seconds;
use super::key::{Key, Value, settings};
use super::rights_map::RightsMap;
use super::topology::AgentKind;

settings! {
    /// How long the agent sleeps between two sessions.
    /// New files in the folders it reads wake it within a second.
    sleep_interval "SleepInterval": Seconds = Seconds(60), within Seconds(1)..=Seconds::days(1),
        agents [Source, Transmission, Target], section "Session", rules ["R10"];

    /// A clock that moved by more than this between two turns of the agent's loop means that the node was frozen.
    /// The role is then asked for again before anything else is done.
    freeze_detection "FreezeDetection": Seconds = Seconds::minutes(2), within Seconds(10)..=Seconds::hours(1),
        agents [Source, Transmission, Target], section "Session", rules ["R3"];

    /// What to do when the other node cannot be reached.
    /// 0: stop work and try the replication again in each session. 1: go on, and try it at the end of each session.
    /// With 1 a failover may find the other node behind: switching a mailbox and deleting a container at the target still wait for a replication.
    continue_without_replication "ContinueWithoutReplication": bool = false,
        agents [Source, Transmission, Target], section "Replication", rules ["R11", "R12", "R22"];

    /// Change sets kept for a node that cannot be reached.
    /// Beyond this the oldest are dropped and the node gets a snapshot of the whole database instead.
    replication_outbox_max "ReplicationOutboxMax": ByteSize = ByteSize::mib(64), within ByteSize::mib(1)..=ByteSize::gib(64),
        agents [Source, Transmission, Target], section "Replication", rules ["R14"];

    /// Space that must stay free on the disk written to.
    /// Below it the source agent packs nothing; it goes on by itself when there is space again.
    free_space_floor "FreeSpaceFloor": Floor = Floor::Bytes(ByteSize::gib(1)),
        agents [Source], section "Spool", rules ["R23"];

    /// Compressed size at which a container is closed and the next one begun.
    /// An item larger than this gets a container of its own.
    container_size_max "ContainerSizeMax": ByteSize = ByteSize::mib(64), within ByteSize::kib(64)..=ByteSize::gib(4),
        agents [Source], section "Source", rules ["R23"];

    /// Number of items at which a container is closed and the next one begun.
    container_items_max "ContainerItemsMax": u32 = 10_000, within 1..=1_000_000,
        agents [Source], section "Source", rules ["R23"];

    /// How long the newest container of a mailbox may be without an answer before the target is asked for it.
    /// Asked for again after as long once more. A small container each time.
    answer_wait_max "AnswerWaitMax": Seconds = Seconds::hours(24), within Seconds::minutes(1)..=Seconds::days(30),
        agents [Source], section "Source", rules ["R45"];

    /// Level of zstd: higher is smaller and slower.
    compression_level "CompressionLevel": u32 = 3, within 1..=19,
        agents [Source], section "Source", rules ["R21"];

    /// Threads that compress one container.
    compression_threads "CompressionThreads": u32 = 1, within 1..=64,
        agents [Source], section "Source", rules ["R21"];

    /// Whether the rights of others in folders (ACL) are brought over, where both stores have such.
    /// Whoever the source does not name loses his in the folders that are brought over; the owner's own are left alone. Names are
    /// those of the source where RightsMap does not say otherwise: look at them before you switch this on.
    send_rights "SendRights": bool = false,
        agents [Source], section "Source", rules [];

    /// Whether comments and other annotations of folders (METADATA) are brought over, where both stores have such.
    send_annotations "SendAnnotations": bool = false,
        agents [Source], section "Source", rules [];

    /// Who has another name at the target, for the rights of others.
    /// `@old.example=@new.example` is for all names that end so; a name that is given by itself goes first.
    rights_map "RightsMap": RightsMap = RightsMap::default(),
        agents [Source], section "Source", rules [];

    /// Whether the target may hold what is sent, brought there by something else: a message is looked for by its bytes, in every folder,
    /// before it is appended. For mailboxes that have been copied in part before; it takes longer.
    adopt_existing "AdoptExisting": bool = false,
        agents [Source], section "Source", rules ["R42", "R83"];

    /// Move requests under way at the same time whose source lies in one store: one folder of mailboxes, or one server.
    max_active_moves_per_source_store "MaxActiveMovesPerSourceStore": u32 = 20, within 1..=10_000,
        agents [Source], section "Moves", rules ["R81"];

    /// The same for one source server.
    max_active_moves_per_source_server "MaxActiveMovesPerSourceServer": u32 = 100, within 1..=10_000,
        agents [Source], section "Moves", rules ["R81"];

    /// Move requests under way at the same time whose target lies in one store.
    max_active_moves_per_target_store "MaxActiveMovesPerTargetStore": u32 = 20, within 1..=10_000,
        agents [Source], section "Moves", rules ["R81"];

    /// The same for one target server.
    max_active_moves_per_target_server "MaxActiveMovesPerTargetServer": u32 = 100, within 1..=10_000,
        agents [Source], section "Moves", rules ["R81"];

    /// Move requests under way at the same time in all.
    max_active_moves "MaxActiveMoves": u32 = 100, within 1..=10_000,
        agents [Source], section "Moves", rules ["R81"];

    /// After how long a move request whose source could not be read is tried again.
    move_retry_delay "MoveRetryDelay": Seconds = Seconds(30), within Seconds(1)..=Seconds::hours(1),
        agents [Source], section "Moves", rules ["R80"];

    /// How often in a row a move request is tried again before it fails.
    move_retries_max "MoveRetriesMax": u32 = 60, within 1..=10_000,
        agents [Source], section "Moves", rules ["R80"];

    /// Requests of a mailbox whose history is kept, the present one among them.
    max_move_history_length "MaxMoveHistoryLength": u32 = 5, within 1..=100,
        agents [Source], section "Moves", rules ["R80"];

    /// Program that locks the source of a mailbox, unlocks it, leads its mail to the target, and back.
    /// Called as `program lock|unlock|redirect|restore MAILBOX ID SWITCH`; what it does twice must be as if done once.
    /// Empty: nothing is switched; move requests that are ready stay in step.
    switch_command "SwitchCommand": String = String::new(),
        agents [Source], section "Moves", rules ["R82", "R83"];

    /// After how long the program is ended, and what it was to do counts as not done.
    switch_command_timeout "SwitchCommandTimeout": Seconds = Seconds(60), within Seconds(1)..=Seconds::hours(1),
        agents [Source], section "Moves", rules ["R82"];

    /// Whether the program is called with `test` once mail is led to the target; it is to send something and see that it arrives there.
    /// The request completes only then.
    switch_test "SwitchTest": bool = false,
        agents [Source], section "Moves", rules ["R82"];

    /// Template of a message to the user of a mailbox that is switched: headers, an empty line, a text.
    /// The program is called with `notify` and the message on its standard input. Empty: nobody is told.
    switch_message "SwitchMessage": String = String::new(),
        agents [Source], section "Moves", rules ["R82"];

    /// How far copies of the target store may be behind when the source is locked.
    switch_lag_max "SwitchLagMax": Seconds = Seconds::minutes(5), within Seconds(1)..=Seconds::hours(1),
        agents [Target], section "Moves", rules ["R75"];

    /// Whether a manifest of the mailbox is made before its source is locked, by reading the target again.
    /// Where it scores Poor the switch is refused. While it is made the target agent does nothing else: for a long queue, make manifests before.
    switch_proof "SwitchProof": bool = false,
        agents [Target], section "Moves", rules ["R82", "R84"];

    /// How often copies are asked for what is to be confirmed.
    switch_ask_interval "SwitchAskInterval": Seconds = Seconds(10), within Seconds(1)..=Seconds::minutes(10),
        agents [Target], section "Moves", rules ["R75"];

    /// How long the source is locked without the target's confirmation, and the target waits for its copies.
    /// Then nothing is switched, the source is open again, and the move request has failed.
    switch_wait_max "SwitchWaitMax": Seconds = Seconds::minutes(30), within Seconds::minutes(1)..=Seconds::days(1),
        agents [Source, Target], section "Moves", rules ["R75", "R82"];

    /// How often OUT is scanned, give or take 10 %.
    /// New files in OUT wake the agent within a second.
    transmission_poll_interval "TransmissionPollInterval": Seconds = Seconds(60), within Seconds(1)..=Seconds::days(1),
        agents [Transmission], section "Transmission", rules ["R30"];

    /// Longest wait before a node that could not be reached is tried again.
    /// The wait grows with each failure; other nodes are not delayed.
    retry_backoff_max "RetryBackoffMax": Seconds = Seconds::minutes(15), within Seconds(1)..=Seconds::days(1),
        agents [Transmission], section "Transmission", rules ["R34"];

    /// Whether an item deleted at the source after it was imported is deleted at the target too.
    apply_deletions "ApplyDeletions": bool = false,
        agents [Target], section "Target", rules ["R42"];

    /// Failed attempts after which a container is archived with its reason and waits for a person.
    /// While a container is archived its mailbox cannot be switched.
    import_attempts_max "ImportAttemptsMax": u32 = 5, within 1..=1_000,
        agents [Target], section "Target", rules ["R44"];

    /// How long a missing container of a mailbox is waited for in silence.
    /// Then a warning names it; the later ones still wait, unless a takeover may have forgotten that it was taken.
    /// A warning that has held a mailbox up for as long again, of a gap or of a target store, becomes an error.
    gap_alarm_after "GapAlarmAfter": Seconds = Seconds::hours(1), within Seconds::minutes(1)..=Seconds::days(30),
        agents [Target], section "Target", rules ["R41", "R44"];

    /// Items applied in one transaction at most.
    import_batch_items "ImportBatchItems": u32 = 256, within 1..=100_000,
        agents [Target], section "Target", rules ["R42"];

    /// Bytes of items applied in one transaction at most; one larger item is a transaction of its own.
    import_batch_bytes "ImportBatchBytes": ByteSize = ByteSize::mib(16), within ByteSize::kib(64)..=ByteSize::gib(1),
        agents [Target], section "Target", rules ["R42"];

    /// Copies of the target store that must hold an item before its container is deleted or its mailbox switched.
    /// Anything but None needs CopyStatusProviders. A store may have a constraint of its own there.
    data_move_replication_constraint "DataMoveReplicationConstraint": Constraint = Constraint::None,
        agents [Target], section "Target", rules ["R70", "R71"];

    /// File that says who tells how far the copies of a target store are: docs/formats/guarantee.md.
    /// Empty: no target store has copies that anybody asks about.
    copy_status_providers "CopyStatusProviders": String = String::new(),
        agents [Target], section "Target", rules ["R71", "R77"];

    /// How often the data guarantee is asked again while it does not hold.
    guarantee_ask_interval "GuaranteeAskInterval": Seconds = Seconds(30), within Seconds(1)..=Seconds::hours(1),
        agents [Target], section "Target", rules ["R74"];

    /// How long the data guarantee may be waited for until a person is called.
    guarantee_stall_max "GuaranteeStallMax": Seconds = Seconds::minutes(15), within Seconds::minutes(1)..=Seconds::days(7),
        agents [Target], section "Target", rules ["R74"];

    /// After so long a wait the target store is asked, once, to bring what is committed to its copies now.
    journal_roll_after "JournalRollAfter": Seconds = Seconds::minutes(1), within Seconds(1)..=Seconds::hours(1),
        agents [Target], section "Target", rules ["R75"];

    /// How often the deletion of a container that failed on a node is tried again.
    ccr_deleted_items_touch_interval "CcrDeletedItemsTouchInterval": Seconds = Seconds::hours(1), within Seconds(1)..=Seconds::days(7),
        agents [Source, Transmission, Target], section "Deletion", rules ["R54", "R56"];

    /// Age at which a failed deletion is given up, with a warning that names the file left behind.
    /// Should that file turn up later, it is deleted on sight.
    ccr_deleted_items_life_time "CcrDeletedItemsLifeTime": Seconds = Seconds::days(1), within Seconds(1)..=Seconds::days(365),
        agents [Source, Transmission, Target], section "Deletion", rules ["R55", "R56"];

    /// Least level that is written to the log.
    /// Subjects and addresses of mail appear at debug only, credentials never.
    log_level "LogLevel": LogLevel = LogLevel::Info,
        agents [Source, Transmission, Target], section "Log", rules [];

    /// Lines for people, or one JSON object per line for programs.
    log_format "LogFormat": LogFormat = LogFormat::Text,
        agents [Source, Transmission, Target], section "Log", rules [];

    /// Folder of the log files.
    /// Empty: the folder `log` beside this config.ini.
    log_directory "LogDirectory": String = String::new(),
        agents [Source, Transmission, Target], section "Log", rules [];

    /// Size at which a log file is closed and the next one begun.
    log_file_size_max "LogFileSizeMax": ByteSize = ByteSize::mib(16), within ByteSize::kib(64)..=ByteSize::gib(1),
        agents [Source, Transmission, Target], section "Log", rules [];

    /// Closed log files kept; older ones are deleted.
    log_files_max "LogFilesMax": u32 = 10, within 1..=1_000,
        agents [Source, Transmission, Target], section "Log", rules [];
}
