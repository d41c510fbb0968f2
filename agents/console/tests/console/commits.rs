//! Commits that are kept, listed and gone back to; parameters that are set; what a hand has changed.

use std::fs;

use crate::project::{MAILBOXES, project};
use crate::world::World;

fn committed(world: &World) {
    let ran = world.run(&["commit", "--yes"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
}

fn level(world: &World) -> String {
    let ini = world.read("T/target/config.ini");
    ini.lines().find_map(|line| line.strip_prefix("LogLevel = ")).unwrap_or("info").to_owned()
}

/// Three commits: of errors, of everything, of warnings.
fn three(world: &World) {
    for word in ["error", "debug", "warning"] {
        project(world, &format!("# {word}\n[settings]\nLogLevel = \"{word}\"\n{MAILBOXES}"));
        committed(world);
    }
}

#[test]
fn every_commit_is_kept_beside_the_project_with_its_number_its_digest_when_and_by_whom() {
    let world = World::new();
    three(&world);
    assert_eq!(world.names("project.commits"), ["1", "2", "3", "lock"]);
    assert!(world.read("project.commits/2/project.toml").contains("# debug\n"), "as it was, comments and all");
    let (code, list) = world.json(&["commit", "--list"]);
    let numbers: Vec<u64> = list["commits"].as_array().expect("a list").iter().filter_map(|commit| commit["number"].as_u64()).collect();
    assert_eq!((code, numbers), (Some(3), vec![3, 2, 1]), "no agent has taken it over yet");
    let newest = &list["commits"][0];
    let record: serde_json::Value = serde_json::from_str(&world.read("S/commits.json")).expect("JSON");
    for key in ["number", "digest", "at_ms", "by"] {
        assert_eq!(record["commits"][0][key], newest[key], "{key}");
    }
    assert!(
        newest["by"].as_str().is_some_and(|by| by.contains(" on ")) && newest["digest"].as_str().is_some_and(|digest| digest.len() == 64)
    );
    assert_eq!((&list["standing"]["dirty"], &list["standing"]["agents"][0]["committed"]["number"]), (&false.into(), &3.into()));
}

#[test]
fn going_back_shows_what_changes_and_is_a_new_commit_of_the_old_project() {
    let world = World::new();
    three(&world);
    let dry = world.run(&["commit", "--rollback", "1", "--dry-run"]);
    assert!(dry.code == Some(0) && dry.out.starts_with("back to commit 1 of "), "{}", dry.out);
    assert!(dry.out.contains("LogLevel: `warning` becomes `error`\n"), "{}", dry.out);
    assert_eq!((level(&world).as_str(), world.names("project.commits").len()), ("warning", 4));
    let back = world.run(&["commit", "--rollback", "1", "--yes"]);
    assert_eq!((back.code, back.err.as_str()), (Some(0), ""));
    assert!(back.out.contains("\nrevision 4 ("), "{}", back.out);
    assert_eq!(level(&world), "error");
    assert!(world.read("project.toml").contains("# error\n"), "the project file goes back as well");
    let (_, list) = world.json(&["commit", "--list"]);
    assert_eq!((&list["commits"][0]["number"], &list["commits"][0]["back_to"]), (&4.into(), &1.into()));
    assert_eq!(list["standing"]["dirty"], false);
    let again = world.run(&["commit", "--rollback", "1", "--yes"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert_eq!(world.names("project.commits").len(), 5, "what is so already is no new commit");
}

#[test]
fn going_back_never_loses_what_was_not_committed() {
    let world = World::new();
    three(&world);
    let mine = world.read("project.toml") + "# mine\n";
    world.write("project.toml", &mine);
    let refused = world.run(&["commit", "--rollback", "1", "--yes"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.starts_with("error: nothing is written: the project file has changes that were never committed\n"),
        "{}",
        refused.err
    );
    assert_eq!((world.read("project.toml"), level(&world)), (mine, "warning".to_owned()));
    fs::rename(world.path("project.toml"), world.path("mine.toml")).expect("renamed");
    assert_eq!(world.run(&["commit", "--rollback", "2", "--yes"]).code, Some(0), "moved away, it is out of danger");
    assert_eq!(level(&world), "debug");
    let none = world.run(&["commit", "--rollback", "9", "--yes"]);
    assert!(
        none.code == Some(1) && none.err.contains("no commit 9 is kept here") && none.err.contains("the newest are 4, 3, 2, 1"),
        "{}",
        none.err
    );
}

#[test]
fn a_list_of_mailboxes_is_committed_kept_and_brought_back_with_the_project() {
    let world = World::new();
    fs::create_dir(world.path("waves")).expect("a folder");
    world.write("waves/first.csv", "name;source;target\nalice;maildir:/a;maildir:/x/a\nbob;maildir:/b;maildir:/x/b\n");
    project(&world, "[[collections]]\nname = \"first\"\npriority = 7\nlist = \"waves/first.csv\"\n");
    committed(&world);
    let desired = world.read("T/target/desired.toml");
    assert_eq!(desired.matches("[[mailboxes]]").count(), 2, "{desired}");
    assert!(desired.contains("priority = 7"));
    let before = world.read("waves/first.csv");
    world.write("waves/first.csv", before.clone() + "carol;maildir:/c;maildir:/x/c\n");
    let status = world.run(&["status"]);
    assert!(status.out.contains("the project file has changes that are not committed"), "{}", status.out);
    let dry = world.run(&["commit", "--dry-run"]);
    assert!(dry.out.contains("  mailbox: `carol` is new\n"), "{}", dry.out);
    committed(&world);
    assert_eq!(world.run(&["commit", "--rollback", "1", "--yes"]).code, Some(0));
    assert_eq!((world.read("waves/first.csv"), world.read("T/target/desired.toml").matches("[[mailboxes]]").count()), (before, 2));
}

#[test]
fn status_tells_which_commit_agents_have_and_what_a_hand_has_changed() {
    let world = World::new();
    three(&world);
    let shown = world.run(&["status"]).out;
    assert!(
        shown.contains("commits: the newest is 3 (") && shown.contains("  S source: has commit 3 (") && shown.contains(", works by none\n"),
        "{shown}"
    );
    assert!(!shown.contains("by hand") && !shown.contains("not committed"), "{shown}");
    world.write("T/target/config.ini", world.read("T/target/config.ini").replace("LogLevel = warning", "LogLevel = error"));
    let shown = world.run(&["status"]).out;
    assert!(
        shown.contains("  T target: changed by hand: config.ini, line 7: `LogLevel = error` becomes `LogLevel = warning`\n"),
        "{shown}"
    );
}

#[test]
fn set_writes_into_the_project_file_and_nothing_else() {
    let world = World::new();
    project(&world, &format!("# keep me\n[settings]\nLogLevel = \"debug\" # and me\n\n{MAILBOXES}"));
    committed(&world);
    let (text, ini) = (world.read("project.toml"), world.read("S/source/config.ini"));
    let set = world.run(&["set", "--agent", "all", "ContinueWithoutReplication=1", "SleepInterval=30s"]);
    let said = "[additional-parameters] is changed; no agent has it before `mailferry commit`\n";
    assert_eq!((set.code, set.out.as_str(), set.err.as_str()), (Some(0), said, ""));
    let added = "\n[additional-parameters]\nContinueWithoutReplication = \"1\"\nSleepInterval = \"30s\"\n";
    assert_eq!(world.read("project.toml"), text.clone() + added);
    assert_eq!(world.read("S/source/config.ini"), ini, "not before a commit");
    assert_eq!(world.run(&["set", "--agent", "target", "--node", "t", "LogFilesMax=3"]).code, Some(0));
    assert!(
        world.read("project.toml").ends_with("\n[additional-parameters.nodes.T.target]\nLogFilesMax = \"3\"\n"),
        "{}",
        world.read("project.toml")
    );
    committed(&world);
    let holds = |file: &str, line: &str| world.read(file).lines().any(|have| have == line);
    assert!(holds("S/source/config.ini", "ContinueWithoutReplication = 1") && holds("T/target/config.ini", "LogFilesMax = 3"));
    assert!(!holds("T/transmission/config.ini", "LogFilesMax = 3"));
    assert_eq!(world.run(&["set", "--unset", "sleepinterval", "ContinueWithoutReplication"]).code, Some(0));
    assert_eq!(world.run(&["set", "--unset", "--node", "T", "--agent", "target", "LogFilesMax"]).code, Some(0));
    committed(&world);
    assert_eq!(world.read("S/source/config.ini"), ini);
    assert!(world.read("project.toml").contains("# keep me\n[settings]\nLogLevel = \"debug\" # and me\n"));
}

#[test]
fn what_cannot_be_set_leaves_the_project_file_as_it_was() {
    let world = World::new();
    project(&world, MAILBOXES);
    let text = world.read("project.toml");
    for (args, code, said) in [
        (&["set", "SleepInterval=soon"][..], 1, "SleepInterval cannot be `soon`: allowed is "),
        (&["set", "SleepInterval"], 2, "this is not KEY=VALUE: `SleepInterval`"),
        (&["set", "--node", "X", "SleepInterval=5"], 2, "the project has no node X"),
        (&["set", "--agent", "sourcee", "SleepInterval=5"], 2, "write all, source, transmission or target"),
        (&["set", "--unset", "SleepInterval"], 1, "not all of SleepInterval stand in [additional-parameters]"),
        (&["set", "--unset", "SleepInterval=5"], 2, "this is not a key"),
    ] {
        let ran = world.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
        assert_eq!(world.read("project.toml"), text, "{args:?}");
    }
    let unknown = world.run(&["set", "Mine=1"]);
    assert!(
        unknown.code == Some(0) && unknown.err.starts_with("warning: there is no key `Mine`; it is written to config.ini as it is\n"),
        "{}",
        unknown.err
    );
    assert_eq!(world.names(""), ["S", "T", "project.toml"], "nothing temporary stays");
}

#[test]
fn folders_may_be_named_from_where_the_console_stands() {
    let world = World::new();
    project(&world, MAILBOXES);
    let named = |node: &str| world.read("project.toml").replace(&world.path(node).display().to_string(), node);
    ["S", "T"].iter().for_each(|node| world.write("project.toml", named(node)));
    assert!(world.read("project.toml").contains("agents = 'S'"), "{}", world.read("project.toml"));
    committed(&world);
    assert_eq!(world.names("S"), ["commits.json", "source", "transmission"]);
}

#[test]
fn a_value_that_is_set_anew_keeps_its_comment_and_its_place() {
    let world = World::new();
    let table =
        |value: &str| format!("[additional-parameters] # of all\nLogFilesMax   =   {value} # because of the audit\nMine = 1\n{MAILBOXES}");
    project(&world, &table("5"));
    assert_eq!(world.run(&["set", "logfilesmax=7"]).code, Some(0));
    assert!(world.read("project.toml").ends_with(&table("\"7\"")), "{}", world.read("project.toml"));
    let again = world.run(&["set", "LogFilesMax=7"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), "[additional-parameters] says so already\n"));
}

#[test]
fn status_tells_programs_which_commit_agents_have_what_a_hand_has_changed_and_that_the_project_has() {
    let world = World::new();
    project(&world, MAILBOXES);
    committed(&world);
    let target = || world.json(&["status"]).1[2]["commit"].clone();
    let before = target();
    assert_eq!((&before["newest"]["number"], &before["committed"], &before["dirty"]), (&1.into(), &before["newest"], &false.into()));
    assert_eq!((&before["works_by"], &before["is_settled"], &before["drift"]), (&().into(), &false.into(), &serde_json::json!([])));
    world.write("T/target/config.ini", world.read("T/target/config.ini") + "[Log]\nLogLevel = debug\n");
    world.write(
        "project.toml",
        world.read("project.toml") + "[[collections]]\nname = \"more\"\nmailboxes = []\n[settings]\nLogLevel = \"error\"\n",
    );
    let after = target();
    assert_eq!(after["dirty"], true);
    assert!(after["drift"][1].as_str().is_some_and(|drift| drift.contains("`LogLevel = debug` goes")), "{after}");
    fs::rename(world.path("T"), world.path("away")).expect("renamed");
    assert!(target()["unknown"].as_str().is_some_and(|why| why.contains("T")), "{}", target());
}

#[test]
fn agents_are_shown_though_what_was_committed_cannot_be_read() {
    let world = World::new();
    project(&world, MAILBOXES);
    committed(&world);
    world.write("project.commits/1/commit.json", "{");
    let shown = world.run(&["status"]);
    assert_eq!((shown.code, shown.err.as_str()), (Some(3), ""));
    assert!(shown.out.contains("source  S") && shown.out.contains("commits: could not read what was committed before\n"), "{}", shown.out);
}

#[test]
fn while_one_commit_goes_on_no_other_begins() {
    let world = World::new();
    project(&world, MAILBOXES);
    fs::create_dir(world.path("project.commits")).expect("a folder");
    let lock = fs::File::create(world.path("project.commits/lock")).expect("a file");
    lock.lock().expect("locked");
    let refused = world.run(&["commit", "--yes"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("another commit of this project is going on"), "{}", refused.err);
    assert_eq!((world.names("S"), world.run(&["commit", "--dry-run"]).code), (vec![], Some(0)));
    drop(lock);
    committed(&world);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_committed_anew_keeps_its_owner_and_its_rights() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let world = World::new();
    project(&world, MAILBOXES);
    committed(&world);
    let ini = world.path("T/target/config.ini");
    fs::set_permissions(&ini, fs::Permissions::from_mode(0o640)).expect("rights");
    let is_administrator = chown(&ini, Some(1234), Some(4321)).is_ok();
    assert_eq!(world.run(&["set", "--agent", "target", "LogLevel=error"]).code, Some(0));
    committed(&world);
    let about = fs::metadata(&ini).expect("the file is there");
    assert!(world.read("T/target/config.ini").contains("LogLevel = error"));
    assert_eq!(about.mode() & 0o777, 0o640);
    assert!(!is_administrator || (about.uid(), about.gid()) == (1234, 4321));
}
