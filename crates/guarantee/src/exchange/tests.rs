//! Recorded answers, made after the documentation of Exchange; no Exchange was at hand.

use mailferry_rules::guarantee::{Copy, Index, State};

use super::*;

const LIST: &str = include_str!("recorded/list.txt");
const CSV: &str = include_str!("recorded/copies.csv");
const JSON: &str = include_str!("recorded/copies.json");

fn exchange() -> Exchange {
    let sites = [("mbx1", "HQ"), ("MBX2", "HQ"), ("MBX3", "DR")];
    Exchange {
        database: "db1".into(),
        command: Vec::new(),
        sites: sites.map(|(server, site)| (server.into(), site.into())).into(),
        utc_offset_min: Some(60),
        patience: Duration::from_secs(1),
    }
}

fn expected() -> Vec<Copy> {
    let known = |copy: Copy, site: &str| Copy { site: Some(site.into()), ..copy };
    vec![
        Copy {
            copy_queue: Some(0),
            replay_behind_ms: Some(0),
            index: Index::UpToDate,
            ..known(Copy::new("DB1\\MBX1", true, State::Mounted), "HQ")
        },
        Copy {
            copy_queue: Some(2),
            replay_behind_ms: Some(60_000),
            replayed_until_ms: Some(1_320_505_385_000),
            index: Index::Behind,
            ..known(Copy::new("DB1\\MBX2", false, State::Healthy), "HQ")
        },
        Copy {
            copy_queue: Some(1021),
            replay_behind_ms: Some(0),
            replay_lag_ms: 7 * 24 * 3_600_000,
            ..known(Copy::new("DB1\\MBX3", false, State::Unreachable("status ServiceDown".into())), "DR")
        },
    ]
}

#[test]
fn a_list_csv_and_json_say_the_same() {
    for said in [LIST, CSV, JSON, &LIST.replace('\n', "\r\n"), &format!("\u{feff}{}", CSV.replace('\n', "\r\n"))] {
        assert_eq!(exchange().read(said), Ok(expected()), "{said}");
    }
}

#[test]
fn a_time_without_a_zone_is_not_known() {
    let copies = Exchange { utc_offset_min: None, ..exchange() }.read(LIST).unwrap();
    assert_eq!((copies[1].replayed_until_ms, copies[1].replay_behind_ms), (None, None));
}

#[test]
fn anything_odd_is_no_answer() {
    let odd = |from: &str, to: &str| exchange().read(&CSV.replace(from, to));
    for (from, to) in [
        ("DB1\\MBX2", "DB2\\MBX2"),
        ("DB1\\MBX2", "MBX2"),
        ("\"DB1\\MBX2\"", "\"\""),
        ("\"Healthy\",\"False\"", "\"\",\"False\""),
        ("\"Healthy\",\"False\"", "\"7\",\"False\""),
        ("\"False\",\"2\"", "\"maybe\",\"2\""),
        ("\"False\",\"2\"", "\"False\",\"-2\""),
        ("\"False\",\"2\",\"3\"", "\"False\",\"2\",\"3.5\""),
        ("\"7.00:00:00\"", "\"a week\""),
        ("\"DR\"", "\"DR\",\"x\""),
        ("\"DR\"", "\"DR"),
        ("\"Site\"", "\"Name\""),
    ] {
        assert!(odd(from, to).is_err(), "{from} -> {to}: {:?}", odd(from, to));
    }
    for said in ["", "\n", "[]", "[1]", "{", "Name : DB1\\MBX1\nName : DB1\\MBX1\n", "Name : DB1\\MBX1\nStatus\n", "Access is denied."] {
        assert!(exchange().read(said).is_err(), "{said}");
    }
}

#[test]
fn the_script_is_one_line_and_quotes_the_name_of_the_database() {
    let command = Exchange::by_powershell("Bob's DB");
    assert_eq!(command.len(), 5);
    assert!(command[4].contains("-Identity 'Bob''s DB'"), "{}", command[4]);
    assert!(!command[4].contains(['\n', '\r']));
}
