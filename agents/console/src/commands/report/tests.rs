use mailferry_rules::moves::State;

use super::*;
use crate::commands::csv;
use crate::fleet::fixture::{Fixture, HIDDEN};

fn texts(fleet: &Fleet) -> Vec<[String; 3]> {
    let reports = chosen(fleet, &[]).expect("collections");
    let all = reports.iter().map(|report| [page::html(fleet, report), table::csv(report), serde_json::to_string(report).expect("JSON")]);
    all.collect()
}

#[test]
fn each_mailbox_has_a_line_and_its_durations_add_up_to_the_whole() {
    let (fleet, _) = Fixture::new(1_020).look();
    let texts = texts(&fleet);
    let (records, bad) = csv::read(&texts[0][1]);
    assert_eq!((records.len(), bad), (1_001, Vec::new()));
    let header = &records[0].fields;
    let column = |name: &str| header.iter().position(|field| field == name).expect("a column");
    let number = |fields: &[String], at: usize| fields[at].parse::<u64>().unwrap_or_default();
    let durations: Vec<usize> = State::ALL.iter().map(|state| column(&format!("{}_ms", state.name()))).collect();
    for (number_of, record) in records[1..].iter().enumerate() {
        let fields = &record.fields;
        assert_eq!(fields.len(), header.len());
        let sum: u64 = durations.iter().map(|at| number(fields, *at)).sum();
        assert_eq!(sum, number(fields, column("overall_ms")), "{fields:?}");
        assert_eq!(number(fields, column("items")), 1_000 + number_of as u64);
        assert_eq!(fields[column("request")].is_empty(), number_of % 2 == 1);
    }
    let json: serde_json::Value = serde_json::from_str(&texts[1][2]).expect("JSON");
    assert_eq!((json["mailboxes"].as_u64(), json["rows"].as_array().map(Vec::len)), (Some(20), Some(20)));
    let spent: u64 = json["durations_ms"].as_object().expect("durations").values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(Some(spent), json["overall_ms"].as_u64());
    assert!(spent > 0);
}

#[test]
fn no_cell_is_a_formula_and_no_page_needs_or_runs_anything() {
    let (fleet, _) = Fixture::new(60).look();
    for [html, csv_text, json] in texts(&fleet) {
        let (records, _) = csv::read(&csv_text);
        let fields = records.iter().flat_map(|record| &record.fields);
        assert!(fields.clone().all(|field| !field.starts_with(['=', '+', '-', '@'])));
        assert!(fields.clone().any(|field| field == " =too many bad items"), "the message of a request that failed");
        for raw in ["<NO>", "<wave>", "<script", "src=", "href=", "http://", "https://", "@import", "url("] {
            assert!(!html.contains(raw), "{raw}");
        }
        for hidden in HIDDEN {
            assert!([&html, &csv_text, &json].iter().all(|text| !text.contains(hidden)), "{hidden}");
        }
        assert!(html.contains("the server says &lt;NO&gt; [INUSE] &amp; closes"));
    }
}

#[test]
fn what_is_not_well_is_told_and_the_rest_is_not() {
    let (fleet, _) = Fixture::new(60).look();
    let reports = chosen(&fleet, &[]).expect("collections");
    let worries: Vec<&str> = reports[0].rows.iter().filter(|row| !row.is_well()).map(|row| row.mailbox.name.as_str()).collect();
    let failed = (0..60_usize).filter(|number| number.is_multiple_of(2) && number / 2 % 6 == 4);
    let mut wanted: Vec<usize> = failed.chain([2, 3, 5, 52]).collect();
    wanted.sort_unstable();
    assert_eq!(worries, wanted.into_iter().map(crate::fleet::fixture::name).collect::<Vec<_>>());
    assert!(!reports[0].is_well() && reports[0].in_short().contains("; 9 not well"), "{}", reports[0].in_short());
}

#[test]
fn a_collection_of_any_name_is_a_file_in_the_folder() {
    let mut taken = BTreeSet::new();
    let mut name = |collection: &str| file_name(collection, &mut taken);
    assert_eq!(name("wave 1"), "report-wave-1");
    assert_eq!([name("wave-1"), name("Wave 1")], ["report-wave-1-2", "report-Wave-1-3"]);
    assert_eq!([name("../../etc/x"), name(""), name("a\\b:c")], ["report-etc-x", "report-", "report-a-b-c"]);
}

#[test]
fn ten_thousand_mailboxes_are_reported_by_reading_each_file_once() {
    let fixture = Fixture::new(10_000);
    let mut looker = Looker::new(fixture.project());
    let fleet = looker.look(crate::fleet::fixture::NOW_MS);
    let dir = tempfile::tempdir().expect("a folder");
    let reports = chosen(&fleet, &[]).expect("collections");
    let written = write_all(dir.path(), &fleet, &reports, &Form::ALL).expect("written");
    assert_eq!((written.len(), looker.work.opened, looker.work.bytes), (30, 11, fixture.bytes()));
    let bytes: u64 = written.iter().map(|path| fs::metadata(path).expect("a file").len()).sum();
    assert!(bytes < 60_000_000, "{bytes} bytes");
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 30, "nothing half written is left");
    assert!(chosen(&fleet, &["wave 99".into()]).is_err());
}
