//! Access tokens by the refresh-token grant (RFC 6749, section 6), from a scripted endpoint to a real Dovecot. No token, and no secret of
//! a client, is in what is logged or said, whatever the endpoint does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Dovecot, Kind, Options, Server};
use mailferry_mailbed::tap::Tap;
use mailferry_mailbed::token_server::{Reply, TokenServer};
use mailferry_tests::wait_until;

use super::kit::*;
use super::logins::{in_an_hour, lets_in, logged, now_s, reads, shows, with_a_message};

const FIRST: &str = "first-refresh-token";
const SECOND: &str = "second-refresh-token";
const CLIENT_SECRET: &str = "secret-of-the-client";

/// A mailbox, an endpoint, and the file of the refresh token.
struct Bed {
    dir: tempfile::TempDir,
    mailbox: Server,
    endpoint: TokenServer,
    file: PathBuf,
}

impl Bed {
    fn new(replies: impl Fn(&Server) -> Vec<Reply>) -> Option<Bed> {
        if !is_ready(&[Kind::Dovecot]) {
            return None;
        }
        let mailbox = with_a_message(Dovecot::start(Options::default()).expect("Dovecot starts"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let endpoint = TokenServer::start(&dir.path().join("ca"), replies(&mailbox)).expect("an endpoint");
        let file = secret_file(dir.path(), "refresh", &format!("{FIRST}\n"));
        secret_file(dir.path(), "client", CLIENT_SECRET);
        Some(Bed { dir, mailbox, endpoint, file })
    }

    fn url(&self, place: &str) -> String {
        self.url_at(&self.mailbox.address().to_string(), place, &format!("&ca={}", self.endpoint.ca_pem().display()))
    }

    fn url_at(&self, address: &str, place: &str, more: &str) -> String {
        let secret = self.dir.path().join("client");
        let endpoint = self.endpoint.url();
        format!(
            "imap://u01@{address}/?tls=off&timeout=2&auth=xoauth2&token-endpoint={endpoint}&token-client=an%20id&token-secret-file={}&{place}{more}",
            secret.display()
        )
    }

    fn address(&self) -> String {
        self.url(&format!("refresh-token-file={}", self.file.display()))
    }

    fn kept(&self) -> String {
        std::fs::read_to_string(&self.file).expect("the file is there")
    }

    /// Nothing that is secret is in the log of this process, nor in what was said.
    fn assert_silent(&self, said: &str, access: &[&str]) {
        let log = logged().text();
        for secret in access.iter().chain(&[FIRST, SECOND, CLIENT_SECRET]) {
            assert!(!shows(&log, "u01", secret), "the log shows {secret}");
            assert!(!shows(said, "u01", secret), "{said}");
        }
    }
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

fn token(server: &Server) -> String {
    server.token("u01", in_an_hour()).expect("a token")
}

#[test]
fn a_refresh_token_that_the_server_changes_is_kept_for_nobody_else_and_the_token_serves_all_connections() {
    logged();
    let Some(bed) = Bed::new(|server| vec![Reply::grant(&token(server), 3600, Some(SECOND)), Reply::grant(&token(server), 3600, None)])
    else {
        return;
    };
    let url = bed.address();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| reads(&url))).collect();
        readers.into_iter().for_each(|reader| assert_eq!(reader.join().expect("no panic"), Ok(())));
    });
    let form = format!("grant_type=refresh_token&refresh_token={FIRST}&client_id=an%20id&client_secret={CLIENT_SECRET}");
    assert_eq!(bed.endpoint.asked(), [form], "a refresh token was used twice");
    assert_eq!(bed.kept(), format!("{SECOND}\n"));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&bed.file).expect("there").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(files_in(bed.dir.path()), ["ca", "client", "refresh", "refresh.lock"]);
    bed.assert_silent("", &[&token(&bed.mailbox)]);
}

/// Somebody has made the file immutable: a new token could not take its place, although the folder can be written.
#[cfg(target_os = "linux")]
#[test]
fn a_refresh_token_that_could_not_be_kept_is_not_asked_for() {
    use std::io::Write;
    logged();
    let Some(bed) = Bed::new(|server| vec![Reply::grant(&token(server), 3600, Some(SECOND))]) else { return };
    let chattr = |change: &str| std::process::Command::new("chattr").arg(change).arg(&bed.file).output();
    if !chattr("+i").is_ok_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this needs the right to make a file immutable");
        return;
    }
    let said = reads(&bed.address());
    assert!(chattr("-i").is_ok_and(|output| output.status.success()));
    let said = said.expect_err("nobody is let in");
    assert!(said.contains("could not keep a refresh token") && said.contains("hint:"), "{said}");
    assert_eq!((bed.endpoint.asked().len(), bed.kept()), (0, format!("{FIRST}\n")));
    assert_eq!(files_in(bed.dir.path()), ["ca", "client", "refresh", "refresh.lock"], "what was tried is cleared away");
    assert_eq!(reads(&bed.address()), Ok(()));
    assert_eq!(bed.kept(), format!("{SECOND}\n"));
}

#[test]
fn a_refusal_for_good_says_to_sign_in_again_and_is_asked_for_once() {
    logged();
    let Some(bed) = Bed::new(|_| vec![Reply::error("invalid_grant", &format!("{FIRST} was withdrawn, as was {CLIENT_SECRET}"))]) else {
        return;
    };
    let said = reads(&bed.address()).expect_err("nobody is let in");
    for word in [
        "could not renew an access token",
        "invalid_grant: *** was withdrawn, as was ***",
        "sign in again, and put the new refresh token into",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(said.contains(&bed.endpoint.url()) && said.contains("now:"), "{said}");
    assert_eq!((bed.endpoint.asked().len(), bed.kept()), (1, format!("{FIRST}\n")));
    bed.assert_silent(&said, &[]);
}

#[test]
fn an_endpoint_in_trouble_is_asked_again_and_then_later() {
    logged();
    let Some(bed) = Bed::new(|server| vec![Reply::Json(503, "{}".into()), Reply::grant(&token(server), 3600, None)]) else { return };
    assert_eq!(reads(&bed.address()), Ok(()));
    assert_eq!((bed.endpoint.asked().len(), bed.kept()), (2, format!("{FIRST}\n")));
    let Some(bed) = Bed::new(|_| vec![Reply::Silence, Reply::Json(500, FIRST.into()), Reply::Silence]) else { return };
    let said = reads(&bed.address()).expect_err("nobody is let in");
    assert!(said.contains("the server said nothing for 2 s, 3 times"), "{said}");
    assert_eq!((bed.endpoint.asked().len(), bed.kept()), (3, format!("{FIRST}\n")));
    bed.assert_silent(&said, &[]);
}

#[test]
fn what_is_no_answer_of_such_an_endpoint_is_an_error_and_shows_nothing() {
    logged();
    let oversize = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &b"{\"access_token\":\"an-access-token\",".repeat(4_000)].concat();
    let elsewhere = b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"an-access-token\"}".to_vec();
    for (reply, why, times) in [
        (Reply::Raw(oversize), "the answer is too long", 1),
        (Reply::Raw(elsewhere), "redirects are not followed", 1),
        (Reply::Raw(cut), "the server closed the connection", 3),
        (Reply::Json(200, "<html>an-access-token</html>".into()), "its answer is no JSON", 1),
        (Reply::Json(200, "{\"refresh_token\":\"second-refresh-token\"}".into()), "there is no access_token", 1),
        (Reply::Json(401, "{\"error\":\"invalid_client\"}".into()), "check token-client", 1),
    ] {
        let Some(bed) = Bed::new(|_| vec![reply.clone(); 3]) else { return };
        let said = reads(&bed.address()).expect_err("nobody is let in");
        assert!(said.contains(why), "{why}: {said}");
        assert_eq!((bed.endpoint.asked().len(), bed.kept()), (times, format!("{FIRST}\n")), "{why}");
        bed.assert_silent(&said, &["an-access-token"]);
    }
}

#[test]
fn an_endpoint_that_cannot_prove_who_it_is_hears_nothing() {
    logged();
    let Some(bed) = Bed::new(|server| vec![Reply::grant(&token(server), 3600, None)]) else { return };
    let unknown = bed.url_at(&bed.mailbox.address().to_string(), &format!("refresh-token-file={}", bed.file.display()), "");
    let said = reads(&unknown).expect_err("nobody is let in");
    assert!(said.contains("certificate") && said.contains("option ca"), "{said}");
    assert!(bed.endpoint.asked().is_empty());
    bed.assert_silent(&said, &[]);
}

/// The endpoint says that it lives for an hour; the mail server knows better.
#[test]
fn a_token_that_ends_in_mid_run_is_renewed_and_the_refresh_token_of_then_is_used_next() {
    let Some(bed) = Bed::new(|_| Vec::new()) else { return };
    let [source, target] = [(), ()].map(|()| Dovecot::start(Options::default()).expect("Dovecot starts"));
    fill::mailboxes(&mut source.talk(1).expect("a login"), &Corpus::new(3, 9, 150).user(1)).expect("filled");
    let old = source.token("u01", now_s() + 4).expect("a token");
    let replies = vec![Reply::grant(&old, 3600, Some(SECOND)), Reply::grant(&token(&source), 3600, Some("third-refresh-token"))];
    let endpoint = TokenServer::start(&bed.dir.path().join("other-ca"), replies).expect("an endpoint");
    let bed = Bed { endpoint, ..bed };
    let tap = Tap::to(source.address()).expect("a tap");
    let (cutter, at, short) = (tap.cutter(), source.address(), old.clone());
    tap.after(400_000, move || {
        wait_until("the token has expired", Duration::from_secs(30), || !lets_in(at, &short));
        cutter.cut();
    });
    let place = format!("refresh-token-file={}&ca={}", bed.file.display(), bed.endpoint.ca_pem().display());
    let from = bed.url_at(&tap.address().to_string(), &place, "").replace("timeout=2", "timeout=60");
    let summary = migrate(&from, &url(&target, 1, bed.dir.path()), &bed.dir.path().join("work"));
    assert!(!tap.forget(), "the connection was not cut: {summary}");
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean() && report.compared == 150, "{report}\n{summary}");
    let asked = bed.endpoint.asked();
    assert!(asked.len() == 2 && asked[0].contains(FIRST) && asked[1].contains(SECOND), "{} requests", asked.len());
    assert_eq!(bed.kept(), "third-refresh-token\n");
    bed.assert_silent(&summary.to_string(), &[&old]);
}
