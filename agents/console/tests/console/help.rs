use crate::world::World;

const COMMANDS: [&[&str]; 14] = [
    &[],
    &["init"],
    &["check"],
    &["commit"],
    &["set"],
    &["deploy"],
    &["doctor"],
    &["migrate"],
    &["verify"],
    &["prv"],
    &["prv", "list"],
    &["prv", "show"],
    &["prv", "verify"],
    &["prv", "extract"],
];

#[test]
fn the_help_of_every_command_says_what_its_exit_codes_mean() {
    let world = World::new();
    for command in COMMANDS {
        let ran = world.run(&[command, &["--help"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{command:?}");
        let help = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        let codes = help.split_once("Exit codes: 0 ").map(|(_, codes)| codes).unwrap_or_default();
        assert!(codes.contains("1 ") && codes.contains("2 wrong usage"), "{command:?}: {}", ran.out);
        assert!(help.contains("--json"), "{command:?}");
    }
}

#[test]
fn a_command_that_does_not_exist_is_wrong_usage() {
    let world = World::new();
    for args in [&["frobnicate"][..], &[], &["prv"], &["verify", "maildir:x"], &["prv", "show", "x", "0"], &["prv", "show", "x", "--raw"]] {
        let ran = world.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains("Usage: mailferry") || ran.err.contains("--help"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn the_help_of_the_agents_says_which_there_are_and_what_each_does() {
    let world = World::new();
    let help = world.run(&["agent", "--help"]).out;
    assert!(help.contains("source, transmission or target"), "{help}");
    std::fs::create_dir(world.path("man")).expect("a folder");
    world.run(&["man", "man"]);
    for (agent, does) in [("source", "packs what has changed"), ("transmission", "carries containers"), ("target", "applies containers")] {
        assert!(world.read(&format!("man/mailferry-{agent}.1")).contains(does), "{agent}");
    }
    assert!(world.run(&["--help"]).out.contains("See it work: mailferry demo"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_could_not_be_printed_is_no_success() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mailferry"));
    let world = World::new();
    world.run(&["init"]);
    let output = command.arg("check").current_dir(world.path("")).stdout(full).output().expect("the binary can be run");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.starts_with("error: could not write the output\n  cause: "), "{err}");
}

#[test]
fn every_command_has_a_manual_page_and_shells_complete_it() {
    let world = World::new();
    std::fs::create_dir(world.path("man")).expect("a folder");
    let ran = world.run(&["man", "man"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let pages = world.names("man");
    for command in COMMANDS {
        let page = format!("{}.1", [&["mailferry"], command].concat().join("-"));
        assert!(pages.contains(&page) && world.read(&format!("man/{page}")).contains("Exit codes"), "{page}");
    }
    for agent in ["mailferry-source", "mailferry-transmission-run", "mailferry-target-service-install"] {
        assert!(pages.contains(&format!("{agent}.1")), "{agent}");
    }
    assert!(!pages.iter().any(|page| page.contains("service-run")), "what is hidden has none");
    assert_eq!(world.run(&["man", "nowhere"]).code, Some(1));
    for (shell, of) in
        [("bash", "complete -F"), ("zsh", "#compdef mailferry"), ("fish", "complete -c mailferry"), ("powershell", "Register-Arg")]
    {
        let ran = world.run(&["completions", shell]);
        assert!(ran.code == Some(0) && ran.out.contains(of) && ran.out.contains("rehearse"), "{shell}");
    }
    let agent = world.run(&["completions", "bash", "--agent", "source"]);
    assert!(agent.out.contains("mailferry-source") && agent.out.contains("uninstall"), "{}", agent.out);
}
