//! A manifest made by `migrate`, shown, approved and verified.

use std::fs;

use crate::world::{Mail, Ran, World, mail};

const TEXT: &str = "Subject: secret\r\n\r\none\r\n";

fn mails() -> Vec<Mail> {
    vec![
        mail("INBOX", TEXT),
        Mail { keywords: &["later"], ..mail("INBOX", "Subject: two\r\n\r\ntwo\r\n") },
        mail("Sent/2024", "Subject: three\r\n\r\nthree\r\n"),
    ]
}

/// A world with a mailbox that was moved, and the address of where it is.
fn moved(world: &World, kind: &str) -> String {
    world.mailbox("maildir", "a", &mails());
    make(world, kind, "m1.manifest", Some(0));
    format!("{kind}:{}", world.path("b").display())
}

fn make(world: &World, kind: &str, file: &str, code: Option<i32>) -> String {
    let target = format!("{kind}:b");
    let ran = world.run(&["migrate", "maildir:a", &target, "--work", "w", "--manifest", file]);
    assert_eq!(ran.code, code, "{ran:?}");
    ran.out.lines().find_map(|line| line.trim().strip_prefix("manifest")).expect("a manifest is told of").trim().into()
}

fn verify(world: &World, file: &str, target: &str, more: &[&str]) -> Ran {
    world.run(&[&["verify", "--manifest", file, target, "--key", "m1.pub"], more].concat())
}

fn at_target(world: &World, folder: &str) -> Vec<String> {
    world.names(&format!("{folder}/cur")).into_iter().map(|name| format!("{folder}/cur/{name}")).collect()
}

/// Another byte in one message, of the same length.
fn flip(world: &World, file: &str) {
    let mut bytes = fs::read(world.path(file)).expect("a message");
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    world.write(file, bytes);
}

#[test]
fn a_target_that_holds_what_was_signed_is_said_to_and_nothing_of_the_mail_is_told() {
    for kind in ["maildir", "mbox"] {
        let world = World::new();
        let target = moved(&world, kind);
        let ran = verify(&world, "m1.manifest", &target, &[]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
        assert!(ran.out.contains("score Perfect\n3 of 3 items hold the bytes that were signed\nno differences"), "{}", ran.out);
        assert!(!world.read("m1.manifest").contains("secret"));
    }
}

#[test]
fn one_flipped_byte_at_the_target_is_named_by_folder_and_message() {
    let world = World::new();
    let target = moved(&world, "maildir");
    let file = at_target(&world, "b/.Sent.2024").remove(0);
    flip(&world, &file);
    let ran = verify(&world, "m1.manifest", &target, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let name = file.rsplit('/').next().and_then(|name| name.split(":2,").next()).expect("a name");
    assert!(ran.out.starts_with(&format!("changed: Sent/2024: {name} (item ")), "{}", ran.out);
    assert!(ran.out.contains("2 of 3 items") && ran.out.contains("1 difference: 1 changed"), "{}", ran.out);
}

#[test]
fn what_is_missing_is_a_difference_and_what_users_add_and_move_is_none() {
    let world = World::new();
    let target = moved(&world, "maildir");
    let file = at_target(&world, "b/.Sent.2024").remove(0);
    let name = file.rsplit('/').next().expect("a name");
    fs::rename(world.path(&file), world.path(&format!("b/cur/{name}"))).expect("moved");
    world.write("b/cur/1800000000.M1.new:2,", "Subject: new\r\n\r\nnew\r\n");
    let ran = verify(&world, "m1.manifest", &target, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("moved: Sent/2024: ") && ran.out.contains(" in INBOX\nadded: INBOX: 1 item\n"), "{}", ran.out);
    fs::remove_file(world.path(&format!("b/cur/{name}"))).expect("removed");
    let ran = verify(&world, "m1.manifest", &target, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.starts_with("missing: Sent/2024: "), "{}", ran.out);
    fs::remove_dir_all(world.path("b/.Sent.2024")).expect("removed");
    let ran = verify(&world, "m1.manifest", &target, &[]);
    assert!(ran.out.starts_with("folder-missing: Sent/2024\nmissing: Sent/2024: "), "{}", ran.out);
}

#[test]
fn a_store_that_lacks_what_its_manifest_says_is_lacking_is_not_said_to_be_sound() {
    let world = World::new();
    let target = moved(&world, "maildir");
    fs::remove_file(world.path(&at_target(&world, "b/.Sent.2024").remove(0))).expect("removed");
    assert!(make(&world, "maildir", "m2.manifest", Some(0)).starts_with("2: Investigate"));
    let ran = verify(&world, "m2.manifest", &target, &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("the manifest itself says: 1 deleted at the target\nno differences"), "{}", ran.out);
    flip(&world, &at_target(&world, "b").remove(0));
    assert_eq!(verify(&world, "m2.manifest", &target, &[]).code, Some(1), "what differs from it is worse");
}

#[test]
fn forged_truncated_extended_and_foreign_manifests_are_refused_before_the_store_is_read() {
    let world = World::new();
    let target = moved(&world, "maildir");
    let good = world.read("m1.manifest");
    let nowhere = format!("{target}-not-there");
    let forged = good.replacen("\"there\"", "\"There\"", 1).replacen("\\\\Seen", "\\\\SeeN", 1);
    for (text, cause) in [
        (good.replacen("\\\\Seen", "\\\\SeeN", 1), "it is not as it was signed"),
        (forged, "it is not as it was signed"),
        (good[..good.len() - 1].to_owned(), "it was cut off"),
        (good[..good.len() / 2].to_owned(), "it was cut off"),
        (format!("{good}\n"), "something stands behind its seal"),
        (String::from("Subject: no manifest\n"), "it is no manifest of Mailferry"),
    ] {
        world.write("bad.manifest", &text);
        let ran = verify(&world, "bad.manifest", &nowhere, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(
            ran.err.starts_with("error: the manifest is refused\n  where: bad.manifest\n  cause: ") && ran.err.contains(cause),
            "{}",
            ran.err
        );
    }
    let stranger = "ab".repeat(32);
    let ran = world.run(&["verify", "--manifest", "m1.manifest", &target, "--key", &stranger]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("which is not among those that are trusted"), "{}", ran.err);
    let ran = world.run(&["verify", "--manifest", "m1.manifest", &target]);
    assert_eq!(ran.code, Some(2), "no key at all: {ran:?}");
    fs::copy(world.path("m1.pub"), world.path("manifest.keys")).expect("pinned");
    assert_eq!(world.run(&["verify", "--manifest", "m1.manifest", &target]).code, Some(0), "the key is pinned");
}

#[test]
fn a_manifest_of_another_mailbox_or_an_outdated_one_is_refused() {
    let world = World::new();
    let target = moved(&world, "maildir");
    let source = format!("maildir:{}", world.path("a").display());
    let ran = verify(&world, "m1.manifest", &source, &[]);
    assert!(ran.code == Some(1) && ran.err.contains("it is of another mailbox: maildir:DIR/b, and this is maildir:DIR/a"), "{ran:?}");
    let ran = verify(&world, "m1.manifest", &target, &["--mailbox", &"0".repeat(32)]);
    assert!(ran.code == Some(1) && ran.err.contains("it is of the mailbox "), "{ran:?}");
    let ran = verify(&world, "m1.manifest", &target, &["--at-least", "2"]);
    assert!(ran.code == Some(1) && ran.err.contains("it is outdated: number 1, and 2 is asked for"), "{ran:?}");

    assert!(make(&world, "maildir", "m2.manifest", Some(0)).starts_with("2: Perfect"));
    let more = ["--at-least", "2", "--previous", "m1.manifest"];
    assert_eq!(verify(&world, "m2.manifest", &target, &more).code, Some(0), "the second chains to the first");
    let ran = verify(&world, "m1.manifest", &target, &["--previous", "m2.manifest"]);
    assert!(ran.code == Some(1) && ran.err.contains("it does not follow m2.manifest, which is number 2"), "{ran:?}");
    let folder = "w/target/NTA/MANIFEST";
    let first = format!("{folder}/{}", world.names(folder).remove(0));
    let ran = verify(&world, &first, &target, &[]);
    assert!(ran.code == Some(1) && ran.err.contains("it is outdated: number 1, and number 2 lies beside it"), "{ran:?}");
    fs::rename(world.path("b"), world.path("c")).expect("moved");
    let elsewhere = format!("maildir:{}", world.path("c").display());
    assert_eq!(verify(&world, "m2.manifest", &elsewhere, &[]).code, Some(1));
    assert_eq!(verify(&world, "m2.manifest", &elsewhere, &["--elsewhere"]).code, Some(0));
}

#[test]
fn planted_damage_gives_the_documented_score_and_an_approval_takes_it_out() {
    let world = World::new();
    moved(&world, "maildir");
    let file = at_target(&world, "b/.Sent.2024").remove(0);
    flip(&world, &file);
    assert!(make(&world, "maildir", "m2.manifest", Some(3)).starts_with("2: Poor"), "a damaged item is Poor");
    let (_, shown) = world.json(&["manifest", "show", "m2.manifest", "--key", "m1.pub"]);
    assert_eq!((&shown["summary"]["score"], &shown["summary"]["counts"]["damaged"]), (&"Poor".into(), &1.into()), "{shown}");
    let listed = world.run(&["manifest", "show", "m2.manifest", "--key", "m1.pub", "--items"]).out;
    let line = listed.lines().find(|line| line.trim().starts_with("damaged ")).expect("the item is named");
    let token = line.split_whitespace().nth(1).expect("its token").to_owned();

    let folder = "w/target/NTA/MANIFEST";
    let mailbox = world.names(folder).remove(0)[..32].to_owned();
    let approvals = format!("{folder}/{mailbox}.approvals");
    let approve = |token: &str| {
        let more = ["--why", "seen by its owner", "--who", "ann", "--key", "m1.pub", "--approvals", &approvals];
        world.run(&[&["manifest", "approve", "m2.manifest", "--item", token], &more[..]].concat())
    };
    assert_eq!(approve(&"0".repeat(32)).code, Some(1), "an item that is not named");
    let ran = approve(&token);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert!(make(&world, "maildir", "m3.manifest", Some(0)).starts_with("3: Perfect"), "what is approved counts no more");
    assert!(world.read("m3.manifest").contains("\"approved\":{\"who\":\"ann\""));

    // Of an item that gets worse nothing is accepted.
    fs::remove_file(world.path(&file)).expect("removed");
    let told = make(&world, "maildir", "m4.manifest", Some(0));
    assert!(told.starts_with("4: Investigate"), "seen by the manifest before, and not there any more: {told}");
    assert!(world.read("m4.manifest").contains("\"state\":\"deleted\""));
    world.write(&approvals, world.read(&approvals).replace("ann", "eve"));
    let ran = world.run(&["migrate", "maildir:a", "maildir:b", "--work", "w", "--manifest", "m5.manifest"]);
    assert!(ran.code == Some(1) && ran.err.contains("an approval that was changed or damaged"), "{ran:?}");
}

#[test]
fn what_was_delivered_and_is_gone_before_the_first_manifest_is_missing_and_poor() {
    let world = World::new();
    world.mailbox("maildir", "a", &mails());
    assert_eq!(world.run(&["migrate", "maildir:a", "maildir:b", "--work", "w"]).code, Some(0));
    fs::remove_file(world.path(&at_target(&world, "b").remove(0))).expect("removed");
    assert!(make(&world, "maildir", "m1.manifest", Some(3)).starts_with("1: Poor"));
    assert!(world.read("m1.manifest").contains("\"state\":\"missing\""));
}
