//! What servers say when they want to be left alone for a while, and for how long (T15, X08).

use std::time::Duration;

use mailferry_imap::{ImapError, Kind};

/// Longer pauses are not waited for within a session: the mailbox is held up and comes again.
const WAIT_MAX: Duration = Duration::from_secs(330);

/// How long to wait before the same is tried again; `None` when this is no wish for a pause, or one too long. `usual`: where the
/// server does not say how long.
pub fn pause(error: &ImapError, usual: Duration) -> Option<Duration> {
    let (Kind::No { text, .. } | Kind::Bad(text)) = &error.kind else { return None };
    let wait = is_throttle(text).then(|| suggested(text).unwrap_or(usual))?;
    (wait <= WAIT_MAX).then_some(wait)
}

pub fn is_throttle(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = [
        "throttl",
        "backoff",
        "back off",
        "bandwidth limit",
        "too many simultaneous",
        "too many connections",
        "try again later",
        "rate limit",
    ];
    words.iter().any(|word| text.contains(word))
}

/// `Suggested Backoff Time: 299961 milliseconds` (Exchange).
fn suggested(text: &str) -> Option<Duration> {
    let text = text.to_ascii_lowercase();
    let rest = &text[text.find("backoff time:")? + "backoff time:".len()..];
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use mailferry_imap::Code;

    use super::*;

    #[test]
    fn a_pause_is_as_long_as_the_server_says() {
        let usual = Duration::from_secs(1);
        let bad = |text: &str| pause(&ImapError::new("x", Kind::Bad(text.into())), usual);
        assert_eq!(bad("Request is throttled. Suggested Backoff Time: 299961 milliseconds"), Some(Duration::from_millis(299_961)));
        assert_eq!(bad("Request is throttled. Suggested Backoff Time: 9999999 milliseconds"), None);
        assert_eq!(bad("Account exceeded command or bandwidth limits."), Some(usual));
        assert_eq!(bad("Unknown command"), None);
        let no = |code| pause(&ImapError::new("x", Kind::No { code: Some(code), text: "Quota exceeded".into() }), usual);
        assert_eq!(no(Code::OverQuota), None);
    }
}
