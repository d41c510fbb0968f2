use std::fs;
use std::io::Cursor;

use mailferry_core::model::{Flags, FolderInfo, FolderPath, Token};
use mailferry_core::prv::{Header, Kind, Options, Record, Writer};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

use crate::world::{Mail, Ran, World, mail, path};

const NOISE: [u8; 5] = [0, 255, b'\n', 0x1b, b'\r'];

/// A container with two folders, one of a hostile name, three items and one record of another kind.
fn container() -> Vec<u8> {
    let name = ContainerName { mailbox: MailboxId([0xab; 16]), sequence: Sequence(7), epoch: Epoch(2) };
    let (cluster, node) = ("SRC".into(), "SRC1".into());
    let header = Header { kind: Kind::Mail, name, base: Sequence(0), previous: Epoch(2), cluster, node, created_ms: 1_714_555_800_000 };
    let mut file = Vec::new();
    let options = Options { block_bytes: 4096, ..Options::default() };
    let mut writer = Writer::new(&mut file, &header, options).expect("a writer");
    let folder = |id: u32, path: FolderPath| Record::Folder { id, info: FolderInfo { subscribed: id == 1, ..FolderInfo::plain(path) } };
    writer.record(&folder(1, path("INBOX"))).expect("written");
    writer.record(&folder(2, path("../../\u{1b}[2Jout"))).expect("written");
    let seen = mail("INBOX", "Subject: first\r\n\r\n");
    writer.item(1, &seen.envelope(1), &mut seen.body.as_bytes()).expect("written");
    let large = Mail { flags: Flags::NONE, keywords: &["later"], ..mail("x", "") };
    writer.item(2, &large.envelope(2), &mut large_body().as_slice()).expect("written");
    writer.item(2, &large.envelope(3), &mut NOISE.as_slice()).expect("written");
    writer.record(&Record::Gone { folder: 1, token: Token([9; 16]), was: None }).expect("written");
    writer.finish().expect("written");
    file
}

/// Larger than a block and not to be compressed, so that it stands in blocks of its own.
fn large_body() -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..20_000).map(step).collect()
}

/// A bit in the middle of the large item is wrong.
fn damaged() -> Vec<u8> {
    let mut file = container();
    let middle = file.len() / 2;
    file[middle] ^= 4;
    file
}

fn world() -> World {
    let world = World::new();
    world.write("c.prv", container());
    world.write("bad.prv", damaged());
    world
}

fn ran(code: i32, out: &str, err: &str) -> Ran {
    Ran { code: Some(code), out: out.into(), err: err.into() }
}

const LIST: &str = "\
NUMBER         BYTES  DATE                  TOKEN                             FOLDER  MARKS
     1            18  2024-05-01T09:30:00Z  01010101010101010101010101010101  INBOX  \\Seen
     2         20000  2024-05-01T09:30:00Z  02020202020202020202020202020202  ../../\\u{1b}[2Jout  later
     3             5  2024-05-01T09:30:00Z  03030303030303030303030303030303  ../../\\u{1b}[2Jout  later
3 items
";

#[test]
fn list_is_a_table_of_the_items() {
    assert_eq!(world().run(&["prv", "list", "c.prv"]), ran(0, LIST, ""));
    let (code, list) = world().json(&["prv", "list", "c.prv"]);
    assert_eq!((code, list["items"].as_array().map(Vec::len)), (Some(0), Some(3)));
    assert_eq!(list["items"][1]["folder"], serde_json::json!(["..", "..", "\u{1b}[2Jout"]));
    assert_eq!(list["container"]["sequence"], 7);
}

const SHOW: &str = "\
name      abababababababababababababababab-0000000007-0000000002.prv
kind      mail
mailbox   abababababababababababababababab
sequence  7 (base 0), epoch 2 (before: 2)
written   2024-05-01T09:30:00Z by SRC1 of SRC
items     3, 20,023 bytes

folder       1 is INBOX (subscribed)
folder       2 is ../../\\u{1b}[2Jout
item         01010101010101010101010101010101 in INBOX, 18 bytes, \\Seen
item         02020202020202020202020202020202 in ../../\\u{1b}[2Jout, 20,000 bytes, later
item         03030303030303030303030303030303 in ../../\\u{1b}[2Jout, 5 bytes, later
gone         09090909090909090909090909090909 from INBOX
";

#[test]
fn show_prints_header_and_records() {
    assert_eq!(world().run(&["prv", "show", "c.prv"]), ran(0, SHOW, ""));
    let (_, shown) = world().json(&["prv", "show", "c.prv"]);
    let kinds: Vec<&str> = shown["records"].as_array().into_iter().flatten().filter_map(|record| record["record"].as_str()).collect();
    assert_eq!(kinds, ["folder", "folder", "item", "item", "item", "gone"]);
}

#[test]
fn show_of_one_item_describes_it_and_raw_gives_its_very_bytes() {
    let world = world();
    let shown = world.run(&["prv", "show", "c.prv", "1"]);
    let digest = mailferry_core::model::Digest::of(b"Subject: first\r\n\r\n");
    let expected = format!(
        "item     1\ntoken    {}\nfolder   INBOX\nkey      key1\nbytes    18\ndigest   {digest}\ndate     2024-05-01T09:30:00Z\nmarks    \\Seen\n",
        "01".repeat(16)
    );
    assert_eq!(shown, ran(0, &expected, ""));
    for (number, bytes) in [("1", b"Subject: first\r\n\r\n".to_vec()), ("2", large_body()), ("3", NOISE.to_vec())] {
        assert_eq!(world.run_raw(&["prv", "show", "c.prv", number, "--raw"]), (Some(0), bytes, Vec::new()));
    }
    let beyond =
        "error: there is no item 4\n  where: c.prv\n  cause: the container holds 3 items\n  hint:  `mailferry prv list` numbers them\n";
    assert_eq!(world.run(&["prv", "show", "c.prv", "4"]), ran(2, "", beyond));
}

#[test]
fn a_sound_container_is_called_sound() {
    let digest = mailferry_core::prv::file_digest(Cursor::new(container())).expect("a digest");
    let out = format!("c.prv: sound\n3 items, 6 records, {} bytes\ndigest {digest}\n", grouped(container().len()));
    assert_eq!(world().run(&["prv", "verify", "c.prv"]), ran(0, &out, ""));
    assert_eq!(world().json(&["prv", "verify", "c.prv"]).1["digest"], digest.to_string());
}

fn grouped(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

#[test]
fn a_damaged_container_names_what_is_lost() {
    let ran = world().run(&["prv", "verify", "bad.prv"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert!(ran.out.starts_with("bad.prv: damaged\nthe container is damaged at byte "), "{}", ran.out);
    assert!(ran.out.ends_with(&format!("  lost: item {}, folder 2, 20,000 bytes\n", "02".repeat(16))), "{}", ran.out);
    let (code, verdict) = world().json(&["prv", "verify", "bad.prv"]);
    assert_eq!((code, &verdict["sound"]), (Some(1), &false.into()));
    assert_eq!(verdict["salvage"]["items_lost"][0]["token"], "02".repeat(16));
}

#[test]
fn extract_writes_every_item_and_a_manifest_and_no_name_from_the_container() {
    let world = world();
    let done = "3 items and manifest.json are written to out\n";
    assert_eq!(world.run(&["prv", "extract", "c.prv", "--to", "out"]), ran(0, done, ""));
    let names = [1, 2, 3].map(|number| format!("{number:06}-{}.eml", format!("{number:02}").repeat(16)));
    assert_eq!(world.names("out"), [&names[..], &["manifest.json".into()]].concat());
    assert_eq!(world.names(""), ["bad.prv", "c.prv", "out"]);
    for (name, bytes) in names.iter().zip([b"Subject: first\r\n\r\n".to_vec(), large_body(), NOISE.to_vec()]) {
        assert_eq!(fs::read(world.path("out").join(name)).expect("it is there"), bytes);
    }
    let manifest: serde_json::Value = serde_json::from_str(&world.read("out/manifest.json")).expect("JSON");
    assert_eq!(manifest["records"][2]["file"], names[0]);
    assert_eq!(manifest["records"][2]["item"]["marks"], serde_json::json!(["\\Seen"]));
    assert_eq!((&manifest["container"]["cluster"], &manifest["salvage"]), (&"SRC".into(), &serde_json::Value::Null));
}

#[test]
fn extract_overwrites_nothing() {
    let world = world();
    world.write("precious", "x");
    let refused = "error: could not begin the extraction\n  where: DIR\n  cause: there is something in the directory\n  hint:  name a new or an empty one: nothing is overwritten\n";
    let dir = world.path("").display().to_string();
    assert_eq!(world.run(&["prv", "extract", "c.prv", "--to", dir.trim_end_matches(['/', '\\'])]), ran(1, "", refused));
    assert_eq!(world.names(""), ["bad.prv", "c.prv", "precious"]);
}

#[test]
fn a_damaged_container_is_extracted_only_when_salvage_is_asked_for() {
    let world = world();
    let refused = world.run(&["prv", "extract", "bad.prv", "--to", "out"]);
    assert_eq!((refused.code, world.path("out").exists()), (Some(1), false), "{}", refused.err);
    assert!(refused.err.contains("--salvage"), "{}", refused.err);
    let saved = world.run(&["prv", "extract", "bad.prv", "--to", "out", "--salvage"]);
    assert_eq!((saved.code, saved.err.as_str()), (Some(3), ""), "{}", saved.out);
    assert!(saved.out.starts_with("2 items and manifest.json are written to out\n"), "{}", saved.out);
    assert_eq!(fs::read(world.path(&format!("out/000002-{}.eml", "03".repeat(16)))).expect("it is there"), NOISE);
    let manifest: serde_json::Value = serde_json::from_str(&world.read("out/manifest.json")).expect("JSON");
    assert_eq!(manifest["salvage"]["items_lost"][0]["token"], "02".repeat(16));
    let whole = world.run(&["prv", "extract", "c.prv", "--to", "whole", "--salvage"]);
    assert_eq!(whole.code, Some(0), "nothing is lost of a sound one: {}", whole.out);
}

#[test]
fn whatever_is_no_container_is_an_error_and_never_a_crash() {
    let world = World::new();
    let whole = container();
    let files = [&[][..], b"x", &whole[..40], &whole[..whole.len() / 3], &whole[..whole.len() - 1]];
    for (number, bytes) in files.iter().enumerate() {
        let name = format!("{number}.prv");
        world.write(&name, bytes);
        for args in [&["list"][..], &["show"], &["show", "--json"], &["extract", "--to", "out"]] {
            let ran = world.run(&[&["prv", args[0], &name], &args[1..]].concat());
            assert_eq!(ran.code, Some(1), "{number} {args:?}: {}", ran.err);
            assert!(ran.err.starts_with("error: could not read the container\n  where: "), "{}", ran.err);
        }
        assert_eq!(world.run(&["prv", "verify", &name]).code, Some(1));
    }
}

#[test]
fn raw_bytes_of_a_damaged_item_end_with_an_error() {
    let (code, out, err) = world().run_raw(&["prv", "show", "bad.prv", "2", "--raw"]);
    let err = String::from_utf8_lossy(&err).into_owned();
    assert_eq!(code, Some(1));
    assert!(out.len() < large_body().len() && large_body().starts_with(&out), "what is given out is right: {err}");
    assert!(err.starts_with("error: could not read the "), "{err}");
}

#[test]
fn a_container_that_is_not_there_is_an_error_that_names_it() {
    let ran = World::new().run(&["prv", "verify", "none.prv"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("error: could not open the container\n  where: none.prv\n  cause: "), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn extracted_mail_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = world();
    world.run(&["prv", "extract", "c.prv", "--to", "out"]);
    let mode = |name: &str| fs::metadata(world.path(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("out"), mode("out/manifest.json"), mode(&format!("out/000001-{}.eml", "01".repeat(16)))), (0o700, 0o600, 0o600));
}
