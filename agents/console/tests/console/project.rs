use std::fs;

use mailferry_core::settings::project_sample;

use crate::world::{Ran, World};

fn ran(code: i32, out: &str, err: &str) -> Ran {
    Ran { code: Some(code), out: out.into(), err: err.into() }
}

/// A project of two standalone servers, S and T, whose agents live in the directory of the test.
pub fn project(world: &World, more: &str) {
    let agents = |name: &str| world.path(name).display().to_string();
    let cluster = |side: &str, name: &str| {
        format!("[{side}]\nname = \"{name}\"\nnodes = [{{ name = \"{name}\", share = '/x/{name}', agents = '{}' }}]\n", agents(name))
    };
    world.write("project.toml", format!("[project]\nname = \"p\"\n{}{}{more}", cluster("source", "S"), cluster("target", "T")));
    ["S", "T"].iter().for_each(|node| fs::create_dir_all(world.path(node)).expect("a temporary directory"));
}

pub const MAILBOXES: &str =
    "[[collections]]\nname = \"c\"\nmailboxes = [{ name = \"alice\", source = \"maildir:/a\", target = \"mbox:/b\" }]\n";

#[test]
fn init_writes_a_project_that_check_accepts_and_never_writes_over_one() {
    let world = World::new();
    let written = "project.toml is written. Edit it, then run: mailferry check --project project.toml\n";
    assert_eq!(world.run(&["init"]), ran(0, written, ""));
    assert_eq!(world.read("project.toml"), project_sample());
    let accepted = "project contoso-to-fabrikam: 3 mailboxes; 0 errors, 0 warnings\n";
    assert_eq!(world.run(&["check"]), ran(0, accepted, ""));
    world.write("project.toml", "mine");
    let refused = "error: could not write the project file\n  where: project.toml\n  cause: there is a file of this name already\n  hint:  name another file: mailferry init FILE\n";
    assert_eq!(world.run(&["init"]), ran(1, "", refused));
    assert_eq!(world.read("project.toml"), "mine");
    assert_eq!(world.json(&["init", "other.toml"]), (Some(0), serde_json::json!({ "written": "other.toml" })));
}

#[test]
fn check_prints_everything_found_with_its_line() {
    let world = World::new();
    project(&world, "[settings]\nLogLevl = \"debug\"\nSleepInterval = \"soon\"\n");
    let checked = world.run(&["check"]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(1), ""));
    assert!(checked.out.contains("  where: project.toml:11\n") && checked.out.contains("error: "), "{}", checked.out);
    assert!(checked.out.contains("warning: ") && checked.out.contains("  where: project.toml:10\n"), "{}", checked.out);
    assert!(checked.out.contains("the project cannot be committed; 1 error, "), "{}", checked.out);
    let (code, checked) = world.json(&["check"]);
    assert_eq!((code, &checked["errors"]), (Some(1), &1.into()));
}

#[test]
fn a_store_that_no_agent_can_open_is_found_before_anything_is_written() {
    let world = World::new();
    project(&world, &MAILBOXES.replace("mbox:/b", "lotus://user@host/b"));
    let found = "the target of mailbox alice is of the kind `lotus`, which is no mail store known here\n  where: project.toml:11\n  hint:  maildir:PATH, mbox:PATH, mboxo:PATH, mboxrd:PATH, mboxcl2:PATH, imap://USER@HOST or imaps://USER@HOST\n";
    assert_eq!(world.run(&["check"]), ran(1, &format!("error: {found}the project cannot be committed; 1 error, 0 warnings\n"), ""));
    assert_eq!(world.run(&["commit", "--yes"]), ran(1, "", &format!("error: {found}")));
    assert_eq!(world.names("S"), Vec::<String>::new());
}

fn plan(verb: &str) -> String {
    let agent = |node: &str, agent: &str| {
        format!("{node}: {agent}\n  {verb:<6} DIR/{node}/{agent}/config.ini\n  {verb:<6} DIR/{node}/{agent}/desired.toml\n")
    };
    [("S", "source"), ("S", "transmission"), ("T", "target"), ("T", "transmission")].map(|(node, name)| agent(node, name)).concat()
}

/// Without the first line: it holds a digest that covers the directory of the test.
fn body(ran: &Ran) -> &str {
    ran.out.split_once('\n').map_or("", |(_, body)| body)
}

#[test]
fn commit_shows_the_plan_and_executes_that_plan_once() {
    let world = World::new();
    project(&world, MAILBOXES);
    let dry = world.run(&["commit", "--dry-run"]);
    assert_eq!(
        (dry.code, body(&dry), dry.err.as_str()),
        (Some(0), format!("{}nothing is written: --dry-run\n", plan("create")).as_str(), "")
    );
    assert_eq!(world.names("S"), Vec::<String>::new());
    let first = world.run(&["commit", "--yes"]);
    assert_eq!(
        (first.code, body(&first), first.err.as_str()),
        (Some(0), format!("{}S: written\nT: written\n", plan("create")).as_str(), "")
    );
    assert!(first.out.starts_with("revision 1 ("));
    assert_eq!(world.names("T/target"), ["config.ini", "desired.toml"]);
    let again = world.run(&["commit"]);
    assert_eq!((again.code, body(&again)), (Some(0), format!("{}nothing to do on the nodes that can be reached\n", plan("keep")).as_str()));
}

#[test]
fn without_anyone_to_agree_nothing_is_written() {
    let world = World::new();
    project(&world, MAILBOXES);
    let asked = world.run(&["commit"]);
    let refused = "error: nothing is written: nobody is there to agree to the plan\n  cause: input or output is no terminal\n  hint:  give --yes to write without asking, or --dry-run to look only\n";
    assert_eq!((asked.code, asked.err.as_str()), (Some(2), refused));
    assert_eq!(body(&asked), plan("create"), "the plan was shown");
    assert_eq!((world.names("S"), world.names("T")), (vec![], vec![]));
}

#[test]
fn an_edit_by_hand_is_shown_before_it_is_overwritten() {
    let world = World::new();
    project(&world, MAILBOXES);
    world.run(&["commit", "--yes"]);
    let edited = world.read("T/target/config.ini") + "[Log]\nLogLevel = debug\n";
    let line = edited.lines().count();
    world.write("T/target/config.ini", &edited);
    let dry = world.run(&["commit", "--dry-run"]);
    let goes = format!("line {line}: `LogLevel = debug` goes");
    assert!(dry.out.contains(&format!("    overwrites {goes}\n")), "{}", dry.out);
    let (_, plan) = world.json(&["commit", "--dry-run"]);
    assert_eq!(plan["plan"]["nodes"][1]["agents"][0]["overwrites"], serde_json::json!([format!("line {}: `[Log]` goes", line - 1), goes]));
    assert_eq!(world.read("T/target/config.ini"), edited);
}

#[test]
fn a_node_that_cannot_be_reached_is_exit_code_3_until_it_is_back() {
    let world = World::new();
    project(&world, MAILBOXES);
    fs::rename(world.path("T"), world.path("away")).expect("renamed");
    let partly = world.run(&["commit", "--yes"]);
    assert_eq!(partly.code, Some(3));
    assert!(partly.out.contains("T: left out: could not reach the agents of T\n"), "{}", partly.out);
    assert!(partly.out.ends_with("S: written\n"), "{}", partly.out);
    assert!(partly.err.starts_with("error: could not reach the agents of T\n  where: DIR/T\n"), "{}", partly.err);
    assert_eq!(world.names("S"), ["commits.json", "source", "transmission"]);
    assert_eq!(world.run(&["commit", "--yes"]).code, Some(3), "nothing left to do elsewhere is not done");
    fs::rename(world.path("away"), world.path("T")).expect("renamed");
    let (code, done) = world.json(&["commit", "--yes"]);
    assert_eq!((code, &done["outcomes"][1]["written"]), (Some(0), &true.into()));
}

#[test]
fn twenty_planted_mistakes_are_twenty_findings_each_with_its_file_its_line_and_what_to_do() {
    let world = World::new();
    let planted = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/settings/mistakes");
    fs::create_dir(world.path("waves")).expect("a folder");
    let mut wanted = Vec::new();
    for name in ["project.toml", "waves/first.csv"] {
        let text = fs::read_to_string(planted.join(name)).expect("the fixture").replace("\r\n", "\n");
        // A comment that begins with a number stands before the line of a mistake.
        let is_mark = |line: &str| line.trim().strip_prefix("# ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        wanted.extend(text.lines().zip(2u64..).filter(|(line, _)| is_mark(line)).map(|(_, line)| (name.to_owned(), line)));
        world.write(name, text);
    }
    let (code, checked) = world.json(&["check"]);
    let findings = checked["findings"].as_array().expect("a list");
    let places: Vec<(String, u64)> = findings
        .iter()
        .map(|found| (found["file"].as_str().expect("a file").replace('\\', "/"), found["line"].as_u64().expect("a line")))
        .collect();
    assert_eq!((code, places.len()), (Some(1), 20), "{checked:#}");
    assert_eq!(places, wanted, "{checked:#}");
    for found in findings {
        let said = |key: &str| found[key].as_str().unwrap_or_default().len();
        assert!(said("text") > 10 && said("hint") > 10, "{found}");
    }
    assert!(!checked.to_string().contains("hunter2"));
}

#[test]
fn of_many_mistakes_the_first_are_printed_and_programs_get_them_all() {
    let world = World::new();
    let mailbox = |number: usize| format!("{{ name = \"m{number}\", source = \"maildir:/{number}\", target = \"lotus://h/{number}\" }},\n");
    let mailboxes: String = (0..150).map(mailbox).collect();
    project(&world, &format!("[settings]\nLogLevl = \"debug\"\n[[collections]]\nname = \"c\"\nmailboxes = [\n{mailboxes}]\n"));
    let more = "and 51 more: `mailferry check --json` has them all";
    let checked = world.run(&["check"]);
    assert_eq!((checked.out.matches("error: ").count(), checked.out.contains(more)), (100, true), "{}", checked.out);
    assert!(checked.out.ends_with("the project cannot be committed; 150 errors, 1 warning\n"), "{}", checked.out);
    for args in [&["commit", "--yes"][..], &["set", "A=1"], &["status"], &["serve", "--listen", "127.0.0.1:0"]] {
        let refused = world.run(args);
        assert_eq!(
            (refused.code, refused.err.matches("lotus").count(), refused.err.contains(more)),
            (Some(1), 100, true),
            "{args:?}: {}",
            refused.err
        );
    }
    assert_eq!(world.json(&["check"]).1["findings"].as_array().map(Vec::len), Some(151));
}

#[test]
fn what_is_wrong_with_the_address_of_an_account_is_said_without_the_address() {
    let world = World::new();
    for (url, said) in [
        ("imaps://ann@mail.example?colour=red", "and its address cannot be used: there is no option `colour`"),
        ("imaps://ann@mail.example:x", "and its address cannot be used: host or port cannot be read"),
        ("imap://mail.example", "and its address cannot be used: there is no user in it"),
        ("imap:ann@mail.example", "and its address does not go on with `//`"),
    ] {
        project(&world, &MAILBOXES.replace("mbox:/b", url));
        let checked = world.run(&["check"]);
        assert!(checked.code == Some(1) && checked.out.contains(said) && checked.out.contains("project.toml:11"), "{url}: {}", checked.out);
        assert!(!checked.out.contains("mail.example") && !checked.out.contains("no mail store known here"), "{url}: {}", checked.out);
    }
}

#[test]
fn what_a_node_has_left_steers_no_terminal() {
    let world = World::new();
    project(&world, MAILBOXES);
    let evil = "\u{1b}]0;owned\u{7}\u{202e}";
    let debt = serde_json::json!({ "node": evil, "path": evil, "container": evil, "since_ms": 1, "attempts": 1, "next_attempt_ms": 0, "last_error": evil });
    let counts = serde_json::json!(mailferry_core::engine::Counts::default());
    let mut replication = serde_json::json!(mailferry_core::engine::ReplicationReport::default());
    replication["wants_snapshot"] = evil.into();
    let report = serde_json::json!({
        "agent": "source", "node": evil, "role": "active", "epoch": 1, "started_ms": 1, "finished_ms": 2, "end": "held-up", "why": evil,
        "counts": counts, "stalls": [{ "what": evil, "why": evil }], "deletion_debts": [debt], "coverage_debts": [],
        "containers": 0, "containers_answered": 0, "containers_bad": [evil], "copy_queue": 0, "lsn": 1,
        "replication": replication
    });
    fs::create_dir(world.path("S/source")).expect("a folder");
    world.write("S/source/status.json", report.to_string());
    for (args, at_least) in [(["status"], 5), (["debts"], 3)] {
        let shown = world.run(&args).out;
        assert!(shown.matches("owned").count() >= at_least, "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    }
}
