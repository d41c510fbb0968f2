//! What a process does to disks, recorded with strace: each change of a file or a name, and each sync, in their order.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing done to a disk that has succeeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// Opened for writing; made if it was not there.
    Create(PathBuf),
    /// Bytes or length changed.
    Write(PathBuf),
    /// fsync or fdatasync of a file, or of a folder and with it of its names.
    Sync(PathBuf),
    /// syncfs of the disk that holds this.
    SyncDisk(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    MakeFolder(PathBuf),
}

const CALLS: &str = "trace=openat,open,creat,write,writev,pwrite64,pwritev,ftruncate,copy_file_range,sendfile,fsync,fdatasync,syncfs,\
                     rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat";

/// Whether strace is here and may trace; says so, loudly, when not.
pub fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-qq", "-f", "-o", "/dev/null", "true"]).output();
    let can = traced.is_ok_and(|output| output.status.success());
    if !can {
        crate::skipped("strace cannot be run here");
    }
    can
}

/// The command, to be run under strace. With `killed_at` it dies before it calls fsync for that time, counted from 1.
pub fn traced(command: &Command, record: &Path, killed_at: Option<usize>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-e", "signal=none", "-e", CALLS, "-o"]).arg(record);
    match killed_at {
        Some(number) => strace.arg("-e").arg(format!("inject=fsync:signal=KILL:when={number}")),
        // Faster, but then no signal is ever injected.
        None => strace.arg("--seccomp-bpf"),
    };
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

/// The operations of a record, and of each whether it was a call of fsync, which `killed_at` counts.
pub fn operations(record: &str) -> Vec<(Op, bool)> {
    whole_lines(record).iter().filter_map(|line| operation(line).map(|op| (op, line.starts_with("fsync(")))).collect()
}

/// Calls that another thread interrupted are put together again.
fn whole_lines(record: &str) -> Vec<String> {
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut whole = Vec::new();
    for line in record.lines() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, start.into());
        } else if let Some(end) = call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            whole.extend(begun.remove(pid).map(|start| start + end.1));
        } else {
            whole.push(call.to_owned());
        }
    }
    whole
}

fn operation(line: &str) -> Option<Op> {
    let (call, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with(['-', '?']) {
        return None;
    }
    let quoted = quoted(arguments);
    let path = |at: usize| quoted.get(at).cloned();
    match call {
        "openat" | "open" | "creat" if call == "creat" || arguments.contains("O_CREAT") => path(0).map(Op::Create),
        "write" | "writev" | "pwrite64" | "pwritev" | "ftruncate" => descriptor(arguments).map(Op::Write),
        "sendfile" => descriptor(arguments).map(Op::Write),
        "copy_file_range" => descriptor(arguments.splitn(3, ", ").nth(2)?).map(Op::Write),
        "fsync" | "fdatasync" => descriptor(arguments).map(Op::Sync),
        "syncfs" => descriptor(arguments).map(Op::SyncDisk),
        "rename" | "renameat" | "renameat2" => path(0).zip(path(1)).map(|(from, to)| Op::Rename(from, to)),
        "unlink" | "unlinkat" => path(0).map(Op::Remove),
        "mkdir" | "mkdirat" => path(0).map(Op::MakeFolder),
        "link" | "linkat" => path(1).map(Op::Create),
        _ => None,
    }
}

/// The path of an open file, as `5</path>`; none for pipes and sockets.
fn descriptor(arguments: &str) -> Option<PathBuf> {
    let (number, rest) = arguments.split_once('<')?;
    number.parse::<u32>().ok()?;
    rest.starts_with('/').then(|| unescaped(&rest[..rest.find('>').unwrap_or(rest.len())]))
}

fn quoted(arguments: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut rest = arguments;
    while let Some((_, start)) = rest.split_once('"') {
        let end = start.match_indices('"').map(|(at, _)| at).find(|at| !start[..*at].ends_with('\\')).unwrap_or(start.len());
        found.push(unescaped(&start[..end]));
        rest = start.get(end + 1..).unwrap_or("");
    }
    found
}

/// strace writes what is not ASCII as `\303\234`, a quote as `\"`.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.iter().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        let (byte, after) = match (first, tail) {
            (b'\\', _) if digits > 0 => {
                (tail[..digits].iter().fold(0u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')), digits)
            }
            (b'\\', [next, ..]) => (*next, 1),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &tail[after..];
    }
    OsString::from_vec(bytes).into()
}
