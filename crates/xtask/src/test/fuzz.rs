//! The fuzz targets, each for some time. Instrumented as cargo-fuzz does it, without needing it: the flags are unstable, so
//! the compiler is told that it may use them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};

use super::summary::Suite;
use crate::shell::{cargo, command, root, run};

const TARGETS: &[&str] = &["prv_reader", "prv_roundtrip", "manifest_reader"];
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address \
                     -Ccodegen-units=1 --cfg fuzzing -Cdebuginfo=1";

pub(super) fn fuzz_all(seconds: u64) -> Vec<Suite> {
    match build() {
        Ok(()) => TARGETS.iter().map(|target| Suite::of(&format!("fuzz {target}"), fuzz(target, seconds))).collect(),
        Err(error) => vec![Suite::failed("fuzz", format!("{error:#}"))],
    }
}

fn build() -> Result<()> {
    let mut build = cargo(&["build", "--release", "--manifest-path", "tests/fuzz/Cargo.toml", "--target", TRIPLE]);
    build.arg("--target-dir").arg(folder()).env("RUSTFLAGS", FLAGS).env("RUSTC_BOOTSTRAP", "1");
    run(build)
}

fn fuzz(target: &str, seconds: u64) -> Result<()> {
    let corpus = folder().join("corpus").join(target);
    let golden = if target.starts_with("manifest") { "manifest" } else { "prv" };
    seed(&corpus, golden).with_context(|| format!("could not fill {}", corpus.display()))?;
    let program = folder().join(TRIPLE).join("release").join(target);
    let mut fuzzer = command(&program.to_string_lossy(), &["-max_len=16384", "-rss_limit_mb=512", "-print_final_stats=1"]);
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(corpus);
    // The C libraries are instrumented by another compiler, which the runtime takes for doubled globals.
    fuzzer.env("ASAN_OPTIONS", "detect_odr_violation=0");
    run(fuzzer)
}

/// The golden files, each behind a zero byte: it chooses the raw mode of the readers.
fn seed(corpus: &Path, golden: &str) -> io::Result<()> {
    fs::create_dir_all(corpus)?;
    for entry in fs::read_dir(root().join("tests/golden").join(golden))? {
        let entry = entry?;
        let bytes: Vec<u8> = std::iter::once(0).chain(fs::read(entry.path())?).collect();
        fs::write(corpus.join(entry.file_name()), bytes)?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    root().join("tests/fuzz/target")
}
