//! Every statement of the ledger, taken from its sources, with SQLite's plan for it: none may walk a table that grows with the mail, nor
//! all rows of a mailbox in such a table (R14: what an item costs does not grow with the database).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::ports::UnwatchedSteps;

/// Tables that grow with items, containers or deliveries. The others have a row per activation, mailbox, folder or trouble.
const BIG: [&str; 8] = ["source_item", "source_gone", "tracking", "published", "taken", "delivery", "tombstone", "local_outbox"];

/// A walk over an index that holds only rows of the kind that is asked for: the work to be done, or a list of few.
const SMALL_INDICES: [&str; 5] = ["published_unanswered", "published_archived", "taken_without_receipt", "taken_bad", "taken_kept"];

/// Statements that may walk the rows of one mailbox or more, and why.
const ALLOWED: [(&str, &str); 7] = [
    ("SELECT mailbox, seq, epoch FROM published WHERE mailbox = ?1 AND outcome IS NULL", "the containers on their way, for tests"),
    ("UPDATE taken SET receipt_seq = 0 WHERE mailbox = ?1 AND receipt_seq = ?2", "only when a container of receipts arrived damaged"),
    (
        "SELECT target_id, token, gone FROM tracking WHERE mailbox = ?1",
        "once per folder and opened store, where the store keeps no tokens and is not empty",
    ),
    (
        "SELECT count(*), coalesce(sum(size), 0) FROM source_item",
        "`migrate`, once at its end, and for a rehearsal once per unchanged folder",
    ),
    ("SELECT count(*) FROM tracking WHERE mailbox = ?1", "`migrate`, once at its end"),
    (
        "SELECT token, path, target_id, digest, flags, keywords, gone, seq, epoch, size, altered, keywords_lost, likeness, date FROM tracking CROSS JOIN",
        "a manifest, once",
    ),
    ("SELECT area, mailbox, seq, epoch, digest FROM tombstone ORDER BY", "for tests and support"),
];

/// The texts between quotes that begin like a statement. Names in braces are constants of the same file.
fn statements(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('"') {
        let tail = &rest[at + 1..];
        let end = tail.find('"').unwrap_or(tail.len());
        texts.push(tail[..end].split_whitespace().collect::<Vec<_>>().join(" "));
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    let constants: BTreeMap<String, String> = source
        .split("const ")
        .skip(1)
        .filter_map(|text| {
            let (name, value) = text.split_once(": &str = \"")?;
            Some((format!("{{{name}}}"), value.split('"').next()?.to_owned()))
        })
        .collect();
    let fill = |text: &String| constants.iter().fold(text.clone(), |text, (name, value)| text.replace(name, value));
    let begins = |text: &&String| ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|word| text.starts_with(word));
    let filled = texts.iter().filter(begins).map(fill);
    filled.flat_map(|text| text.split("; ").map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn sources() -> Vec<(String, String)> {
    let state = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/state");
    let ledger = std::fs::read_dir(state.join("ledger")).unwrap().map(|entry| entry.unwrap().path());
    let files = ledger.chain(["log.rs", "takeover.rs"].map(|name| state.join(name)));
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

fn plan(db: &Database, statement: &str) -> Vec<String> {
    let ask = |connection: &Connection| {
        let mut query = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
        let steps = query.raw_query().mapped(|row| row.get(3)).collect::<SqlResult<Vec<String>>>()?;
        Ok(steps)
    };
    db.read(ask).unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// Whether a step of a plan costs what the table holds, not what is asked for.
fn walks(step: &str) -> bool {
    let about = |tables: &[&str]| tables.iter().any(|table| step.split(' ').any(|word| word == *table));
    if !about(&BIG) || about(&SMALL_INDICES) {
        return false;
    }
    // `(mailbox=?)` alone: every row of the mailbox.
    step.starts_with("SCAN ") || step.ends_with("(mailbox=?)")
}

#[test]
fn no_statement_walks_a_table_that_grows_with_the_mail() {
    let db = Database::in_memory(Arc::new(UnwatchedSteps)).unwrap();
    let (mut seen, mut bad) = (0, Vec::new());
    for (file, source) in sources() {
        for statement in statements(&source) {
            seen += 1;
            let walk = plan(&db, &statement).into_iter().find(|step| walks(step));
            let allowed = ALLOWED.iter().any(|(begin, _)| statement.starts_with(begin));
            bad.extend(walk.filter(|_| !allowed).map(|step| format!("{file}: {statement}\n    {step}")));
        }
    }
    assert!(seen > 60, "only {seen} statements were found: has the way to write them changed?");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn an_exception_is_named_only_while_it_is_one() {
    let db = Database::in_memory(Arc::new(UnwatchedSteps)).unwrap();
    let all: Vec<String> = sources().iter().flat_map(|(_, source)| statements(source)).collect();
    for (begin, _) in ALLOWED {
        let found = all.iter().find(|statement| statement.starts_with(begin));
        assert!(
            found.is_some_and(|statement| plan(&db, statement).iter().any(|step| step.contains("SCAN") || step.contains("(mailbox=?"))),
            "{begin}"
        );
    }
}

#[test]
fn a_walk_is_told_from_a_search() {
    for (step, walk) in [
        ("SCAN taken", true),
        ("SCAN taken USING COVERING INDEX taken_without_receipt", false),
        ("SEARCH source_item USING INDEX sqlite_autoindex_source_item_1 (mailbox=?)", true),
        ("SEARCH source_item USING INDEX sqlite_autoindex_source_item_1 (mailbox=? AND folder=? AND key=?)", false),
        ("SCAN epoch", false),
    ] {
        assert_eq!(walks(step), walk, "{step}");
    }
}
