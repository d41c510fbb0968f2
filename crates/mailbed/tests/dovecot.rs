//! Dovecot as a guard: what it offers, and that nothing of it is left.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{expires_in_an_hour, is_ready, tls};
use mailferry_mailbed::corpus::base64;
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Server, scratch};
use mailferry_mailbed::talk::{Talk, Value};

const MAIL: &[u8] = b"Subject: one\r\n\r\nbody\r\n";

fn started(options: Options) -> Option<Server> {
    is_ready(Kind::Dovecot).then(|| Dovecot::start(options).expect("Dovecot starts"))
}

#[test]
fn what_was_appended_is_fetched_byte_for_byte_from_each_format() {
    for format in [Format::Maildir, Format::Sdbox, Format::Mdbox] {
        let Some(server) = started(Options::format(format)) else { return };
        let mut talk = server.talk(1).expect("a login");
        let appended = talk.append("INBOX", "(\\Seen $Label1)", MAIL).expect("an answer");
        assert!(appended.status.starts_with("OK [APPENDUID "), "{}", appended.status);
        talk.ok("EXAMINE INBOX").expect("INBOX opens");
        let fetched = talk.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])").expect("a fetch");
        let items = fetched.all("FETCH").next().expect("one message")[2].list();
        assert_eq!(Value::of(items, "BODY[]").and_then(Value::bytes), Some(MAIL));
        let mut other = server.talk(2).expect("a login");
        assert!(other.ok("STATUS INBOX (MESSAGES)").expect("an answer").all("STATUS").next().expect("a line")[2].list()[1].is_atom("0"));
    }
}

#[test]
fn a_server_that_was_killed_comes_back_with_its_mail_at_the_same_address() {
    let Some(mut server) = started(Options::default()) else { return };
    let address = server.address();
    server.talk(1).and_then(|mut talk| talk.append("INBOX", "()", MAIL)).expect("a message");
    let mut cut_off = server.talk(1).expect("a login");
    server.kill();
    assert!(cut_off.command("NOOP").is_err(), "a killed server does not answer");
    assert!(Talk::connect(address).is_err(), "a killed server does not listen");
    server.restart().expect("it starts again");
    assert_eq!(server.address(), address);
    let status = server.talk(1).and_then(|mut talk| talk.ok("STATUS INBOX (MESSAGES)")).expect("an answer");
    assert!(status.all("STATUS").next().expect("a line")[2].list()[1].is_atom("1"));
}

#[test]
fn nothing_is_left_of_a_server_that_was_dropped() {
    let Some(server) = started(Options::default()) else { return };
    let mut session = server.talk(1).expect("a login");
    let (folder, processes) = (server.folder().to_path_buf(), server.process_ids());
    assert!(processes.len() > 3, "the master, its helpers and a session: {processes:?}");
    common::wait_until("its work shows", || session.ok("NOOP").is_ok() && server.cpu_seconds() > 0.0);
    drop(server);
    let left: Vec<_> = processes.into_iter().filter(|id| Path::new(&format!("/proc/{id}/exe")).exists()).collect();
    assert!(left.is_empty(), "still there: {left:?}");
    assert!(!folder.exists());
}

const VICTIM: &str = "MAILBED_VICTIM";

#[test]
fn nothing_is_left_of_a_server_whose_test_was_killed() {
    let Some(server) = started(Options::default()) else { return };
    if std::env::var_os(VICTIM).is_some() {
        return be_killed(&server);
    }
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args(["--exact", "nothing_is_left_of_a_server_whose_test_was_killed", "--nocapture"]).env(VICTIM, "1");
    let mut victim = command.stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().expect("this test again");
    let told = BufReader::new(victim.stdout.take().expect("a pipe")).lines().map_while(Result::ok).find(|line| line.starts_with("victim "));
    let told = told.expect("it tells what it has started");
    let mut words = told.split(' ').skip(1);
    let folders = [(); 2].map(|()| words.next().expect("two folders"));
    let processes: Vec<&str> = words.collect();
    assert!(!processes.is_empty() && folders.iter().all(|folder| Path::new(folder).exists()));
    victim.kill().and_then(|()| victim.wait()).expect("it can be killed");
    common::wait_until("all have ended", || processes.iter().all(|id| !Path::new(&format!("/proc/{id}/exe")).exists()));
    common::wait_until("its folders are gone", || !folders.iter().any(|folder| Path::new(folder).exists()));
}

fn be_killed(server: &Server) {
    let also = scratch().expect("a folder without a server");
    let processes: Vec<String> = server.process_ids().iter().map(u32::to_string).collect();
    let _ = writeln!(std::io::stdout(), "\nvictim {} {} {}", server.folder().display(), also.path().display(), processes.join(" "));
    // Nobody writes there.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn the_test_authority_vouches_for_both_tls_ports() {
    let Some(server) = started(Options::default()) else { return };
    let implicit = tls(&server.ca_pem(), server.tls_address().expect("a TLS port"), &[], "a CAPABILITY\r\nb LOGOUT\r\n");
    assert!(implicit.contains("IMAP4rev1") && implicit.contains("b OK"), "{implicit}");
    let started = tls(&server.ca_pem(), server.address(), &["-starttls", "imap"], "a CAPABILITY\r\nb LOGOUT\r\n");
    assert!(started.contains("IMAP4rev1") && started.contains("b OK"), "{started}");
    let refused = tls(Path::new("/etc/ssl/certs/ca-certificates.crt"), server.address(), &["-starttls", "imap"], "a LOGOUT\r\n");
    assert!(!refused.contains("a OK"), "an unknown authority: {refused}");
}

#[test]
fn a_master_a_token_and_no_stranger_get_in() {
    let Some(server) = started(Options::default()) else { return };
    let master = server.master().expect("a master").clone();
    Talk::login(server.address(), "u01*master", &master.password).expect("the master logs in as a user");
    let enter = |mechanism: &str, response: String| {
        let mut talk = Talk::connect(server.address()).expect("a greeting");
        let tag = talk.begin(format!("AUTHENTICATE {mechanism} {}", base64(response.as_bytes())).as_bytes()).expect("sent");
        talk.line().map(|line| line.starts_with(&format!("{tag} OK")) || line.starts_with("* CAPABILITY")).unwrap_or(false)
    };
    assert!(enter("PLAIN", format!("u02\0{}\0{}", master.name, master.password)), "PLAIN with an authorisation identity");
    let token = server.token("u01", expires_in_an_hour()).expect("a token");
    assert!(enter("XOAUTH2", format!("user=u01\x01auth=Bearer {token}\x01\x01")), "XOAUTH2: {}", server.log());
    assert!(enter("OAUTHBEARER", format!("n,a=u01,\x01auth=Bearer {token}\x01\x01")), "OAUTHBEARER: {}", server.log());
    let stale = server.token("u01", 1_500_000_000).expect("a token");
    assert!(!enter("XOAUTH2", format!("user=u01\x01auth=Bearer {stale}\x01\x01")), "a token of 2017");
    assert!(!enter("XOAUTH2", format!("user=u02\x01auth=Bearer {token}\x01\x01")), "another's token");
    assert!(Talk::login(server.address(), "u01", "guess").is_err());
    assert!(Talk::connect(server.address()).expect("a greeting").greeting.contains("AUTH=SCRAM-SHA-256"));
}

#[test]
fn limits_are_told_and_held() {
    let options = Options { append_limit: Some(5000), quota_bytes: Some(12_000), with_extensions: true, ..Options::default() };
    let Some(server) = started(options) else { return };
    let mut talk = server.talk(1).expect("a login");
    let capabilities = talk.ok("CAPABILITY").expect("an answer");
    let told: Vec<String> = capabilities.untagged[0].iter().filter_map(Value::text).collect();
    for wanted in ["APPENDLIMIT=5000", "QUOTA", "COMPRESS=DEFLATE", "ACL", "METADATA", "QRESYNC", "LIST-STATUS", "SPECIAL-USE"] {
        assert!(told.iter().any(|word| word == wanted), "{wanted} is not among {told:?}");
    }
    let large = [MAIL, &[b'x'; 6000], b"\r\n"].concat();
    assert!(talk.append("INBOX", "()", &large).expect("an answer").status.starts_with("NO "), "larger than the limit");
    let mail = [MAIL, &[b'x'; 4000], b"\r\n"].concat();
    let answers: Vec<String> = (0..4).map(|_| talk.append("INBOX", "()", &mail).expect("an answer").status).collect();
    assert!(answers[0].starts_with("OK") && answers[3].starts_with("NO [OVERQUOTA]"), "{answers:?}");
}

#[test]
fn the_tool_of_its_administrator_speaks_to_this_server() {
    let Some(server) = started(Options::default()) else { return };
    assert!(Dovecot::doveadm(&server, &["mailbox", "list", "-u", "u01"]).expect("doveadm").contains("INBOX"));
}
