use super::*;
use crate::settings::desired::Setting;
use crate::settings::{ByteSize, Constraint, LogLevel, Seconds, load};
use tempfile::TempDir;

fn committed(settings: &[(&str, &str)]) -> Desired {
    let mut desired = crate::settings::commit::tests::sample_desired(AgentKind::Target);
    desired.settings = settings.iter().map(|(key, value)| Setting { key: (*key).into(), value: (*value).into() }).collect();
    desired.additional.clear();
    desired
}

fn with_config_ini(bytes: &[u8], desired: Option<&Desired>, command_line: &[&str]) -> Loaded {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("config.ini");
    std::fs::write(&path, bytes).expect("a temporary file");
    let command_line: Vec<String> = command_line.iter().map(|pair| (*pair).into()).collect();
    let mut loaded = load(AgentKind::Target, desired, &path, &command_line);
    let file = path.display().to_string();
    loaded.findings.iter_mut().filter(|finding| finding.file == file).for_each(|finding| finding.file = "config.ini".into());
    loaded
}

fn told(loaded: &Loaded) -> Vec<String> {
    loaded.findings.iter().map(|finding| format!("{:?} {finding}", finding.level)).collect()
}

#[test]
fn each_layer_overrides_the_one_below_and_every_value_knows_its_origin() {
    let desired = committed(&[("SleepInterval", "2m"), ("LogLevel", "debug"), ("GapAlarmAfter", "2h"), ("ImportBatchItems", "7")]);
    let ini = b"[Session]\nSleepInterval = 120\n[Log]\nLogLevel = warning\n[Target]\nGapAlarmAfter = 3h\n";
    let loaded = with_config_ini(ini, Some(&desired), &["gapalarmafter=4h"]);
    assert_eq!(told(&loaded), Vec::<String>::new());
    let settings = &loaded.settings;
    assert_eq!((settings.sleep_interval, loaded.origin("SleepInterval")), (Seconds(120), Origin::Project), "config.ini only repeats it");
    assert_eq!((settings.log_level, loaded.origin("LogLevel")), (LogLevel::Warning, Origin::ConfigIni { line: 4 }));
    assert_eq!((settings.gap_alarm_after, loaded.origin("GapAlarmAfter")), (Seconds::hours(4), Origin::CommandLine));
    assert_eq!((settings.import_batch_items, loaded.origin("ImportBatchItems")), (7, Origin::Project));
    assert_eq!((settings.import_batch_bytes, loaded.origin("ImportBatchBytes")), (ByteSize::mib(16), Origin::Default));
    let shown = loaded.effective().into_iter().find(|effective| effective.key == "LogLevel");
    assert_eq!(shown, Some(Effective { key: "LogLevel", value: "warning".into(), origin: Origin::ConfigIni { line: 4 } }));
}

#[test]
fn a_bad_value_is_an_error_with_its_place_and_what_is_allowed_and_the_layer_below_stays() {
    let desired = committed(&[("SleepInterval", "2m")]);
    let loaded =
        with_config_ini(b"[Session]\nSleepInterval = soon\n[Target]\nImportBatchItems = 0\n", Some(&desired), &["LogLevel=loud", "x"]);
    assert_eq!(
        told(&loaded),
        [
            "Error SleepInterval cannot be `soon`: allowed is a duration from 1s to 1d, written like 90s, 15m or 1d12h; \
             a bare number is seconds; it stays 2m\n  where: config.ini:2",
            "Error ImportBatchItems cannot be `0`: allowed is a whole number from 1 to 100000; it stays 256\n  where: config.ini:4",
            "Error LogLevel cannot be `loud`: allowed is error, warning, info or debug; it stays info\n  where: command line",
            "Error `x` is not Key=Value\n  where: command line",
        ]
    );
    assert_eq!(loaded.settings, AgentSettings { sleep_interval: Seconds(120), ..AgentSettings::default() });
}

#[test]
fn an_unknown_key_is_a_warning_with_its_place_and_the_key_that_was_meant() {
    let loaded = with_config_ini(b"[Target]\r\nImportAtemptsMax = 3\r\nProxyPassword = hunter2\r\n", None, &[]);
    assert_eq!(
        told(&loaded),
        [
            "Warning there is no key `ImportAtemptsMax`\n  where: config.ini:2\n  hint:  did you mean ImportAttemptsMax?",
            "Warning there is no key `ProxyPassword`\n  where: config.ini:3",
        ]
    );
    assert_eq!(loaded.settings, AgentSettings::default());
}

#[test]
fn odd_lines_are_told_and_the_others_count() {
    let loaded = with_config_ini(
        b"nonsense\n[Log]\nLogFilesMax = 3\nlogfilesmax = 4\nRetryBackoffMax = 20m\n[Session]\nLogLevel = debug\n",
        None,
        &[],
    );
    assert_eq!(
        told(&loaded),
        [
            "Warning `nonsense` is ignored: there is no `=`\n  where: config.ini:1",
            "Warning logfilesmax stands in line 3 too; this line counts\n  where: config.ini:4",
            "Info the target agent does not use RetryBackoffMax\n  where: config.ini:5",
            "Warning RetryBackoffMax belongs to [Transmission]; it counts here too\n  where: config.ini:5",
            "Warning LogLevel belongs to [Log]; it counts here too\n  where: config.ini:7",
        ]
    );
    assert_eq!((loaded.settings.log_files_max, loaded.settings.log_level), (4, LogLevel::Debug));
}

#[test]
fn one_key_in_two_sections_counts_where_it_stands_last_and_is_told() {
    let loaded = with_config_ini(b"[Log]\nLogLevel = debug\n[Target]\nLogLevel = error\n", None, &[]);
    assert_eq!(
        told(&loaded),
        [
            "Warning LogLevel belongs to [Log]; it counts here too\n  where: config.ini:4",
            "Warning LogLevel stands in line 2 too; this line counts\n  where: config.ini:4",
        ]
    );
    assert_eq!(loaded.settings.log_level, LogLevel::Error);
}

#[test]
fn a_missing_or_damaged_config_ini_leaves_project_and_defaults_in_force() {
    let desired = committed(&[("LogLevel", "debug")]);
    let hint =
        "the agent works with what the project and the defaults say\n  where: config.ini\n  hint:  run `mailferry commit` to write it anew";
    let damaged = with_config_ini(b"[Log]\nLogLevel = error\n\0\0\0\0", Some(&desired), &[]);
    assert_eq!(told(&damaged), [format!("Error config.ini is damaged: it holds a zero byte in line 3; {hint}")]);
    assert_eq!(damaged.settings.log_level, LogLevel::Debug);

    let folder = TempDir::new().expect("a temporary folder");
    let mut missing = load(AgentKind::Target, Some(&desired), &folder.path().join("config.ini"), &[]);
    missing.findings[0].file = "config.ini".into();
    assert_eq!(told(&missing), [format!("Warning there is no config.ini; {hint}")]);
    assert_eq!(missing.settings, damaged.settings);

    let unreadable = load(AgentKind::Target, Some(&desired), folder.path(), &[]);
    assert!(unreadable.findings[0].is_error());
    assert_eq!(unreadable.settings, damaged.settings);

    let endless = with_config_ini(&vec![b'\n'; CONFIG_INI_BYTES_MAX as usize + 1], Some(&desired), &[]);
    assert_eq!(told(&endless), [format!("Error could not read config.ini: the file is larger than 1048576 bytes; {hint}")]);
}

#[test]
fn an_old_windows_text_is_read_with_a_warning() {
    let loaded = with_config_ini(b"[Log]\nLogDirectory = D:\\M\xfcller\\new\n", None, &[]);
    assert_eq!(
        told(&loaded),
        ["Warning the file is not Unicode; it was read as Windows text (code page 1252)\n  where: config.ini\n  hint:  save it as UTF-8"]
    );
    assert_eq!(loaded.settings.log_directory, r"D:\Müller\new");
}

#[test]
fn what_makes_no_sense_together_is_told() {
    let ini = b"[Target]\nDataMoveReplicationConstraint = secondcopy\n[Deletion]\nCcrDeletedItemsLifeTime = 30m\n";
    let loaded = with_config_ini(ini, None, &[]);
    assert_eq!(
        told(&loaded),
        [
            "Warning CcrDeletedItemsLifeTime 30m is not above CcrDeletedItemsTouchInterval 1h: a failed deletion is given up before its \
             second try\n  where: settings in force\n  hint:  CcrDeletedItemsLifeTime is from: config.ini:4",
            "Warning DataMoveReplicationConstraint is SecondCopy and CopyStatusProviders names no file: nobody tells how far the copies \
             are\n  where: settings in force\n  hint:  DataMoveReplicationConstraint is from: config.ini:2",
        ]
    );
    assert_eq!(loaded.settings.data_move_replication_constraint, Constraint::SecondCopy, "never silently weaker than asked for");
}
