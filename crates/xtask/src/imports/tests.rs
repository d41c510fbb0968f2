//! Violations planted in a small house of their own.

use std::fs;
use std::path::Path;

use super::violations;
use crate::shell::root;

/// The violations of a house with this one file, as they are printed.
fn found(file: &str, text: &str) -> Vec<String> {
    let house = tempfile::tempdir().unwrap();
    for top in ["crates", "agents", "tests"] {
        fs::create_dir(house.path().join(top)).unwrap();
    }
    write(&house.path().join(file), text);
    violations(house.path()).unwrap().iter().map(ToString::to_string).collect()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[track_caller]
fn refused(file: &str, text: &str, place_and_what: &str) {
    let found = found(file, text);
    assert!(found.len() == 1 && found[0].starts_with(&format!("{place_and_what}: ")), "{found:?}");
}

#[track_caller]
fn allowed(file: &str, text: &str) {
    assert_eq!(found(file, text), Vec::<String>::new());
}

fn manifest(name: &str, dependencies: &str) -> String {
    format!("[package]\nname = \"{name}\"\n{dependencies}\n")
}

#[test]
fn the_house_holds_its_own_table() {
    assert_eq!(violations(&root()).unwrap(), []);
}

#[test]
fn adapters_never_know_each_other() {
    let stores = "[dependencies]\nmailferry-host = { workspace = true }";
    refused(
        "crates/stores/Cargo.toml",
        &manifest("mailferry-stores", stores),
        "crates/stores/Cargo.toml:4: mailferry-stores -> mailferry-host",
    );
    let host = "[dev-dependencies]\nmailferry-stores = { workspace = true }";
    refused("crates/host/Cargo.toml", &manifest("mailferry-host", host), "crates/host/Cargo.toml:4: mailferry-host -> mailferry-stores");
}

#[test]
fn a_dependency_for_one_platform_or_under_another_name_counts() {
    let platform = "[target.'cfg(windows)'.dependencies]\nmailferry-stores = { workspace = true }";
    refused(
        "crates/core/Cargo.toml",
        &manifest("mailferry-core", platform),
        "crates/core/Cargo.toml:4: mailferry-core -> mailferry-stores",
    );
    let renamed = "[dependencies]\nshelf = { package = \"mailferry-stores\", path = \"../stores\" }";
    assert_eq!(found("crates/host/Cargo.toml", &manifest("mailferry-host", renamed)).len(), 1);
}

#[test]
fn the_suites_are_for_tests_alone() {
    let suites = |kind: &str| manifest("mailferry-host", &format!("[{kind}]\nmailferry-conformance = {{ workspace = true }}"));
    allowed("crates/host/Cargo.toml", &suites("dev-dependencies"));
    for kind in ["dependencies", "build-dependencies"] {
        refused("crates/host/Cargo.toml", &suites(kind), "crates/host/Cargo.toml:4: mailferry-host -> mailferry-conformance");
    }
    let host = "[dev-dependencies]\nmailferry-host = { workspace = true }";
    refused(
        "crates/conformance/Cargo.toml",
        &manifest("mailferry-conformance", host),
        "crates/conformance/Cargo.toml:4: mailferry-conformance -> mailferry-host",
    );
}

#[test]
fn rules_build_on_nothing() {
    refused(
        "crates/rules/Cargo.toml",
        &manifest("mailferry-rules", "[dependencies]\nserde = \"1\""),
        "crates/rules/Cargo.toml:4: mailferry-rules -> serde",
    );
    refused("crates/rules/src/ship.rs", "fn f() {\n    std::fs::read(p)\n}", "crates/rules/src/ship.rs:2: std::");
}

#[test]
fn a_crate_without_a_row_is_refused() {
    refused("crates/new/Cargo.toml", &manifest("mailferry-new", ""), "crates/new/Cargo.toml:2: crate mailferry-new");
}

#[test]
fn the_engine_never_calls_the_operating_system() {
    let file = "crates/core/src/engine/agent.rs";
    refused(file, "use std::process::Command;", "crates/core/src/engine/agent.rs:1: std::process");
    refused(file, "use std::{net, fmt};", "crates/core/src/engine/agent.rs:1: std::{");
    allowed(file, "use std::collections::BTreeMap;\n// not std::fs, not Instant\nstruct Instantly;");
    allowed(file, "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}");
}

#[test]
fn core_has_no_clock_even_in_tests() {
    let found = found("crates/core/src/prv/tests/laws.rs", "let start = std::time::Instant::now();");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn the_simulated_world_knows_nothing_of_the_operating_system() {
    refused("crates/sim/src/disk.rs", "\nuse std::fs::File;", "crates/sim/src/disk.rs:2: std::fs");
    refused(
        "crates/sim/Cargo.toml",
        &manifest("mailferry-sim", "[dependencies]\ntokio = \"1\""),
        "crates/sim/Cargo.toml:4: mailferry-sim -> tokio",
    );
}

#[test]
fn only_state_writes_sql() {
    refused("crates/core/src/engine/intake.rs", "use rusqlite::Connection;", "crates/core/src/engine/intake.rs:1: rusqlite");
    refused("agents/console/src/main.rs", "let sql = \"DELETE FROM debts\";", "agents/console/src/main.rs:1: \"DELETE ");
    allowed("crates/core/src/state/ledger/debts.rs", "db.execute(\"DELETE FROM debts\", [])");
}

#[test]
fn only_settings_knows_config_ini() {
    refused("crates/host/src/service.rs", "use mailferry_core::settings::ini::Ini;", "crates/host/src/service.rs:1: ini::");
    allowed("crates/core/src/settings/load.rs", "use super::ini::Ini;");
    allowed("crates/host/src/service.rs", "config_ini::render(x)");
}

#[test]
fn unsafe_stands_in_two_places_only() {
    refused("crates/stores/src/files.rs", "let x = unsafe { f() };", "crates/stores/src/files.rs:1: unsafe");
    allowed("crates/stores/src/files.rs", "#![forbid(unsafe_code)]\nfn unsafe_at() {} // unsafe");
    allowed("crates/host/src/files.rs", "let x = unsafe { f() };");
}
