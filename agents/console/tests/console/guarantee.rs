use crate::world::World;

/// A provider that prints what stands in a file.
fn providers(world: &World, copies: &str) {
    world.write("copies.json", format!("{{\"format\":1,\"copies\":[{copies}]}}"));
    let file = world.path("copies.json");
    let row = |store: &str, more: &str| format!("[[stores]]\nmatch = \"{store}\"\nprovider = \"command\"\n{more}\n");
    let cat = format!("program = \"cat\"\narguments = [{file:?}]\nconstraint = \"SecondDatacenter\"");
    let broken = "program = \"sh\"\narguments = [\"-c\", \"echo no pool >&2; exit 7\"]\nconstraint = \"SecondCopy\"";
    world.write("guarantee.toml", row("imap://*@b", &cat) + &row("imap://*@broken", broken));
}

const A: &str = r#"{"name":"A","site":"X","active":true,"state":"Mounted","index":"UpToDate"}"#;
const B: &str =
    r#"{"name":"B","site":"Y","active":false,"state":"Healthy","copy_queue":2,"replay_behind_ms":3000,"replayed_until_ms":1700000005001}"#;

#[test]
#[cfg(unix)]
fn copies_are_shown_judged_and_a_constraint_is_recommended() {
    let world = World::new();
    providers(&world, &format!("{A},{B}"));
    let shown = world.run(&["guarantee", "show", "imap://alice@b"]);
    let wanted = "imap://alice@b: SecondDatacenter, command\n  A in X: active, Mounted, index UpToDate\n  B in Y: passive, Healthy, \
                  copy queue 2, replay 3 s behind, replayed until 2023-11-14T22:13:25.001Z, index Unknown\n";
    assert_eq!((shown.code, shown.out.as_str()), (Some(0), wanted), "{}", shown.err);
    let flushed = |commit: &str| world.run(&["guarantee", "check", "--commit", commit, "imap://alice@b"]);
    let just = flushed("2023-11-14T22:13:20Z");
    let wanted = "imap://alice@b: SecondDatacenter, command\n  health: Satisfied\n  flush:  Satisfied\n";
    assert_eq!((just.code, just.out.as_str()), (Some(0), wanted), "{}", just.err);
    let late = flushed("2023-11-14T22:13:20.001Z");
    assert_eq!(late.code, Some(3));
    let why = "flush:  NotSatisfied: copy B has replayed until 5 s after the commit (must be more than 5 s after it)\n";
    assert!(late.out.ends_with(why), "{}", late.out);
    let advice = world.run(&["guarantee", "recommend", "imap://alice@b"]);
    assert_eq!(advice.code, Some(0));
    assert!(advice.out.ends_with("  recommended: SecondDatacenter (the copies are in 2 sites)\n"), "{}", advice.out);
}

#[test]
#[cfg(unix)]
fn a_provider_that_cannot_answer_is_said_and_leaves_by_code_three() {
    let world = World::new();
    providers(&world, A);
    for (store, why) in [
        ("imap://alice@broken", "sh ended with code 7: no pool"),
        ("imap://alice@b", "no passive copy is named; a store without copies is given no constraint"),
        ("imap://alice@c", "no provider is set for store imap://alice@c"),
    ] {
        let shown = world.run(&["guarantee", "show", store]);
        assert_eq!(shown.code, Some(3));
        assert!(shown.out.ends_with(&format!("  cannot be told now: {why}\n")), "{}", shown.out);
        let checked = world.run(&["guarantee", "check", "--constraint", "SecondCopy", store]);
        assert_eq!(checked.code, Some(3));
        assert!(checked.out.ends_with(&format!("  health: Retry: {why}\n")), "{}", checked.out);
    }
}

#[test]
#[cfg(unix)]
fn programs_get_the_same_as_people() {
    let world = World::new();
    providers(&world, &format!("{A},{}", B.replace("\"Healthy\"", "\"Failed\"").replace("\"B\"", "\"B\",\"replay_lag_ms\":2400000")));
    let (code, shown) = world.json(&["guarantee", "show", "imap://alice@b", "imap://bob@broken"]);
    assert_eq!(code, Some(3));
    assert_eq!((&shown[0]["provider"], &shown[0]["copies"][1]["state"]), (&"command".into(), &"Failed".into()));
    assert_eq!(shown[1]["unknown"], "sh ended with code 7: no pool");
    let (code, checked) = world.json(&["guarantee", "check", "imap://alice@b"]);
    assert_eq!((code, &checked[0]["health"]["answer"]), (Some(3), &"NotSatisfied".into()));
    let (code, advice) = world.json(&["guarantee", "recommend", "imap://alice@b"]);
    assert_eq!((code, &advice[0]["recommended"]), (Some(3), &"None".into()));
    assert_eq!(advice[0]["warnings"].as_array().map(Vec::len), Some(1), "{advice}");
}

#[test]
fn wrong_words_are_wrong_use() {
    let world = World::new();
    providers(&world, A);
    for args in [
        &["guarantee", "show"][..],
        &["guarantee", "show", "--constraint", "ThirdCopy", "x"],
        &["guarantee", "check", "--commit", "noon", "x"],
    ] {
        assert_eq!(world.run(args).code, Some(2), "{args:?}");
    }
    assert_eq!(world.run(&["guarantee", "show", "--providers", "nowhere.toml", "x"]).code, Some(1));
}
