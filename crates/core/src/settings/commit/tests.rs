use super::*;
use crate::settings::ini::Ini;
use crate::settings::record::{Author, next_of};
use crate::settings::{load_desired, load_project, parse_project};
use std::fs;
use tempfile::TempDir;

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/settings")
}

fn golden_project() -> Project {
    load_project(&golden_folder().join("project.toml")).expect("the golden project is correct")
}

fn node_of(project: &Project, agent: AgentKind) -> (Side, &Node) {
    let side = if agent == AgentKind::Target { Side::Target } else { Side::Source };
    (side, &project.topology.cluster(side).nodes[0])
}

pub(in crate::settings) fn sample_desired(agent: AgentKind) -> Desired {
    let project = golden_project();
    let revision = Revision { number: 3, digest: content_digest(&project).expect("it can be written") };
    let (side, node) = node_of(&project, agent);
    desired(&project, &revision, side, node, agent)
}

/// With `MAILFERRY_BLESS` set, the golden file is written instead; look at the difference before committing it.
fn assert_golden(name: &str, text: &[u8]) {
    let path = golden_folder().join(name);
    if std::env::var_os("MAILFERRY_BLESS").is_some() {
        fs::write(&path, text).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(String::from_utf8_lossy(text), golden, "{name}");
}

#[test]
fn the_golden_project_gives_the_golden_files() {
    for agent in AgentKind::ALL {
        let desired = sample_desired(agent);
        assert_golden(&format!("{agent}.config.ini"), config_ini::render(&desired).unwrap_or_default().as_bytes());
        assert_golden(&format!("{agent}.desired.toml"), &desired.render().unwrap_or_default());
    }
}

fn author() -> Author {
    Author { by: "root on desk".into(), at_ms: 1_714_555_800_000 }
}

/// A world of two source nodes and one target node.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let world = World { folder: TempDir::new().expect("a temporary folder") };
        ["S1", "S2", "T1"].iter().for_each(|node| fs::create_dir(world.path(node)).expect("a temporary folder"));
        world
    }

    fn path(&self, place: &str) -> PathBuf {
        place.split('/').fold(self.folder.path().to_path_buf(), |path, name| path.join(name))
    }

    fn project(&self, settings: &str) -> Project {
        let node = |name: &str| format!("{{ name = {name:?}, agents = {:?} }}", self.path(name).display().to_string());
        let text = format!(
            "[project]\nname = \"p\"\n[source]\nname = \"SRC\"\nwitness = \"/w\"\nnodes = [{}, {}]\n[target]\nname = \"TGT\"\nnodes = [{}]\n{settings}",
            node("S1"),
            node("S2"),
            node("T1")
        );
        parse_project("p.toml", &text).expect("the project is correct")
    }

    fn plan(&self, settings: &str) -> CommitPlan {
        plan_commit(&self.project(settings), None).expect("a plan can be made")
    }

    fn commit(&self, settings: &str) -> Vec<String> {
        let outcomes = self.plan(settings).execute(&author());
        outcomes.into_iter().filter_map(|outcome| Some(format!("{}: {}", outcome.node, outcome.result.err()?))).collect()
    }

    fn read(&self, place: &str) -> String {
        fs::read_to_string(self.path(place)).unwrap_or_default()
    }

    fn write(&self, place: &str, text: &str) {
        fs::write(self.path(place), text).expect("a temporary file");
    }

    fn edits(&self, settings: &str) -> Vec<String> {
        let plan = self.plan(settings);
        let agents = plan.nodes.iter().flat_map(|node| node.agents.iter().flatten());
        agents.flat_map(|agent| &agent.overwritten).map(ToString::to_string).collect()
    }
}

const DEBUG: &str = "[settings]\nLogLevel = \"debug\"\nRetryBackoffMax = \"20m\"\n";

#[test]
fn a_commit_gives_every_agent_of_every_node_its_two_files() {
    let world = World::new();
    assert_eq!(world.commit(DEBUG), Vec::<String>::new());
    for (place, agent, side) in [
        ("S1/source", AgentKind::Source, Side::Source),
        ("S1/transmission", AgentKind::Transmission, Side::Source),
        ("S2/source", AgentKind::Source, Side::Source),
        ("S2/transmission", AgentKind::Transmission, Side::Source),
        ("T1/target", AgentKind::Target, Side::Target),
        ("T1/transmission", AgentKind::Transmission, Side::Target),
    ] {
        let desired = load_desired(&world.path(&format!("{place}/desired.toml"))).expect("it was committed");
        assert_eq!((desired.agent, desired.side, desired.node.as_str()), (agent, side, &place[..2]));
        let mut names: Vec<_> = fs::read_dir(world.path(place)).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["config.ini", "desired.toml"], "nothing temporary stays");
        let ini = Ini::parse(&world.read(&format!("{place}/config.ini")));
        assert_eq!(ini.get("Log", "LogLevel").map(|entry| entry.value.to_string()), Some("debug".into()));
        assert_eq!(ini.get("Transmission", "RetryBackoffMax").is_some(), agent == AgentKind::Transmission);
    }
}

#[test]
fn the_same_project_again_changes_nothing_and_another_grows_the_revision() {
    let world = World::new();
    world.commit(DEBUG);
    let again = world.plan(DEBUG);
    assert!(again.is_done());
    assert_eq!(again.revision.number, 1);
    assert_eq!(world.plan("").revision.number, 2);
    assert!(!world.plan("").is_done());
    world.commit("");
    assert_eq!(world.plan(DEBUG).revision.number, 3, "back to what it was is a change too");
}

#[test]
fn an_edit_by_hand_is_shown_before_it_is_overwritten() {
    let world = World::new();
    world.commit(DEBUG);
    let edited = world
        .read("T1/target/config.ini")
        .replace("LogLevel = debug", "LogLevel = warning\nLogFilesMax = 3\n# mine\nProxyPassword = hunter2");
    world.write("T1/target/config.ini", &edited);
    assert_eq!(
        world.edits("[settings]\nLogLevel = \"error\"\n"),
        [
            "line 7: `LogLevel = warning` becomes `LogLevel = error`",
            "line 8: `LogFilesMax = 3` goes",
            "line 9: `# mine` goes",
            "line 10: `ProxyPassword = ****` goes",
        ]
    );
    assert_eq!(
        world.edits("[settings]\nLogLevel = \"warning\"\n")[0],
        "line 8: `LogFilesMax = 3` goes",
        "what the project now says too is no loss"
    );
    world.commit(DEBUG);
    assert_eq!(world.edits(DEBUG), Vec::<String>::new());
    assert!(!world.read("T1/target/config.ini").contains("mine"));
}

#[test]
fn a_line_taken_out_by_hand_is_shown_when_it_comes_back() {
    let world = World::new();
    world.commit(DEBUG);
    world.write("S1/source/config.ini", &world.read("S1/source/config.ini").replace("LogLevel = debug\n", ""));
    assert_eq!(world.edits(DEBUG), ["a line taken out: `LogLevel = debug` comes back"]);
    assert_eq!(world.edits(""), Vec::<String>::new(), "the project takes it out too");
}

#[test]
fn what_the_last_commit_wrote_is_no_edit() {
    let world = World::new();
    world.commit(DEBUG);
    assert_eq!(world.edits("[settings]\nLogLevel = \"error\"\n[additional-parameters]\nMine = 1\n"), Vec::<String>::new());
}

#[test]
fn a_config_ini_that_no_commit_wrote_is_shown_line_by_line() {
    let world = World::new();
    fs::create_dir(world.path("T1/target")).expect("a temporary folder");
    world.write("T1/target/config.ini", "\n[Log]\nLogLevel = error\n");
    assert_eq!(world.edits(DEBUG), ["line 3: `LogLevel = error` becomes `LogLevel = debug`"]);
    fs::write(world.path("T1/target/config.ini"), [0u8; 9]).expect("a temporary file");
    assert_eq!(world.edits(DEBUG), ["the whole file: it holds a zero byte in line 1"]);
}

#[test]
fn a_node_that_cannot_be_reached_holds_up_no_other_and_catches_up_later() {
    let world = World::new();
    fs::rename(world.path("S2"), world.path("away")).expect("a temporary folder");
    let told = world.commit(DEBUG);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("S2: could not reach the agents of S2\n  where: "), "{}", told[0]);
    assert!(!world.path("S2").exists(), "nothing is written behind a mount point");
    assert!(world.path("S1/source/desired.toml").exists() && world.path("T1/target/desired.toml").exists());
    fs::rename(world.path("away"), world.path("S2")).expect("a temporary folder");
    let plan = world.plan(DEBUG);
    assert_eq!(plan.revision.number, 1, "the others have it already");
    assert!(!plan.is_done());
    assert_eq!(world.commit(DEBUG), Vec::<String>::new());
    assert_eq!(load_desired(&world.path("S2/source/desired.toml")).map(|desired| desired.revision.number), Ok(1));
}

#[test]
fn a_file_that_changed_after_the_plan_was_shown_is_left_alone() {
    let world = World::new();
    world.commit("");
    let plan = world.plan(DEBUG);
    world.write("S1/source/config.ini", "[Log]\nLogLevel = error\n");
    let outcomes = plan.execute(&author());
    let trouble = outcomes[0].result.as_ref().map_err(ToString::to_string).err().unwrap_or_default();
    assert!(trouble.ends_with("cause: it has changed since the plan was made\n  hint:  commit again"), "{trouble}");
    assert_eq!(world.read("S1/source/config.ini"), "[Log]\nLogLevel = error\n");
    assert!(outcomes[1].result.is_ok() && outcomes[2].result.is_ok());
}

#[test]
fn a_plan_reads_as_what_it_does() {
    let world = World::new();
    world.commit("");
    fs::rename(world.path("S2"), world.path("away")).expect("a temporary folder");
    world.write("T1/target/config.ini", &format!("{}[Log]\nLogLevel = error\n", world.read("T1/target/config.ini")));
    let plan = world.plan(DEBUG);
    let shown = plan
        .to_string()
        .replace(&world.folder.path().display().to_string(), "")
        .replace(&plan.revision.digest[..8], "DIGEST")
        .replace(&std::io::Error::from_raw_os_error(2).to_string(), "No such file or directory (os error 2)")
        .replace('\\', "/");
    assert_golden("plan.txt", shown.as_bytes());
}

#[test]
fn a_large_project_is_committed_and_read_back() {
    let world = World::new();
    let mailbox = |number: u32| {
        format!("[[collections.mailboxes]]\nname = \"m{number}\"\nsource = \"maildir:/a/{number}\"\ntarget = \"maildir:/b/{number}\"\n")
    };
    let collection = format!("[[collections]]\nname = \"all\"\n{}", (0..20_000).map(mailbox).collect::<String>());
    assert_eq!(world.commit(&collection), Vec::<String>::new());
    let desired = load_desired(&world.path("T1/target/desired.toml")).map(|desired| desired.mailboxes.len());
    assert_eq!(desired, Ok(20_000));
}

#[test]
fn a_node_remembers_what_was_committed_when_and_by_whom() {
    let world = World::new();
    world.commit("");
    world.commit(DEBUG);
    let record = NodeRecord::read(&world.path("S1")).expect("it can be read").expect("it is there");
    let newest = &record.commits[0];
    assert_eq!((newest.number, newest.by.as_str(), newest.at_ms), (2, "root on desk", 1_714_555_800_000));
    let files = ["source/config.ini", "source/desired.toml", "transmission/config.ini", "transmission/desired.toml"];
    assert_eq!((newest.wrote.as_slice(), record.commits.len()), (files.map(String::from).as_slice(), 2));
    assert_eq!(record.files["source/config.ini"], crate::settings::record::digest_of(world.read("S1/source/config.ini").as_bytes()));
    assert_eq!(record.revision().map(|revision| revision.number), Some(2));
}

/// Which commit every agent of node S1 works by, and the level of its log.
fn works_by(world: &World) -> Vec<(u64, String)> {
    let of = |agent: AgentKind| {
        let folder = world.path(&format!("S1/{agent}"));
        let desired = load_desired(&folder.join("desired.toml")).expect("there is always one that counts");
        let loaded = crate::settings::load(agent, Some(&desired), &folder.join("config.ini"), &[]);
        (desired.revision.number, loaded.settings.log_level.to_string())
    };
    Side::Source.agents().map(of).to_vec()
}

#[test]
fn however_a_commit_is_cut_off_all_agents_of_a_node_have_the_same_one_and_the_next_commit_finishes_it() {
    let (old, new) = (vec![(1, "info".to_owned()); 2], vec![(2, "debug".to_owned()); 2]);
    let mut seen = Vec::new();
    for cut in 0.. {
        let world = World::new();
        world.commit("");
        let plan = world.plan(DEBUG);
        let node = &plan.nodes[0];
        let steps = node.steps(node.agents.as_ref().expect("it can be reached"), &plan.revision, &author());
        if cut > steps.len() {
            assert_eq!(cut, 10, "four files put ready, the record, four names");
            break;
        }
        steps[..cut].iter().for_each(|step| step.take().expect("a step"));
        let now = works_by(&world);
        assert!(now == old || now == new, "cut off after {cut} steps: {now:?}");
        seen.push(now == new);
        assert!(!world.plan(DEBUG).is_done(), "other nodes have nothing of it");
        assert_eq!(world.commit(DEBUG), Vec::<String>::new(), "cut off after {cut} steps");
        assert_eq!(works_by(&world), new);
        assert!(world.plan(DEBUG).is_done());
        let left = Side::Source.agents().map(|agent| next_of(&world.path(&format!("S1/{agent}/desired.toml"))).exists());
        assert_eq!(left, [false, false], "cut off after {cut} steps");
    }
    assert_eq!(seen, [false, false, false, false, false, true, true, true, true, true], "it counts from the record on");
}

#[test]
fn a_commit_that_was_cut_off_and_is_not_wanted_any_more_leaves_nothing_behind() {
    for cut in 0..=9 {
        let world = World::new();
        world.commit("");
        let plan = world.plan(DEBUG);
        let node = &plan.nodes[0];
        let steps = node.steps(node.agents.as_ref().expect("it can be reached"), &plan.revision, &author());
        steps[..cut].iter().for_each(|step| step.take().expect("a step"));
        assert_eq!(world.commit("[settings]\nLogLevel = \"error\"\n"), Vec::<String>::new());
        assert!(works_by(&world).iter().all(|(_, level)| level == "error"), "cut off after {cut} steps");
    }
}

#[test]
fn a_plan_says_key_by_key_what_changes_for_whom() {
    let world = World::new();
    let mailbox = |name: &str, target: &str| format!("{{ name = {name:?}, source = \"maildir:/a/{name}\", target = {target:?} }}");
    let collection = |mailboxes: &str| format!("[[collections]]\nname = \"c\"\nmailboxes = [{mailboxes}]\n");
    let before = collection(&[mailbox("alice", "imap://a@h/?password-file=/x"), mailbox("bob", "maildir:/b")].join(", "));
    let after = collection(&[mailbox("alice", "imap://a@h/?password-file=/y"), mailbox("carol", "maildir:/c")].join(", "));
    world.commit(&format!("{DEBUG}[additional-parameters]\nProxyPassword = \"one\"\n{before}"));
    let plan = world.plan(&format!("[settings]\nLogLevel = \"error\"\n[additional-parameters]\nProxyPassword = \"two\"\nNew = 1\n{after}"));
    let agent = &plan.nodes[0].agents.as_ref().expect("it can be reached")[1];
    let lines = |changes: &[Change]| changes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        lines(&agent.settings),
        [
            "LogLevel: `debug` becomes `error`",
            "RetryBackoffMax: `20m` goes",
            "additional ProxyPassword: `****` becomes `****`",
            "additional New: `1` is new",
        ]
    );
    let common = ["mailbox alice: options of its target: `****` becomes `****`", "mailbox: `carol` is new", "mailbox: `bob` goes"];
    assert_eq!(lines(&agent.common), common);
    let shown = plan.to_string();
    assert_eq!(shown.matches("`carol` is new").count(), 1, "once for all agents: {shown}");
    assert!(shown.contains("for S1 source, S1 transmission, S2 source, S2 transmission, T1 target, T1 transmission:\n"), "{shown}");
    assert!(!shown.contains("password-file") && !shown.contains("two"), "{shown}");
}

#[test]
fn what_is_said_for_a_node_reaches_its_agents_alone_and_goes_above_all_else() {
    let world = World::new();
    let said = "[settings]\nLogLevel = \"error\"\n[settings.source]\nLogLevel = \"warning\"\n[settings.nodes.S2]\nLogLevel = \"debug\"\n\
                [settings.nodes.s2.source]\nLogLevel = \"info\"\n[additional-parameters.nodes.T1]\nMine = 1\n";
    world.commit(said);
    let level = |place: &str| {
        let desired = load_desired(&world.path(place)).expect("it was committed");
        desired.settings.iter().find(|setting| setting.key == "LogLevel").map(|setting| setting.value.clone()).unwrap_or_default()
    };
    let levels =
        ["S1/source", "S1/transmission", "S2/source", "S2/transmission", "T1/target"].map(|place| level(&format!("{place}/desired.toml")));
    assert_eq!(levels, ["warning", "error", "info", "debug", "error"]);
    assert!(world.read("T1/target/config.ini").contains("Mine = 1") && !world.read("S1/source/config.ini").contains("Mine"));
}

#[test]
fn standing_tells_which_commit_an_agent_has_and_what_a_hand_has_changed() {
    let world = World::new();
    world.commit("");
    world.commit(DEBUG);
    let standing = || standing(&world.project(DEBUG));
    assert!(standing().iter().flat_map(|node| &node.agents).all(|agent| agent.drift.is_empty()));
    let numbers: Vec<Option<u64>> = standing()[0].agents.iter().map(|agent| agent.committed.as_ref().map(|of| of.number)).collect();
    assert_eq!(numbers, [Some(2), Some(2)]);
    let edited = world.read("S1/source/config.ini").replace("LogLevel = debug", "LogLevel = error");
    world.write("S1/source/config.ini", &edited);
    world.write("S1/transmission/desired.toml", &world.read("S1/transmission/desired.toml").replace("20m", "30m"));
    fs::remove_file(world.path("S2/source/config.ini")).expect("a file");
    fs::rename(world.path("T1"), world.path("away")).expect("a folder");
    let now = standing();
    let drift = |node: usize, agent: usize| now[node].agents[agent].drift.clone();
    assert_eq!(drift(0, 0), ["config.ini, line 7: `LogLevel = error` becomes `LogLevel = debug`"]);
    assert_eq!(drift(0, 1), ["desired.toml: its digest does not match: it is damaged, or was edited by hand"]);
    assert_eq!((now[0].agents[1].committed.clone(), drift(1, 0)), (None, vec!["config.ini: it is gone".to_owned()]));
    assert!(now[2].unknown.as_ref().is_some_and(|why| why.contains("T1")));
}

#[test]
fn what_commits_write_grows_with_the_mailboxes_and_no_faster_and_the_same_again_writes_nothing() {
    let world = World::new();
    let mailbox = |number: u32| {
        format!(
            "[[collections.mailboxes]]\nname = \"m{number:05}\"\nsource = \"maildir:/a/{number:05}\"\ntarget = \"maildir:/b/{number:05}\"\n"
        )
    };
    let written = |count: u32| {
        let text = format!("[[collections]]\nname = \"all\"\n{}", (0..count).map(mailbox).collect::<String>());
        let plan = world.plan(&text);
        let files = plan.nodes.iter().flat_map(|node| node.agents.iter().flatten()).flat_map(|agent| &agent.files);
        let bytes: usize = files.filter(|file| file.effect != Effect::Keep).map(|file| file.after.len()).sum();
        assert!(plan.execute(&author()).iter().all(|outcome| outcome.result.is_ok()));
        assert!(world.plan(&text).is_done());
        bytes
    };
    let (few, many) = (written(1_000), written(10_000));
    assert!(many < few * 11, "{few} bytes for 1,000 mailboxes, {many} for 10,000");
}
