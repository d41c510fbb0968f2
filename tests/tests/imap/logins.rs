//! Ways into real servers: encryption, mechanisms, masters, tokens. No secret is in what is logged, at any level, and nothing is said to
//! a server that cannot prove who it is.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mailferry_core::model::FolderPath;
use mailferry_mailbed::corpus::{Corpus, base64};
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Courier, Cyrus, Dovecot, Kind, Options, Server};
use mailferry_mailbed::talk::Talk;
use mailferry_mailbed::tap::Tap;
use mailferry_stores::{StoreUrl, open_source};
use mailferry_tests::wait_until;
use tracing_subscriber::fmt::MakeWriter;

use super::kit::*;

const MAIL: &[u8] = b"Subject: one\r\n\r\nbody\r\n";

/// Everything that this process logs, down to the last level.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panicked")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

pub fn logged() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone());
        all.try_init().expect("nobody else listens in this process");
        log
    })
}

/// As it stands, and in the forms in which mechanisms send it.
pub fn shows(text: &str, user: &str, secret: &str) -> bool {
    let plain = base64(format!("\0{user}\0{secret}").as_bytes());
    [secret.to_owned(), base64(secret.as_bytes()), plain].iter().any(|form| text.contains(form.trim_end_matches('=')))
}

pub fn in_an_hour() -> u64 {
    now_s() + 3600
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

/// The address of a user with one secret and these options.
struct Way<'a> {
    scheme: &'a str,
    at: SocketAddr,
    host: Option<&'a str>,
    options: String,
}

impl Way<'_> {
    fn url(&self, user: &str, secret: &str, folder: &Path) -> String {
        let file = secret_file(folder, &format!("secret-{}", blake_name(&self.options)), secret);
        let host = self.host.map_or_else(|| self.at.ip().to_string(), str::to_owned);
        format!("{}://{user}@{host}:{}/?password-file={}&{}", self.scheme, self.at.port(), file.display(), self.options)
    }
}

fn blake_name(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Reads the only message by this address.
pub fn reads(url: &str) -> Result<(), String> {
    let url = StoreUrl::parse(url).map_err(|trouble| trouble.to_string())?;
    let mut source = open_source(&url).map_err(|error| error.to_string())?;
    source.folders().map_err(|error| error.to_string())?;
    let inbox = FolderPath::inbox();
    let mut keys = Vec::new();
    let scanned = source.scan(&inbox, &mut |item| {
        keys.push(item.key);
        Ok(())
    });
    scanned.map_err(|error| error.to_string())?;
    let mut item = source.open(&inbox, &keys[0]).map_err(|error| error.to_string())?.ok_or("it is gone")?;
    let mut bytes = Vec::new();
    item.reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes == MAIL { Ok(()) } else { Err(String::from_utf8_lossy(&bytes).into_owned()) }
}

/// With one message for the first user.
pub fn with_a_message(server: Server) -> Server {
    let mut talk = server.talk(1).expect("a login");
    assert!(talk.append("INBOX", "(\\Seen) \"04-Jan-2010 10:00:00 +0000\"", MAIL).expect("an answer").is_ok());
    server
}

fn encryptions(server: &Server) -> [Way<'static>; 3] {
    let ca = server.ca_pem().display().to_string();
    let tls = server.tls_address().expect("a TLS port");
    [
        Way { scheme: "imaps", at: tls, host: None, options: format!("ca={ca}") },
        Way { scheme: "imap", at: server.address(), host: None, options: format!("tls=starttls&ca={ca}") },
        Way { scheme: "imap", at: server.address(), host: None, options: "tls=off".into() },
    ]
}

/// By each encryption with each of these logins; the log is searched for their secrets.
fn every_way_in(server: &Server, logins: &[(&str, &str)]) {
    let log = logged();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let user = server.user(1).0;
    for way in encryptions(server) {
        for (more, secret) in logins {
            let way = Way { options: format!("{}&{more}", way.options), ..way };
            let url = way.url(&user, secret, dir.path());
            assert_eq!(reads(&url), Ok(()), "{url}\n{}", server.log());
            let refused = Way { options: format!("{}&timeout=60", way.options), ..way }.url(&user, "a guess", dir.path());
            let said = reads(&refused).expect_err("a guess lets nobody in");
            assert!(said.contains("the login was refused") && !said.contains("a guess"), "{said}");
        }
    }
    let text = log.text();
    assert!(text.contains("TRACE") && text.contains("LIST"), "the log is not one of everything");
    for (login, secret) in logins {
        assert!(!shows(&text, &user, secret), "{login}: the secret is in the log");
    }
}

#[test]
fn every_way_into_dovecot_works_and_shows_no_secret() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let server = with_a_message(Dovecot::start(Options { with_extensions: true, ..Options::default() }).expect("Dovecot starts"));
    let password = server.user(1).1;
    let master = server.master().expect("a master").password.clone();
    let token = server.token("u01", in_an_hour()).expect("a token");
    every_way_in(
        &server,
        &[
            &ways_of_a_user(&password)[..],
            &[
                ("auth=xoauth2", &token),
                ("auth=oauthbearer", &token),
                ("auth=login&login=u01*master", &master),
                ("auth=plain&login=master&act-as=yes", &master),
            ],
        ]
        .concat(),
    );
}

/// With the password of the mailbox itself.
fn ways_of_a_user(password: &str) -> [(&str, &str); 5] {
    ["auth=login", "auth=plain", "auth=scram-sha-1", "auth=scram-sha-256", "compress=yes"].map(|way| (way, password))
}

#[test]
fn every_way_into_cyrus_works_and_shows_no_secret() {
    if !is_ready(&[Kind::Cyrus]) {
        return;
    }
    let server = with_a_message(Cyrus::start(Options::default()).expect("Cyrus starts"));
    let password = server.user(1).1;
    let admin = server.master().expect("an administrator").password.clone();
    every_way_in(
        &server,
        &[
            &ways_of_a_user(&password)[..],
            &[("auth=plain&login=cyradmin&act-as=yes", &admin), ("auth=scram-sha-256&login=cyradmin&act-as=yes", &admin)],
        ]
        .concat(),
    );
}

#[test]
fn every_way_into_courier_works_and_shows_no_secret() {
    if !is_ready(&[Kind::Courier]) {
        return;
    }
    let server = with_a_message(Courier::start(Options::default()).expect("Courier starts"));
    let password = server.user(1).1;
    every_way_in(&server, &[("auth=login", &password)]);
}

/// Of TLS, records of the application are 23; an alert among them has 24 bytes at most.
fn application_bytes(heard: &[u8]) -> usize {
    let mut rest = heard;
    let mut bytes = 0;
    while let Some((head, after)) = rest.split_at_checked(5) {
        let length = usize::from(head[3]) << 8 | usize::from(head[4]);
        bytes += if head[0] == 23 && length > 24 { length } else { 0 };
        rest = after.get(length..).unwrap_or_default();
    }
    bytes
}

/// What a run says that must not have said anything to the server.
fn is_refused(server: &Server, way: &Way<'_>, why: &str) {
    let starttls = way.scheme == "imap";
    let tap = Tap::to(way.at).expect("a tap");
    let way = Way { at: tap.address(), options: way.options.clone(), ..*way };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (user, password) = server.user(1);
    let url = way.url(&user, &password, dir.path());
    let output = run(&url, &format!("maildir:{}", dir.path().join("new").display()), &dir.path().join("work"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("hint:"), "{why}: {said}");
    assert!(said.contains("certificate"), "{why}: {said}");
    assert!(!shows(&said, &user, &password), "{why}: {said}");
    let heard = tap.heard();
    assert!(!heard.is_empty(), "{why}: it was not spoken to at all");
    let encrypted = match heard.windows(10).position(|window| window == b"STARTTLS\r\n") {
        Some(at) => {
            let clear = String::from_utf8_lossy(&heard[..at + 10]).into_owned();
            assert!(clear.lines().all(|line| line.ends_with("CAPABILITY") || line.ends_with("STARTTLS")), "{why}: {clear}");
            &heard[at + 10..]
        }
        None => &heard[..],
    };
    assert_eq!(heard.len() == encrypted.len(), !starttls, "{why}");
    assert_eq!(application_bytes(encrypted), 0, "{why}: something was said");
}

#[test]
fn a_server_that_cannot_prove_who_it_is_hears_nothing() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let server = Dovecot::start(Options::default()).expect("Dovecot starts");
    let other = Dovecot::start(Options::default()).expect("Dovecot starts");
    let expired = Dovecot::start(Options { expired_certificate: true, ..Options::default() }).expect("Dovecot starts");
    let ca = |server: &Server| server.ca_pem().display().to_string();
    let ways = |server: &Server, host: Option<&'static str>, ca: &str| {
        let option = if ca.is_empty() { String::new() } else { format!("ca={ca}") };
        [
            Way { scheme: "imaps", at: server.tls_address().expect("a TLS port"), host, options: option.clone() },
            Way { scheme: "imap", at: server.address(), host, options: format!("tls=starttls&{option}") },
        ]
    };
    for way in ways(&server, Some("localhost"), &ca(&other)) {
        is_refused(&server, &way, "another authority");
    }
    for way in ways(&server, Some("localhost"), "") {
        is_refused(&server, &way, "an authority that nobody knows");
    }
    // The tap has an address that is in no certificate.
    for way in ways(&server, None, &ca(&server)) {
        is_refused(&server, &way, "another name");
    }
    for way in ways(&expired, Some("localhost"), &ca(&expired)) {
        is_refused(&expired, &way, "a certificate of the year 2020");
    }
    // The same way with nothing wrong.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (user, password) = server.user(1);
    let tap = Tap::to(server.tls_address().expect("a TLS port")).expect("a tap");
    let good = Way { scheme: "imaps", at: tap.address(), host: Some("localhost"), options: format!("ca={}", ca(&server)) };
    let output = run(&good.url(&user, &password, dir.path()), &format!("maildir:{}/new", dir.path().display()), &dir.path().join("work"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(application_bytes(&tap.heard()) > 0);
}

/// A token that is worth nothing any more when the connection breaks: by then there is a new one. `at_source`: on which side.
fn a_token_is_renewed(at_source: bool, option: impl Fn(&Path) -> String) {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let [source, target] = [(), ()].map(|()| Dovecot::start(Options::default()).expect("Dovecot starts"));
    fill::mailboxes(&mut source.talk(1).expect("a login"), &Corpus::new(3, 9, 150).user(1)).expect("filled");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = if at_source { &source } else { &target };
    let (old, new) = (server.token("u01", now_s() + 4).expect("a token"), server.token("u01", in_an_hour()).expect("a token"));
    let file = secret_file(dir.path(), "token", &old);
    let tap = Tap::to(server.address()).expect("a tap");
    let (cutter, renewed, at) = (tap.cutter(), file.clone(), server.address());
    tap.after(400_000, move || {
        wait_until("the token has expired", Duration::from_secs(30), || !lets_in(at, &old));
        std::fs::write(&renewed, &new).expect("renewed");
        cutter.cut();
    });
    let by_token = format!("imap://u01@{}/?tls=off&auth=xoauth2&{}", tap.address(), option(&file));
    let by_password = |server: &Server| url(server, 1, dir.path());
    let urls = if at_source { [by_token, by_password(&target)] } else { [by_password(&source), by_token] };
    let summary = migrate(&urls[0], &urls[1], &dir.path().join("work"));
    assert!(!tap.forget(), "the connection was not cut: {summary}");
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean() && report.compared == 150, "{report}\n{summary}");
    if !at_source {
        // A target with nothing to do for it is not asked for.
        return;
    }
    // A token that is refused for good ends the run and is not shown.
    let stale = server.token("u01", 1_500_000_000).expect("a token");
    secret_file(dir.path(), "token", &stale);
    let output = run(&urls[0], &urls[1], &dir.path().join("work"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("the login was refused"), "{said}");
    assert!(!shows(&said, "u01", &stale), "{said}");
}

pub fn lets_in(at: SocketAddr, token: &str) -> bool {
    let mut talk = Talk::connect(at).expect("a greeting");
    let response = base64(format!("user=u01\x01auth=Bearer {token}\x01\x01").as_bytes());
    let tag = talk.begin(format!("AUTHENTICATE XOAUTH2 {response}").as_bytes()).expect("sent");
    talk.line().is_ok_and(|line| line.starts_with(&format!("{tag} OK")) || line.starts_with("* CAPABILITY"))
}

#[test]
fn a_token_that_expires_while_the_source_is_read_is_renewed_by_a_command() {
    a_token_is_renewed(true, |file| format!("password-command=cat%20{}", file.display()));
}

#[test]
fn a_token_that_expires_while_the_target_is_filled_is_renewed_by_a_command() {
    a_token_is_renewed(false, |file| format!("password-command=cat%20{}", file.display()));
}

#[test]
fn a_token_that_expires_while_the_source_is_read_is_renewed_from_a_file() {
    a_token_is_renewed(true, |file| format!("password-file={}", file.display()));
}

#[test]
fn a_token_that_expires_while_the_target_is_filled_is_renewed_from_a_file() {
    a_token_is_renewed(false, |file| format!("password-file={}", file.display()));
}
