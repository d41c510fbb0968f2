//! Says in plain words what a linker would say as "undefined reference to sqlite3session_create".

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBSQLITE3_FLAGS");
    let flags = std::env::var("LIBSQLITE3_FLAGS").unwrap_or_default();
    if !flags.contains("SQLITE_ENABLE_SESSION") || !flags.contains("SQLITE_ENABLE_PREUPDATE_HOOK") {
        println!(
            "cargo::error=SQLite must be compiled with its session extension: build inside the workspace, where .cargo/config.toml sets LIBSQLITE3_FLAGS, or set LIBSQLITE3_FLAGS=\"-DSQLITE_ENABLE_SESSION -DSQLITE_ENABLE_PREUPDATE_HOOK\""
        );
    }
}
