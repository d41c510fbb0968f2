use super::*;
use crate::settings::{Node, RoleOrigin};

const GOOD: &str = r#"[project]
name = "p"
[source]
name = "SRC"
witness = "/w"
nodes = [{ name = "S1", agents = "/s1" }, { name = "S2", agents = "/s2" }]
[target]
name = "TGT"
nodes = [{ name = "T1", agents = "/t1" }]
[settings]
[additional-parameters]
[[collections]]
name = "c"
mailboxes = [
  { name = "alice", source = "maildir:/a", target = "maildir:/x/a" },
  { name = "bob", source = "maildir:/b", target = "maildir:/x/b" },
]
"#;

fn told(text: &str) -> Vec<String> {
    let findings = parse_project("p.toml", text).map_or_else(|errors| errors, |project| project.warnings);
    findings.iter().map(|finding| format!("{:?} {finding}", finding.level)).collect()
}

/// What is told of the good project with one text replaced.
fn told_with(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    told(&GOOD.replacen(from, to, 1))
}

fn checks(cases: &[(&str, &str, &str)]) {
    for (from, to, wanted) in cases {
        assert_eq!(told_with(from, to), [*wanted], "{from} -> {to}");
    }
}

#[test]
fn a_good_project_is_taken_without_a_word() {
    assert_eq!(told(GOOD), Vec::<String>::new());
    assert_eq!(told(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))), Vec::<String>::new(), "as Notepad saves it");
}

#[test]
fn what_is_no_toml_or_has_the_wrong_shape_is_told_with_its_line() {
    let page = "\n  hint:  write name = ...; docs/reference/project.md describes it";
    let toml = "\n  hint:  this is not TOML (https://toml.io); `mailferry init` writes a project file to begin with";
    checks(&[
        ("witness", "whitness", "Error `whitness` is no name of [source]\n  where: p.toml:5\n  hint:  did you mean witness?"),
        (
            "name = \"TGT\"",
            "name = \"TGT\"\ncolour = 1",
            "Error `colour` is no name of [target]\n  where: p.toml:9\n  hint:  names here are name, witness, role, role_resource, store_root, nodes",
        ),
        ("name = \"p\"", "", &format!("Error [project] has no `name`\n  where: p.toml:1{page}")),
        ("name = \"p\"", "name = 5", "Error `name` must be a text, it is the number 5\n  where: p.toml:2\n  hint:  put it between quotes"),
        (
            "[settings]",
            "[settings]\nsource = 5",
            "Error `source` must be a table of keys\n  where: p.toml:11\n  hint:  write its keys below a line such as [settings.source]",
        ),
        ("[project]", "[project", &format!("Error unclosed table, expected `]`\n  where: p.toml:1{toml}")),
        ("[target]", "[tarket]", "Error `tarket` is no name of the project file\n  where: p.toml:7\n  hint:  did you mean target?"),
        (
            "name = \"c\"",
            "name = \"c\"\npriority = 9999999999",
            "Error `priority` must be a whole number, it is the number 9999999999\n  where: p.toml:14\n  hint:  docs/reference/project.md describes it",
        ),
        (
            "target = \"maildir:/x/b\"",
            "targets = \"maildir:/x/b\"",
            "Error `targets` is no name of `bob` in `mailboxes`\n  where: p.toml:16\n  hint:  did you mean target?",
        ),
    ]);
}

#[test]
fn everything_that_has_the_wrong_shape_is_told_with_what_makes_no_sense() {
    let text =
        GOOD.replace("name = \"c\"", "name = \"c\"\npriority = \"high\"").replace("\"T1\"", "\"T$\"").replace("name = \"bob\", ", "");
    let told = told(&text);
    let lines: Vec<&str> = told.iter().filter_map(|told| told.lines().next()).collect();
    assert_eq!(
        lines,
        [
            "Error `T$` is no name of a server",
            "Error `priority` must be a whole number, it is a text",
            "Error an entry of `mailboxes` has no `name`"
        ]
    );
}

#[test]
fn lists_are_read_as_if_their_mailboxes_stood_in_the_project_file() {
    let list = |name: &str| match name {
        "good.csv" => {
            Ok("Name;target;source;priority\n# who\ncarol;maildir:/x/c;maildir:/c;9\n\"d;ave\";maildir:/x/d;maildir:/d;\n".to_owned())
        }
        "bad.csv" => {
            Ok("name,source,target,id\n,maildir:/e,maildir:/x/e,\nalice,maildir:/f,maildir:/x/f,\ngina,maildir:/g,maildir:/x/a,x\n\"open"
                .to_owned())
        }
        "columns.csv" => Ok("name,source,source,traget\n".to_owned()),
        "empty.csv" => Ok(String::new()),
        _ => Err("it is away".to_owned()),
    };
    let with = |list_name: &str| {
        let text = GOOD.replacen("name = \"c\"", &format!("name = \"c\"\npriority = 3\nlist = {list_name:?}"), 1);
        parse_project_knowing("d/p.toml", &text, Known { list: &list, store: &|_| Ok(()) })
    };
    let good = with("good.csv").expect("a good list");
    let rows: Vec<_> = good.mailboxes.iter().map(|of| (of.name.as_str(), of.priority, of.target.as_str())).collect();
    let wanted = [("carol", 9, "maildir:/x/c"), ("alice", 3, "maildir:/x/a"), ("bob", 3, "maildir:/x/b"), ("d;ave", 3, "maildir:/x/d")];
    assert_eq!(rows, wanted);
    assert_eq!(good.texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["p.toml", "good.csv"]);
    let told = |name: &str| -> Vec<String> {
        let findings = with(name).map_or_else(|errors| errors, |project| project.warnings);
        assert!(findings.iter().all(|finding| finding.hint.is_some()), "{findings:?}");
        findings.iter().map(|finding| format!("{}: {}", finding.place().replace('\\', "/"), finding.text)).collect()
    };
    assert_eq!(
        told("bad.csv"),
        [
            "d/bad.csv:2: `` is no name for a mailbox",
            "d/bad.csv:3: the mailbox alice stands in d/p.toml:17 too: that one counts, this one is left out",
            "d/bad.csv:4: `x` is not a mailbox id (32 lower-case hex digits)",
            "d/bad.csv:5: a quote is opened and not closed: nothing behind it can be read",
        ]
    );
    assert_eq!(
        told("columns.csv"),
        ["d/columns.csv:1: the column source stands here twice", "d/columns.csv:1: there is no column `traget`",]
    );
    assert_eq!(told("empty.csv"), ["d/empty.csv:1: the list has no first line that names its columns"]);
    assert_eq!(told("away.csv"), ["d/p.toml:15: could not read the list away.csv: it is away"]);
    for outside in ["../x.csv", "/x.csv", "a//b.csv", "x.toml", "C:x.csv", ""] {
        let text = format!("d/p.toml:15: `{}` is no list of mailboxes beside the project file", outside.escape_debug());
        assert_eq!(told(outside), [text]);
    }
}

#[test]
fn names_of_servers_are_names_of_folders_on_every_system() {
    let hint = "  hint:  write 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends";
    for name in ["", "-S", "S.", "S/..", "..", "S$", "Ä", "con", "NUL.local", "com1", "a b", &"n".repeat(64)] {
        let told = told_with("\"T1\"", &format!("{name:?}"));
        assert_eq!(told, [format!("Error `{name}` is no name of a server\n  where: p.toml:9\n{hint}")]);
    }
    for name in ["s", "SRV-01", "mail.contoso.example", "10.0.0.1", "a_b", "CONSOLE", "com10"] {
        assert_eq!(told_with("\"T1\"", &format!("{name:?}")), Vec::<String>::new());
    }
}

#[test]
fn nodes_that_cannot_be_told_apart_are_errors() {
    checks(&[
        (
            "\"TGT\"",
            "\"src\"",
            "Error source and target are both called src\n  where: p.toml:8\n  hint:  folders below OUT and IN carry these names: give each side its own",
        ),
        (
            "\"S1\"",
            "\"src\"",
            "Error the node src is called like its cluster\n  where: p.toml:6\n  hint:  the cluster has the name of the virtual server, which moves from node to node",
        ),
        (
            "\"/s2\"",
            "\"/S1/\"",
            "Error the agents folder /S1/ is that of the node in line 6 too\n  where: p.toml:6\n  hint:  every node has its own",
        ),
        (
            "\"/t1\"",
            "\"/s1\"",
            "Error the agents folder /s1 is that of the node in line 6 too\n  where: p.toml:9\n  hint:  every node has its own",
        ),
        (
            "agents = \"/t1\"",
            "agents = \"/t1\", share = '\\\\s1\\MFExNode$'",
            "Error the share \\\\s1\\MFExNode$ is that of the node in line 6 too\n  where: p.toml:9\n  hint:  every node has its own",
        ),
    ]);
    let twice = told_with("\"S2\"", "\"s1\"");
    assert_eq!(twice[0], "Error the node name s1 is that of the node in line 6 too\n  where: p.toml:6\n  hint:  every node has its own");
}

#[test]
fn a_side_has_one_or_two_nodes_and_a_cluster_has_a_witness() {
    let hint = "  hint:  write one node for a standalone server, two for a cluster";
    let none = told_with("[{ name = \"T1\", agents = \"/t1\" }]", "[]");
    assert_eq!(none, [format!("Error the target has 0 nodes\n  where: p.toml:9\n{hint}")]);
    let three = told_with("\"/t1\" }]", "\"/t1\" }, { name = \"T2\", agents = \"/t2\" }, { name = \"T3\", agents = \"/t3\" }]");
    assert_eq!(three, [format!("Error the target has 3 nodes\n  where: p.toml:9\n{hint}")]);
    checks(&[
        (
            "witness = \"/w\"",
            "",
            "Error the source cluster SRC has no witness\n  where: p.toml:4\n  hint:  set `witness` to a folder that either node reaches when the other is down: epochs are claimed there",
        ),
        (
            "\"/w\"",
            r#"'\\S1\MFExNode$'"#,
            "Warning the witness is the share of a node: while that node is down no epoch can be claimed\n  where: p.toml:5\n  hint:  use a folder on a third machine",
        ),
        ("\"/w\"", "\" \"", "Error ` ` is no path of a folder\n  where: p.toml:5\n  hint:  no blanks at the ends"),
        ("\"/t1\"", "\"/t\\n1\"", "Error `/t\\n1` is no path of a folder\n  where: p.toml:9\n  hint:  no blanks at the ends"),
    ]);
}

#[test]
fn a_store_is_named_by_kind_and_place() {
    let hint = "  hint:  write its kind and place, such as maildir:/srv/mail/alice, or set store_root";
    for store in ["", "/a", "a", "C:/mail/a", "maildir:", ":x", "maildir:/a ", "mail dir:/a"] {
        let told = told_with("\"maildir:/a\"", &format!("{store:?}"));
        assert_eq!(told, [format!("Error `{store}` does not name a store\n  where: p.toml:15\n{hint}")]);
    }
    let secret = "Error a password stands in the name of a store\n  where: p.toml:15\n  hint:  the project file is copied to every node: keep passwords in the key store, a file or the environment";
    checks(&[("\"maildir:/a\"", "\"imap://alice:hunter2@host/\"", secret)]);
    assert_eq!(told_with("\"maildir:/a\"", "\"imap://alice@host:993/\""), Vec::<String>::new());
}

#[test]
fn a_store_root_is_put_before_stores_that_name_no_kind() {
    let rooted = |root: &str, store: &str| {
        let text = GOOD.replacen("witness", &format!("store_root = {root:?}\nwitness"), 1).replacen("maildir:/a", store, 1);
        parse_project("p.toml", &text).map(|project| project.mailboxes[0].source.clone()).map_err(|errors| errors[0].text.clone())
    };
    assert_eq!(rooted("maildir:/srv/", "alice/x"), Ok("maildir:/srv/alice/x".into()));
    assert_eq!(rooted("maildir:/srv", "alice"), Ok("maildir:/srv/alice".into()));
    assert_eq!(rooted("maildir:", "alice"), Err("store_root `maildir:` does not say which kind of store it is".into()));
    assert_eq!(rooted("maildir:/srv", "mbox:/b"), Ok("mbox:/b".into()));
    assert_eq!(rooted("maildir:/srv", "/etc"), Err("`/etc` does not name a store".into()), "a root is not left");
    assert_eq!(rooted("maildir:/srv", "../etc"), Err("`../etc` does not name a store".into()), "a root is not left");
    assert_eq!(rooted("/srv", "alice"), Err("store_root `/srv` does not say which kind of store it is".into()));
}

#[test]
fn of_two_mailboxes_of_one_name_the_first_counts() {
    let text = GOOD.replacen("\"bob\"", "\"ALICE\"", 1);
    assert_eq!(
        told(&text),
        [
            "Warning the mailbox ALICE stands in line 15 too: that one counts, this one is left out\n  where: p.toml:16\n  hint:  take one of the two out"
        ]
    );
    let mailboxes = parse_project("p.toml", &text).map(|project| project.mailboxes);
    assert_eq!(
        mailboxes.map(|mailboxes| mailboxes.iter().map(|mailbox| mailbox.source.clone()).collect()),
        Ok(vec!["maildir:/a".to_string()])
    );
}

#[test]
fn an_archive_is_another_mailbox_of_the_project_and_of_one_user_alone() {
    let hint = "\n  hint:  name a mailbox of the project that is the archive of this one alone";
    let with = |alice: &str, bob: &str| {
        let named = |name: &str, archive: &str| if archive.is_empty() { name.into() } else { format!("{name}, archive = {archive}") };
        let [of_alice, of_bob] = ["name = \"alice\"", "name = \"bob\""];
        GOOD.replacen(of_alice, &named(of_alice, alice), 1).replacen(of_bob, &named(of_bob, bob), 1)
    };
    let good = parse_project("p.toml", &with("\"BOB\"", "")).map(|project| project.mailboxes);
    let id = super::super::mailbox_id("p", "bob");
    assert_eq!(good.map(|all| all.iter().map(|of| of.archive).collect::<Vec<_>>()), Ok(vec![Some(id), None]));
    for (alice, bob, line, wrong) in [
        ("\"carol\"", "", 15, "alice: the project has no mailbox `carol`"),
        ("\"alice\"", "", 15, "alice: a mailbox is not its own archive"),
        ("\"bob\"", "\"alice\"", 15, "alice: the mailbox bob has an archive itself"),
    ] {
        let told = told(&with(alice, bob));
        assert!(told.contains(&format!("Error the archive of {wrong}\n  where: p.toml:{line}{hint}")), "{told:?}");
    }
    let third = "  { name = \"carol\", source = \"maildir:/c\", target = \"maildir:/x/c\", archive = \"bob\" },\n]";
    let told = told(&with("\"bob\"", "").replacen("\n]", &format!("\n{third}"), 1));
    assert_eq!(told, [format!("Error the archive of carol: bob is the archive of alice already\n  where: p.toml:17{hint}")]);
}

#[test]
fn mailboxes_that_would_get_mixed_up_are_errors() {
    checks(&[
        (
            "\"maildir:/x/b\"",
            "\"maildir:/x/a/\"",
            "Error the mailbox bob goes to the same store as the mailbox in line 15\n  where: p.toml:16\n  hint:  two mailboxes in one store cannot be told apart again: give each its own",
        ),
        (
            "\"maildir:/x/b\"",
            "\"maildir:/a\"",
            "Error maildir:/a is read from here and written to by the mailbox in line 16\n  where: p.toml:15\n  hint:  a source store is never changed: choose another target",
        ),
        (
            "\"maildir:/x/b\"",
            "\"maildir:/b\"",
            "Error maildir:/b is read from here and written to by the mailbox in line 16\n  where: p.toml:16\n  hint:  a source store is never changed: choose another target",
        ),
        (
            "\"bob\"",
            "\"bob\", id = \"x\"",
            "Error `x` is not a mailbox id (32 lower-case hex digits)\n  where: p.toml:16\n  hint:  leave the id out: it is then made from the names of project and mailbox",
        ),
        (
            "\"bob\"",
            "\"\"",
            "Error `` is no name for a mailbox\n  where: p.toml:16\n  hint:  write 1 to 100 characters, none of them a control character, and no blanks at the ends",
        ),
    ]);
    let id = super::super::mailbox_id("p", "alice");
    checks(&[(
        "\"bob\"",
        &format!("\"bob\", id = \"{id}\""),
        "Error the mailbox bob has the id of the mailbox in line 15\n  where: p.toml:16\n  hint:  every mailbox has an id of its own; leave it out, and it is made from the name",
    )]);
}

#[test]
fn a_bad_value_of_a_setting_is_an_error_and_an_unknown_key_a_warning() {
    checks(&[
        (
            "[settings]",
            "[settings]\nSleepIntervall = 5",
            "Warning there is no key `SleepIntervall`; it is left out\n  where: p.toml:11\n  hint:  did you mean SleepInterval?",
        ),
        (
            "[settings]",
            "[settings]\nSleepInterval = \"2d\"",
            "Error SleepInterval cannot be `2d`: allowed is a duration from 1s to 1d, written like 90s, 15m or 1d12h; a bare number is seconds\n  where: p.toml:11\n  hint:  the default is 1m",
        ),
        (
            "[settings]",
            "[settings]\nSleepInterval = 1.5",
            "Error SleepInterval must be a text, a whole number, true or false\n  where: p.toml:11\n  hint:  put anything else between quotes",
        ),
        (
            "[settings]",
            "[settings]\nSleepInterval = 5\nsleepinterval = 6",
            "Warning sleepinterval stands in line 11 too; this line counts\n  where: p.toml:12\n  hint:  take one of the two out",
        ),
        (
            "[settings]",
            "[settings.source]\nApplyDeletions = true",
            "Warning the source agent does not use ApplyDeletions\n  where: p.toml:11\n  hint:  ApplyDeletions is for: target",
        ),
        (
            "[settings]",
            "[settings]\nDataMoveReplicationConstraint = \"AllCopies\"",
            "Warning DataMoveReplicationConstraint is AllCopies and CopyStatusProviders names no file: nobody tells how far the copies are\n  where: p.toml:11\n  hint:  docs/reference/settings.md says what each of the two does",
        ),
        (
            "[settings]",
            "[settings]\nCcrDeletedItemsLifeTime = \"1h\"",
            "Warning CcrDeletedItemsLifeTime 1h is not above CcrDeletedItemsTouchInterval 1h: a failed deletion is given up before its second try\n  where: p.toml:11\n  hint:  docs/reference/settings.md says what each of the two does",
        ),
        (
            "[additional-parameters]",
            "[additional-parameters]\nNew = \"x\"",
            "Warning there is no key `New`; it is written to config.ini as it is\n  where: p.toml:12\n  hint:  docs/reference/settings.md has all keys",
        ),
        (
            "[additional-parameters]",
            "[additional-parameters]\nNew = \"x\\ny\"",
            "Error New = \"x\\ny\" cannot be a line of a config.ini\n  where: p.toml:12\n  hint:  no line breaks, no blanks at the ends, and no = in the name",
        ),
        (
            "[additional-parameters]",
            "[additional-parameters]\n\"N=w\" = \"x\"",
            "Error N=w = \"x\" cannot be a line of a config.ini\n  where: p.toml:12\n  hint:  no line breaks, no blanks at the ends, and no = in the name",
        ),
    ]);
}

#[test]
fn of_two_spellings_of_one_key_the_later_line_counts() {
    for (first, second) in [("SleepInterval", "sleepinterval"), ("sleepinterval", "SleepInterval")] {
        let text = GOOD.replacen("[settings]", &format!("[settings]\n{first} = 5\n{second} = 6"), 1);
        let values = parse_project("p.toml", &text).map(|project| project.settings_used(AgentKind::Source, "S1"));
        assert_eq!(values, Ok(vec![Chosen { key: "SleepInterval".into(), value: "6s".into(), line: 12 }]));
    }
}

#[test]
fn a_project_without_a_mailbox_is_told() {
    let (head, _) = GOOD.split_once("[[collections]]").unwrap_or_default();
    assert_eq!(
        told(head),
        [
            "Warning the project has no mailbox yet\n  where: p.toml:2\n  hint:  add [[collections]] and [[collections.mailboxes]], or `list` with a CSV file"
        ]
    );
}

#[test]
fn everything_found_is_told_at_once_in_the_order_of_the_file() {
    let text = GOOD.replace("\"p\"", "\"\"").replace("\"S1\"", "\"S$\"").replace("maildir:/b", "b").replace("witness = \"/w\"\n", "");
    let lines: Vec<Option<u32>> =
        parse_project("p.toml", &text).map_or_else(|found| found.iter().map(|finding| finding.line).collect(), |_| Vec::new());
    assert_eq!(lines, [Some(2), Some(4), Some(5), Some(15)]);
}

#[test]
fn a_project_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("p.toml");
    std::fs::write(&path, b"[project]\nname = \"\xff\"").expect("a temporary file");
    let told = |path: &Path| load_project(path).map_or_else(|errors| errors[0].text.clone(), |_| String::new());
    assert_eq!(told(&path), "could not read the project file: byte 18 is not UTF-8");
    assert!(told(&folder.path().join("none.toml")).starts_with("could not read the project file: "));
}

#[test]
fn no_cut_or_changed_project_file_makes_the_reader_fail_other_than_by_saying_why() {
    let mut taken = 0;
    for at in 0..GOOD.len() {
        for text in [GOOD[..at].to_string(), format!("{}\"{}", &GOOD[..at], &GOOD[at..]), format!("{}é{}", &GOOD[..at], &GOOD[at + 1..])] {
            match parse_project("p.toml", &text) {
                Ok(_) => taken += 1,
                Err(findings) => assert!(findings.iter().any(Finding::is_error), "{text}"),
            }
        }
    }
    assert!(taken < GOOD.len(), "most are refused");
}

const PAIR: &str = "witness = \"/w\"";

fn told_of_role(lines: &str) -> Vec<String> {
    told_with(PAIR, &format!("{PAIR}\n{lines}"))
}

#[test]
fn a_role_from_a_cluster_manager_is_taken_without_a_word() {
    for lines in
        ["role = \"static\"", "role = \"pacemaker\"\nrole_resource = \"mail-role\"", "role = \"wsfc\"\nrole_resource = \"Mail role\""]
    {
        assert_eq!(told_of_role(lines), Vec::<String>::new(), "{lines}");
    }
    let text = GOOD
        .replace(PAIR, &format!("{PAIR}\nrole = \"pacemaker\"\nrole_resource = \"r\""))
        .replace("agents = \"/s1\"", "agents = \"/s1\", cluster_node = \"node-a\"");
    let topology = parse_project("p.toml", &text).expect("a good project").topology;
    assert_eq!((topology.source.role, topology.source.role_resource.as_deref()), (RoleOrigin::Pacemaker, Some("r")));
    assert_eq!(topology.source.nodes.iter().map(Node::name_in_cluster).collect::<Vec<_>>(), ["node-a", "S2"]);
    assert_eq!((topology.target.role, topology.target.role_resource), (RoleOrigin::Static, None));
}

#[test]
fn a_role_that_nobody_can_tell_is_an_error_with_its_line() {
    let resource = "\n  hint:  write the id of the resource in Pacemaker: letters, digits, `-`, `_` and `.`, a letter or `_` first";
    let cases = [
        ("role = \"keepalived\"", "Error nobody called `keepalived` can say which node is active\n  where: p.toml:6\n  hint:  write static, pacemaker or wsfc".to_owned()),
        ("role = \"pacemaker\"", format!("Error the role comes from Pacemaker, and `role_resource` is missing\n  where: p.toml:6{resource}")),
        ("role = \"pacemaker\"\nrole_resource = \"../r\"", format!("Error `../r` is no id of a resource\n  where: p.toml:7{resource}")),
        (
            "role_resource = \"r\"",
            "Error role_resource is given, and no cluster manager is asked for the role\n  where: p.toml:6\n  hint:  write role = \"pacemaker\" or role = \"wsfc\", or leave role_resource out".into(),
        ),
        (
            "role = \"wsfc\"\nrole_resource = \" \"",
            "Error ` ` is no name of a group\n  where: p.toml:7\n  hint:  write the name of the group as the Failover Cluster Manager shows it".into(),
        ),
    ];
    for (lines, wanted) in cases {
        assert_eq!(told_of_role(lines), [wanted], "{lines}");
    }
}

#[test]
fn a_standalone_server_has_no_role_to_ask_for_and_two_nodes_have_two_names() {
    let alone = told_with("name = \"TGT\"", "name = \"TGT\"\nrole = \"pacemaker\"\nrole_resource = \"r\"");
    assert!(alone[0].starts_with("Error the target is a standalone server: it is always active\n  where: p.toml:9"), "{alone:?}");
    let twice = GOOD
        .replace(PAIR, &format!("{PAIR}\nrole = \"pacemaker\"\nrole_resource = \"r\""))
        .replace("agents = \"/s1\"", "agents = \"/s1\", cluster_node = \"s2\"");
    assert!(told(&twice)[0].starts_with("Error two nodes are called S2 in the cluster manager\n  where: p.toml:8"), "{:?}", told(&twice));
    let unused = told_with("agents = \"/s1\"", "agents = \"/s1\", cluster_node = \"a\"");
    assert!(unused[0].starts_with("Warning cluster_node is not used"), "{unused:?}");
}

/// Nanoseconds that this thread has computed so far.
#[cfg(target_os = "linux")]
fn computed() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    told.split_whitespace().next().and_then(|first| first.parse().ok()).expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn the_work_of_a_check_grows_with_the_mailboxes_and_no_faster() {
    let work = |count: u32| {
        let rows = |range: std::ops::Range<u32>| range.map(|number| format!("m{number},maildir:/a/{number},maildir:/b/{number},"));
        let row = |(number, row): (u32, String)| {
            format!("{row}{}\n", if number < count / 2 { format!("m{}", number + count / 2) } else { String::new() })
        };
        let text: String = (0..).zip(rows(0..count)).map(row).collect();
        let project = GOOD.replacen("name = \"c\"", "name = \"c\"\nlist = \"all.csv\"", 1);
        let list = move |_: &str| Ok(format!("name,source,target,archive\n{text}"));
        let before = computed();
        let project = parse_project_knowing("p.toml", &project, Known { list: &list, store: &|_| Ok(()) }).expect("a good project");
        assert_eq!(project.mailboxes.iter().filter(|mailbox| mailbox.archive.is_some()).count() as u32, count / 2);
        computed() - before
    };
    // Of several tries the least: what else a machine does only adds. Time is told in ticks of a few milliseconds.
    let least = |count: u32| (0..3).map(|_| work(count)).min().expect("three");
    let (few, many) = (least(10_000).max(10_000_000), least(80_000));
    assert!(many < few * 24, "{few} ns for 10,000 mailboxes, {many} ns for 80,000");
}
