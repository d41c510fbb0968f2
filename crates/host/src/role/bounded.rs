//! Asking another program with a limit of time: a cluster manager that hangs must not hang an agent.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// What a program writes, whatever its exit code: the answer itself says whether it is one. `Err` is the cause.
pub(super) fn output_of(program: &str, arguments: &[&str], patience: Duration) -> Result<String, String> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program} could not be run: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else { return Err(format!("{program} has no output")) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.by_ref().take(ANSWER_BYTES_MAX).read_to_string(&mut text);
        let _nobody_waits_any_more = sender.send(read.map(|_| text));
    });
    let read = receiver.recv_timeout(patience);
    end(child, patience.saturating_sub(began.elapsed()));
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(format!("what {program} says cannot be read: {error}")),
        Err(_) => Err(format!("{program} did not answer within {} s", patience.as_secs_f32())),
    }
}

/// A program that has said everything ends by itself, or is ended. It is waited for elsewhere: the kernel may not let go of it.
fn end(mut child: Child, patience: Duration) {
    std::thread::spawn(move || {
        let until = Instant::now() + patience;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _gone_already = child.kill();
        let _ = child.wait();
    });
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_given_up_and_one_that_is_missing_is_named() {
        let patience = Duration::from_millis(50);
        let began = Instant::now();
        assert_eq!(output_of("sh", &["-c", "exec sleep 30"], patience), Err("sh did not answer within 0.05 s".into()));
        assert!(began.elapsed() < Duration::from_secs(10));
        let missing = output_of("no-such-program", &[], patience);
        assert!(missing.is_err_and(|why| why.starts_with("no-such-program could not be run")));
    }

    #[test]
    fn an_answer_is_taken_whole_whatever_the_exit_code() {
        assert_eq!(output_of("sh", &["-c", "echo 1; echo 2; exit 102"], PATIENCE), Ok("1\n2\n".into()));
    }
}
