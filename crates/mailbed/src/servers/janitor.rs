//! Scratch folders go when this process is killed, and cannot remove them itself: a shell is told of each, and removes them all when
//! its end of the pipe closes. Processes that are being killed may still write there, so it looks more than once.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

/// Its parameters become the folders.
const SCRIPT: &str = r#"
while IFS= read -r folder; do set -- "$@" "$folder"; done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do rm -rf -- "$@" && exit; sleep 0.1; done
"#;

static JANITOR: Mutex<Option<ChildStdin>> = Mutex::new(None);

pub(super) fn tell(folder: &Path) -> Result<()> {
    let mut janitor = JANITOR.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(path) = folder.to_str().filter(|path| !path.contains('\n')) else { bail!("{} is no name for a shell", folder.display()) };
    let pipe = match &mut *janitor {
        Some(pipe) => pipe,
        none => none.insert(start()?),
    };
    writeln!(pipe, "{path}").context("the shell that cleans up is gone")
}

/// In a group of its own, which a terminal's interrupt does not reach.
fn start() -> Result<ChildStdin> {
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", SCRIPT, "sh"]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().context("could not start sh")?.stdin.context("a pipe was asked for")
}
