//! Every scenario of tests/scenarios comes to a good end: failures that were found once stay mended.

use std::fs;
use std::path::Path;

#[test]
fn every_scenario_comes_to_a_good_end() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut played = 0;
    let mut failed = Vec::new();
    for entry in fs::read_dir(&folder).expect("the scenarios are there") {
        let path = entry.expect("a scenario").path();
        let text = fs::read_to_string(&path).expect("a scenario can be read");
        let outcome = mailferry_sim::scenario::play(&text, false);
        played += 1;
        if !outcome.troubles.is_empty() {
            failed.push(format!("{}:\n    {}", path.display(), outcome.troubles.join("\n    ")));
        }
    }
    assert!(played > 0 && failed.is_empty(), "{} of {played} fail:\n{}", failed.len(), failed.join("\n"));
}
