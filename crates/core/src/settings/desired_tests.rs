use super::*;
use crate::settings::parse_project;

fn desired() -> Desired {
    let project = parse_project("project.toml", crate::settings::project_sample());
    let mailboxes = project.map(|project| (project.topology, project.mailboxes));
    let (topology, mailboxes) = mailboxes.expect("the sample project is correct");
    Desired {
        format: DESIRED_FORMAT,
        project: "p".into(),
        revision: Revision { number: 7, digest: "0123456789abcdef".into() },
        agent: AgentKind::Transmission,
        side: Side::Source,
        cluster: "SRC".into(),
        node: "SRC1".into(),
        settings: vec![Setting { key: "LogLevel".into(), value: "debug".into() }],
        additional: Vec::new(),
        topology,
        mailboxes,
    }
}

fn rendered(desired: &Desired) -> String {
    String::from_utf8(desired.render().expect("it can be written")).expect("TOML is UTF-8")
}

/// The same file with one text replaced and a fitting digest.
fn resealed(from: &str, to: &str) -> Vec<u8> {
    let text = rendered(&desired());
    let (body, _) = text.rsplit_once(SEAL).expect("it has a digest");
    let body = body.replacen(from, to, 1);
    format!("{body}{SEAL}{}\n", Digest::of(body.as_bytes())).into_bytes()
}

#[test]
fn what_was_written_is_read_back() {
    assert_eq!(Desired::parse(rendered(&desired()).as_bytes()), Ok(desired()));
}

#[test]
fn an_agent_knows_its_own_cluster_its_peer_and_the_other_node() {
    let desired = desired();
    assert_eq!(desired.own_cluster().name, "SRC");
    assert_eq!(desired.peer_cluster().name, "TGT");
    assert_eq!(desired.other_node().map(|node| node.name.as_str()), Some("SRC2"));
    let target = Desired { side: Side::Target, cluster: "TGT".into(), node: "tgt".into(), ..desired };
    assert_eq!(target.peer_cluster().name, "SRC");
    assert_eq!(target.other_node(), None);
}

#[test]
fn no_single_damaged_byte_is_believed() {
    let bytes = rendered(&desired()).into_bytes();
    for at in 0..bytes.len() - 1 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Desired::parse(&damaged).is_err(), "byte {at}");
        assert!(Desired::parse(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_named() {
    for (bytes, cause) in [
        (b"\xff".to_vec(), "it is not UTF-8"),
        (b"".to_vec(), "its last line, the digest, is missing"),
        (rendered(&desired()).replace("alice", "mallory").into_bytes(), "its digest does not match: it is damaged, or was edited by hand"),
        (resealed("format = 1", "format = 2"), "it has format 2; this version reads format 1"),
        (resealed("node = \"SRC1\"", "node = \"SRC9\""), "node SRC9 of SRC is not in its topology"),
        (resealed("agent = \"transmission\"", "agent = \"target\""), "no target agent runs on the source side"),
    ] {
        assert_eq!(Desired::parse(&bytes), Err(cause.into()));
    }
}

#[test]
fn the_trouble_of_a_missing_file_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("desired.toml");
    let text = load_desired(&path).map_err(|trouble| trouble.to_string()).err().unwrap_or_default();
    assert!(text.starts_with("could not read what this agent shall do\n  where: "), "{text}");
    assert!(text.ends_with("\n  hint:  run `mailferry commit` for the project"), "{text}");
}
