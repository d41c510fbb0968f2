//! Move requests as an administrator has them: by the console.

use std::time::Duration;

use mailferry_core::engine::MoveReport;

use crate::bed::Bed;
use crate::programs::console;
use crate::services::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

pub fn done(answer: &Answer) {
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.error);
}

/// `mailferry moves WORDS`.
pub fn moves(bed: &Bed, words: &[&str]) -> Answer {
    let project = bed.path("project.toml").display().to_string();
    let output = console(&[&["moves"], words, &["--project", &project]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

pub fn request(bed: &Bed, mailbox: &str) -> Option<MoveReport> {
    serde_json::from_str(&moves(bed, &["show", mailbox, "--json"]).out).ok()
}

pub fn wait_for(bed: &Bed, mailbox: &str, state: &str) -> MoveReport {
    let mut last = None;
    wait_until(&format!("the request of {mailbox} is {state}"), PATIENCE, || {
        last = request(bed, mailbox);
        last.as_ref().is_some_and(|request| request.state == state)
    });
    last.expect("it has just been seen")
}
