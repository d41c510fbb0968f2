//! `migrate --list`: many mailboxes.

use std::fs;

use crate::world::{Ran, World, mail};

fn filled(world: &World, name: &str, count: usize) -> String {
    const BODIES: [&str; 3] = ["Subject: a\r\n\r\none\r\n", "Subject: b\r\n\r\ntwo\r\n", "Subject: c\r\n\r\nthree\r\n"];
    let mails: Vec<_> = BODIES[..count].iter().map(|body| mail("INBOX", body)).collect();
    world.mailbox("maildir", name, &mails)
}

fn migrate(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["migrate", "--list", "list.csv", "--work", "work"], more].concat())
}

/// The lines of the report, without their seconds.
fn report(world: &World, name: &str) -> Vec<String> {
    let text = world.read(name);
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn every_mistake_of_a_list_is_told_at_once_with_its_line_and_nothing_is_begun() {
    let world = World::new();
    let good = filled(&world, "a", 1);
    let list = format!(
        "name,source,target,source_password_env\n\
         good,{good},maildir:new-a,\n\
         # a remark\n\
         short,{good}\n\
         unknown,pst:x,maildir:new-b,\n\
         \"two\nlines\",{good},{good},\n\
         twice,maildir:b,maildir:new-a,\n\
         secret,imap://u:sesame@127.0.0.1/,maildir:new-c,\n\
         unset,imap://u@127.0.0.1/,maildir:new-d,MAILFERRY_NOT_SET\n\
         inside,maildir:c,maildir:new-a/x,\n\
         chain,maildir:new-a,maildir:new-e,\n"
    );
    world.write("list.csv", list);
    let ran = migrate(&world, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    let wanted = [
        (4, "it has 2 fields, the first line names 4"),
        (5, "source: could not tell which mail store is meant"),
        (6, "source and target are the same store"),
        (8, "its target is that of line 2"),
        (9, "there is a password in it"),
        (10, "there is no environment variable MAILFERRY_NOT_SET"),
        (11, "its target lies in the target of line 2"),
        (11, "its target lies in the source of line 12"),
        (12, "its source is the target of line"),
    ];
    for (line, what) in wanted {
        let mut told = ran.err.lines().filter(|text| text.contains(&format!("line {line}: ")));
        assert!(told.any(|text| text.contains(what)), "line {line}: {what}\n{}", ran.err);
    }
    assert!(ran.err.starts_with("error: the list of mailboxes cannot be used: 9 mistakes\n"), "{}", ran.err);
    assert!(!ran.err.contains("sesame"), "{}", ran.err);
    assert_eq!(world.names(""), ["a", "list.csv"], "something was begun");
}

#[test]
fn a_list_without_what_it_needs_is_refused() {
    let world = World::new();
    for (list, what) in [
        ("", "there is no line with the names of the columns"),
        ("source,target\n", "there is no mailbox in it"),
        ("source,goal\nx,y\n", "there is no column `goal`"),
        ("source,source,target\nx,y,z\n", "the column `source` is there twice"),
        ("source\nx\n", "the column `target` is missing"),
        ("source,target\n\"maildir:a,maildir:b\n", "a quote is opened and not closed"),
    ] {
        world.write("list.csv", list);
        let ran = migrate(&world, &[]);
        assert_eq!(ran.code, Some(2), "{list}");
        assert!(ran.err.contains(what), "{list}: {}", ran.err);
    }
    assert_eq!(world.run(&["migrate", "--list", "nowhere.csv"]).code, Some(2));
    assert_eq!(world.run(&["migrate", "--list", "list.csv", "maildir:a", "maildir:b"]).code, Some(2));
    assert_eq!(world.run(&["migrate", "--jobs", "2", "maildir:a", "maildir:b"]).code, Some(2));
}

#[test]
fn a_mailbox_that_fails_does_not_stop_the_others() {
    let world = World::new();
    let (a, c) = (filled(&world, "a", 2), filled(&world, "c", 3));
    let list = format!("name;source;target\r\nanna;{a};maildir:new-a\r\nbob;maildir:nowhere;maildir:new-b\r\ncleo;{c};mbox:new-c\r\n");
    world.write("list.csv", list);
    let ran = migrate(&world, &["--jobs", "1", "--report", "out.csv", "--report", "out.json"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    for (source, target) in [(&a, "maildir:new-a"), (&c, "mbox:new-c")] {
        assert_eq!(world.run(&["verify", source, target]).code, Some(0), "{target}");
    }
    let lines = report(&world, "out.csv");
    let starts = [(1, ",done,1,2,"), (2, ",failed,0,0,"), (3, ",done,1,3,")];
    for (number, what) in starts {
        assert!(lines[number - 1].starts_with(&format!("{},", number + 1)) && lines[number - 1].contains(what), "{lines:?}");
    }
    assert!(lines[1].contains("nowhere"), "the cause is told: {lines:?}");
    let json: serde_json::Value = serde_json::from_str(&world.read("out.json")).expect("JSON");
    let states: Vec<_> = json["mailboxes"].as_array().expect("rows").iter().map(|row| row["state"].as_str().expect("a state")).collect();
    assert_eq!(states, ["done", "failed", "done"]);
    assert!(ran.out.contains("3 mailboxes: 2 done, 1 failed; 5 of 5 items appended"), "{}", ran.out);
    assert!(ran.err.contains("2/3 bob: failed"), "{}", ran.err);
}

#[test]
fn a_list_run_again_moves_nothing_twice_and_says_so() {
    let world = World::new();
    let pairs: Vec<String> =
        ["a", "b", "c", "d", "e"].iter().map(|name| format!("{},maildir:new-{name}\n", filled(&world, name, 2))).collect();
    world.write("list.csv", format!("source,target\n{}", pairs.concat()));
    let first = migrate(&world, &[]);
    assert_eq!(first.code, Some(0), "{}{}", first.out, first.err);
    assert!(first.out.contains("5 mailboxes: 5 done; 10 of 10 items appended"), "{}", first.out);
    let second = migrate(&world, &["--jobs", "3"]);
    assert_eq!(second.code, Some(0), "{}{}", second.out, second.err);
    assert!(second.out.contains("5 mailboxes: 5 done; 0 of 10 items appended"), "{}", second.out);
    let names: Vec<String> =
        report(&world, "list.report.csv").iter().filter_map(|line| line.split(',').nth(1).map(str::to_owned)).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"], "in the order of the list");
}

#[test]
fn when_nothing_could_be_moved_the_run_has_failed() {
    let world = World::new();
    world.write("list.csv", "source,target\nmaildir:x,maildir:y\nmaildir:z,maildir:w\n");
    assert_eq!(migrate(&world, &[]).code, Some(1));
}

#[test]
fn a_rehearsal_of_a_list_says_what_would_be_done_and_does_nothing() {
    let world = World::new();
    world.write("list.csv", format!("source,target\n{},maildir:new\n", filled(&world, "a", 3)));
    let ran = migrate(&world, &["--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 mailbox: 1 rehearsed; 3 of 3 items would be appended"), "{}", ran.out);
    assert_eq!(world.names(""), ["a", "list.csv", "list.report.csv"]);
}

/// Nobody listens at the other end: every way a secret could come out is an error.
#[cfg(unix)]
#[test]
fn no_secret_of_a_list_comes_out_anywhere() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let mode = |name: &str, mode| fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).expect("set");
    world.write("word", "sesame-file\n");
    mode("word", 0o600);
    let list = "source,source_password,source_password_file,target,target_password\n\
                imap://a@127.0.0.1:1/,sesame-list,,maildir:new-a,\n\
                imap://b@127.0.0.1:1/,,word,imap://b@127.0.0.2:1/,sesame-too\n";
    world.write("list.csv", list);
    mode("list.csv", 0o644);
    let refused = migrate(&world, &[]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("line 1: there are passwords in it, and other users of this machine may read it"), "{}", refused.err);
    mode("list.csv", 0o600);
    let ran = migrate(&world, &["--report", "r.json", "--report", "r.csv"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let mut all = vec![refused.err, ran.out, ran.err, world.read("r.json"), world.read("r.csv")];
    let mut folders = vec![world.path("work")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() { folders.push(entry) } else { all.push(String::from_utf8_lossy(&fs::read(entry).expect("read")).into()) }
        }
    }
    assert!(all.iter().all(|text| !text.contains("sesame")), "a secret came out");
}
