//! The target agent of a cluster makes manifests by its own command; the console verifies them with both nodes' keys, and nothing secret
//! leaves a node (R84).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan, agent_program, console};

fn manifest(bed: &Bed, node: &str, mailbox: &str, out: &Path) -> Output {
    let mut command = Command::new(agent_program(AgentKind::Target));
    command.args(["manifest", "--mailbox", mailbox, "--config"]).arg(&bed.home(node, AgentKind::Target).config_ini);
    command.arg("--out").arg(out).output().expect("an agent can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn verify(bed: &Bed, file: &Path, keys: &[&Path], more: &[&str]) -> (Option<i32>, String) {
    let (file, target) = (file.display().to_string(), bed.mailbox("alice").target.clone());
    let mut arguments = vec!["verify".to_owned(), "--manifest".into(), file, target];
    keys.iter().for_each(|key| arguments.extend(["--key".to_owned(), key.display().to_string()]));
    arguments.extend(more.iter().map(ToString::to_string));
    let output = console(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Every file below a folder, but for the key itself.
fn others(folder: &Path, key: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        match path.is_dir() {
            true => others(&path, key, found),
            false if path != key => found.push(path),
            false => {}
        }
    }
}

#[test]
fn each_node_of_a_cluster_signs_with_its_own_key_and_the_chain_goes_on() {
    let bed = Plan::new(1, 2).sample("alice", 40).build();
    bed.settle();
    let first_node = bed.active(Side::Target);
    let [first, second] = ["first.manifest", "second.manifest"].map(|name| bed.path(name));
    let refused = manifest(&bed, &first_node, "bob", &first);
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("this agent has no mailbox bob"), "{refused:?}");
    let made = manifest(&bed, &first_node, "alice", &first);
    assert!(made.status.code() == Some(0) && text(&made.stdout).starts_with("manifest 1 of "), "{made:?}");

    bed.switch_over(Side::Target);
    bed.settle();
    let second_node = bed.active(Side::Target);
    assert_ne!(first_node, second_node);
    let standby = manifest(&bed, &first_node, "alice", &bed.path("none"));
    assert!(standby.status.code() == Some(1) && text(&standby.stderr).contains("this node stands by"), "{standby:?}");
    let made = manifest(&bed, &second_node, "alice", &second);
    assert!(made.status.code() == Some(0) && text(&made.stdout).starts_with("manifest 2 of "), "{made:?}");

    let key = |node: &str| bed.home(node, AgentKind::Target).signing_key();
    let public = |node: &str| key(node).with_extension("pub");
    let (one, two) = (public(&first_node), public(&second_node));
    let previous = ["--previous", &first.display().to_string()];
    assert_eq!(verify(&bed, &first, &[&one], &[]).0, Some(0));
    let (code, told) = verify(&bed, &second, &[&one], &[]);
    assert!(code == Some(1) && told.contains("not among those that are trusted"), "{told}");
    let (code, told) = verify(&bed, &second, &[&one, &two], &previous);
    assert!(code == Some(0) && told.contains("no differences"), "{told}");

    for node in [&first_node, &second_node] {
        let secret = fs::read_to_string(key(node)).expect("a key");
        let seed = secret.lines().nth(1).and_then(|line| line.strip_prefix("seed ")).expect("a seed").to_owned();
        let raw: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).expect("hex")).collect();
        let mut files = Vec::new();
        others(&bed.path(""), &key(node), &mut files);
        assert!(files.len() > 20);
        for file in files {
            let bytes = fs::read(&file).unwrap_or_default();
            let holds = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!holds(seed.as_bytes()) && !holds(&raw), "the secret key of {node} is in {}", file.display());
        }
    }
}
