//! Asking another program, with a limit of time and of bytes: one that hangs must not hang an agent.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// What a program may write.
pub const ANSWER_BYTES_MAX: u64 = 8 << 20;
const COMPLAINT_BYTES_MAX: u64 = 4 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a program has written, and how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    program: String,
    /// How it ended, when not well.
    ended: Option<String>,
    pub text: String,
    complaint: Vec<u8>,
}

impl Said {
    /// What it wrote, if it ended well; else its first complaint.
    pub fn well(self) -> Result<String, String> {
        match self.ended {
            None => Ok(self.text),
            Some(code) => Err(failed(&self.program, &code, &self.complaint)),
        }
    }

    /// The same of a program whose complaints may hold a secret: none is repeated.
    pub fn well_or_silent(self) -> Result<String, String> {
        Said { complaint: Vec::new(), ..self }.well()
    }
}

/// What a program writes that ends well. `Err` says what was wrong with it.
pub fn output_of<A: AsRef<str>>(program: &str, arguments: &[A], patience: Duration) -> Result<String, String> {
    ask(program, arguments, patience).and_then(Said::well)
}

/// `Err` says what was wrong: it could not be run, took too long, wrote too much or no UTF-8.
pub fn ask<A: AsRef<str>>(program: &str, arguments: &[A], patience: Duration) -> Result<Said, String> {
    let until = Instant::now() + patience;
    let mut child = begin(program, arguments, Stdio::null(), Stdio::piped())?;
    let out = child.stdout.take().map(|pipe| bytes_of(pipe, ANSWER_BYTES_MAX + 1));
    let complaint = child.stderr.take().map(|pipe| bytes_of(pipe, COMPLAINT_BYTES_MAX));
    let (Some(out), Some(complaint)) = (out, complaint) else { return Err(format!("{program} has no output")) };
    let left = || until.saturating_duration_since(Instant::now());
    let late = || format!("{program} did not answer within {} s", patience.as_secs_f32());
    let said = out.recv_timeout(left());
    let ended = end(child, until);
    let (said, status) = (said.map_err(|_| late())?, ended.ok_or_else(late)?);
    if said.len() as u64 > ANSWER_BYTES_MAX {
        return Err(format!("{program} wrote more than {ANSWER_BYTES_MAX} bytes"));
    }
    let text = String::from_utf8(said).map_err(|_| format!("what {program} wrote is no UTF-8"))?;
    let ended = (!status.success()).then(|| code(status));
    // Whoever inherited its pipes may hold them open.
    let complaint = if ended.is_some() { complaint.recv_timeout(left()).unwrap_or_default() } else { Vec::new() };
    Ok(Said { program: program.into(), ended, text, complaint })
}

/// Runs a program whose exit code alone says whether it did what it was called for. `Err`: why not, with its first complaint.
/// `input`: what it may read.
pub fn run<A: AsRef<str>>(program: &str, arguments: &[A], input: Vec<u8>, patience: Duration) -> Result<(), String> {
    let until = Instant::now() + patience;
    let mut child = begin(program, arguments, if input.is_empty() { Stdio::null() } else { Stdio::piped() }, Stdio::null())?;
    if let Some(mut pipe) = child.stdin.take() {
        // Beside it, so that nobody waits for a program that does not read; one that reads no more has read enough.
        std::thread::spawn(move || drop(pipe.write_all(&input)));
    }
    let complaint = child.stderr.take().map(|pipe| bytes_of(pipe, COMPLAINT_BYTES_MAX));
    match end(child, until) {
        None => Err(format!("{program} did not end within {} s", patience.as_secs_f32())),
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            // Whoever inherited its pipe may hold it open.
            let patience = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
            let complaint = complaint.and_then(|complaint| complaint.recv_timeout(patience).ok()).unwrap_or_default();
            Err(failed(program, &code(status), &complaint))
        }
    }
}

fn begin<A: AsRef<str>>(program: &str, arguments: &[A], input: Stdio, out: Stdio) -> Result<Child, String> {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(AsRef::as_ref)).env("LC_ALL", "C");
    command.stdin(input).stdout(out).stderr(Stdio::piped());
    command.spawn().map_err(|error| format!("{program} could not be run: {error}"))
}

fn failed(program: &str, code: &str, complaint: &[u8]) -> String {
    format!("{program} ended with {code}{}", first_line(complaint))
}

/// Reads beside the program, so that it never waits for us.
fn bytes_of(pipe: impl Read + Send + 'static, limit: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(limit).read_to_end(&mut bytes);
        if read.is_ok() {
            let _nobody_waits_any_more = sender.send(bytes);
        }
    });
    receiver
}

/// A program that has said everything ends by itself, or is ended: then there is no status.
fn end(mut child: Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            Ok(None) | Err(_) => break,
        }
    }
    // The kernel may not let go of it: it is waited for elsewhere.
    std::thread::spawn(move || {
        let _gone_already = child.kill();
        let _ = child.wait();
    });
    None
}

fn code(status: ExitStatus) -> String {
    status.code().map_or_else(|| "a signal".into(), |code| format!("code {code}"))
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(|line| format!(": {}", line.chars().filter(|c| !c.is_control()).take(200).collect::<String>())).unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str, patience_ms: u64) -> Result<String, String> {
        output_of("sh", &["-c", script], Duration::from_millis(patience_ms))
    }

    #[test]
    fn what_a_program_writes_counts_only_when_it_ended_well() {
        assert_eq!(sh("echo '{}'", 60_000), Ok("{}\n".into()));
        assert_eq!(sh("echo '{}'; echo; echo ' no access' >&2; exit 3", 60_000), Err("sh ended with code 3: no access".into()));
        assert_eq!(sh("echo '{}'; kill -9 $$", 60_000), Err("sh ended with a signal".into()));
        let missing = ask::<&str>("no-such-program", &[], Duration::from_secs(1));
        assert!(missing.is_err_and(|why| why.starts_with("no-such-program could not be run")));
    }

    #[test]
    fn whoever_wants_it_has_an_answer_whatever_the_exit_code() {
        let said = ask("sh", &["-c", "echo 1; echo 2; exit 102"], Duration::from_secs(60)).unwrap();
        assert_eq!(said.text, "1\n2\n");
    }

    #[test]
    fn a_program_reads_what_it_is_given_and_one_that_does_not_read_is_not_waited_for() {
        let run = |script: &str, input: &[u8]| run("sh", &["-c", script], input.to_vec(), Duration::from_secs(60));
        assert_eq!(run("test \"$(cat)\" = 'dear anna'", b"dear anna\n"), Ok(()));
        assert_eq!(run("test -z \"$(cat)\"", b""), Ok(()));
        let large = vec![b'x'; 1 << 20];
        assert_eq!(run("exit 0", &large), Ok(()));
        assert_eq!(run("test $(wc -c) = 1048576", &large), Ok(()));
    }

    #[test]
    fn a_program_that_hangs_is_given_up_also_when_it_has_answered_before() {
        for script in ["exec sleep 60", "echo '{}'; exec sleep 60", "echo '{}'; exec >&-; exec sleep 60"] {
            let began = Instant::now();
            assert_eq!(sh(script, 300), Err("sh did not answer within 0.3 s".into()), "{script}");
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn an_answer_that_is_too_long_or_no_text_is_none() {
        assert_eq!(sh("head -c 8388609 /dev/zero", 60_000), Err("sh wrote more than 8388608 bytes".into()));
        assert_eq!(sh("printf '\\377'", 60_000), Err("what sh wrote is no UTF-8".into()));
    }
}
