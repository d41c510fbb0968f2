//! What people look at, made by real agents: status, pages, metrics, reports and the terminal say what has happened.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan, console, console_command, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "a token of the tests, 0123456789";

/// `mailferry serve`, ended with the test.
struct Server {
    child: Child,
    address: String,
}

struct Page {
    status: u16,
    headers: String,
    body: String,
}

impl Server {
    fn start(bed: &Bed, token: Option<&str>) -> Self {
        let project = bed.path("project.toml").display().to_string();
        let mut command = console_command(&["serve", "--project", &project, "--listen", "127.0.0.1:0"]);
        if let Some(token) = token {
            command.env("MAILFERRY_TOKEN", token);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the console can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        Server { child, address }
    }

    fn get(&self, path: &str, more: &str) -> Page {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}\r\n", self.address).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (headers, body) = text.split_once("\r\n\r\n").expect("headers");
        let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Page { status, headers: headers.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn page(&self, path: &str) -> String {
        let page = self.get(path, "");
        assert_eq!(page.status, 200, "{path}");
        page.body
    }

    /// Series and their values.
    fn metrics(&self) -> BTreeMap<String, f64> {
        let text = self.page("/metrics");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent(side: Side, node: &str, kind: AgentKind) -> String {
    format!("{{side=\"{side}\",node=\"{node}\",agent=\"{kind}\"}}")
}

fn run(bed: &Bed, words: &[&str]) -> (Option<i32>, String) {
    let project = bed.path("project.toml").display().to_string();
    let output = console(&[words, &["--project", &project]].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Rows of the report of the only collection, by mailbox.
fn report(bed: &Bed) -> (Option<i32>, BTreeMap<String, serde_json::Value>) {
    let folder = bed.path("reports").display().to_string();
    let (code, _) = run(bed, &["report", "--out", &folder]);
    let text = fs::read_to_string(bed.path("reports/report-all.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let rows = report["rows"].as_array().expect("rows").iter();
    (code, rows.map(|row| (row["name"].as_str().expect("a name").to_owned(), row.clone())).collect())
}

#[test]
fn every_view_tells_what_real_agents_have_done_through_a_failover_and_a_trouble() {
    let bed = Plan::new(2, 2).sample("alice", 40).sample("bob", 7).settings("[settings.source]\nContainerItemsMax = 10").build();
    let server = Server::start(&bed, None);
    assert_eq!(server.metrics()[&format!("mailferry_agent_reports{}", agent(Side::Source, "SRC1", AgentKind::Source))], 0.0);
    bed.settle();

    // The counts of a run are those of the mail.
    let (code, rows) = report(&bed);
    assert_eq!(code, Some(0));
    for (name, items) in [("alice", 40), ("bob", 7)] {
        let row = &rows[name];
        assert_eq!(
            (row["items"].as_u64(), row["left_out"].as_u64(), row["state"].as_str()),
            (Some(items), Some(0), Some("InStep")),
            "{row}"
        );
        assert!(row["containers"].as_u64() == row["answered"].as_u64() && row["applied"].as_u64() >= Some(items), "{row}");
    }
    assert!(rows["alice"]["containers"].as_u64() >= Some(4), "{}", rows["alice"]);
    for (name, text) in [("report-all.html", "alice"), ("report-all.csv", "alice,")] {
        assert!(fs::read_to_string(bed.path("reports").join(name)).is_ok_and(|page| page.contains(text)), "{name}");
    }

    let active = |node: &str| format!("mailferry_agent_active{}", agent(Side::Source, node, AgentKind::Source));
    let items = "mailferry_items_total{collection=\"all\"}";
    wait_until("the metrics are those of the last session", PATIENCE, || server.metrics().get(items) == Some(&47.0));
    assert_eq!([server.metrics()[&active("SRC1")], server.metrics()[&active("SRC2")]], [1.0, 0.0]);

    // The sums go over with the database.
    bed.switch_over(Side::Source);
    bed.settle();
    wait_until("the new active node is seen", PATIENCE, || server.metrics().get(&active("SRC2")) == Some(&1.0));
    assert_eq!(server.metrics()[items], 47.0);
    assert_eq!(report(&bed).1["alice"]["items"].as_u64(), Some(40));

    // Somebody takes a mailbox away.
    fs::rename(bed.path("mail/old/bob"), bed.path("mail/old/away")).expect("renamed");
    bed.round();
    wait_until("it is told", PATIENCE, || server.page("/").contains("<li class=\"warn\">bob: "));
    let (code, rows) = report(&bed);
    assert_eq!((code, rows["bob"]["state"].as_str(), rows["alice"]["state"].as_str()), (Some(3), Some("Stalled"), Some("InStep")));
    assert!(server.page("/mailboxes?state=Stalled").contains("1 mailbox of 2"));
    let (code, status) = run(&bed, &["status", "--watch"]);
    assert!(code == Some(3) && status.contains("waits: bob: "), "no terminal: it prints once\n{status}");
    in_a_terminal(&bed);

    for path in ["/", "/mailboxes", "/moves", "/debts", "/events", "/metrics"] {
        let page = server.get(path, "");
        assert_eq!(page.status, 200, "{path}");
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
        ] {
            assert!(page.headers.contains(header), "{path}: {}", page.headers);
        }
        assert!(!page.body.contains("/mail/new"), "{path} says where the mail is");
    }
    assert_eq!(server.get("/", "").headers.matches("content-type: text/html").count(), 1);
    assert_eq!(server.get("/mailboxes/../project.toml", "").status, 404);
}

/// The same on a terminal of 80 columns, by `script`.
fn in_a_terminal(bed: &Bed) {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !(is_there("script") && is_there("timeout")) {
        return mailferry_tests::skipped("`script` or `timeout` is not there: the terminal was not tried");
    }
    let mut command = Command::new("timeout");
    let program = console_command(&[]).get_program().to_string_lossy().into_owned();
    let words = format!("stty rows 24 cols 80; exec '{program}' status --watch --project '{}'", bed.path("project.toml").display());
    command
        .args(["60", "script", "-qec", &words, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh");
    let mut child = command.spawn().expect("a terminal");
    let (mut keys, mut screen) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let mut told = String::new();
    for (word, key) in [("SRC2", "2"), ("alice", "q")] {
        while !told.contains(word) {
            let mut bytes = [0; 4096];
            let count = screen.read(&mut bytes).expect("a screen");
            assert!(count > 0, "it ended before it showed {word}:\n{told}");
            told += &String::from_utf8_lossy(&bytes[..count]);
        }
        keys.write_all(key.as_bytes()).and_then(|()| keys.flush()).expect("a key");
    }
    screen.read_to_end(&mut Vec::new()).expect("the rest");
    assert_eq!(child.wait().expect("it ends by q").code(), Some(3), "{told}");
    // Blanks may be moves of the cursor.
    for word in ["Mailferry", "mailboxes:", "1 Stalled", "answered"] {
        assert!(told.contains(word), "no {word} in\n{told}");
    }
}

#[test]
fn other_machines_and_wrong_tokens_see_nothing_and_a_request_to_end_is_heard() {
    let bed = Plan::new(1, 1).sample("alice", 3).build();
    bed.settle();
    let project = bed.path("project.toml").display().to_string();
    let open = console(&["serve", "--project", &project, "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&open.stderr).contains("this address needs a token"));

    let mut server = Server::start(&bed, Some(TOKEN));
    for (path, more) in [
        ("/", String::new()),
        ("/mailboxes", "Authorization: Bearer wrong wrong wrong\r\n".into()),
        ("/metrics", "Cookie: mailferry=00\r\n".into()),
    ] {
        let page = server.get(path, &more);
        assert_eq!(page.status, 401, "{path}");
        assert!(!page.body.contains("alice") && !page.body.contains("SRC"), "{path}");
    }
    let page = server.get("/mailboxes", &format!("Authorization: Bearer {TOKEN}\r\n"));
    assert!(page.status == 200 && page.body.contains("alice") && !page.body.contains(TOKEN));
    assert_eq!(server.get("/healthz", "").body.trim(), "ok");

    #[cfg(unix)]
    {
        let done = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
        assert!(done.is_ok_and(|done| done.success()));
        let mut ended = None;
        wait_until("it has ended", PATIENCE, || {
            ended = server.child.try_wait().expect("a child can be asked");
            ended.is_some()
        });
        assert_eq!(ended.and_then(|ended| ended.code()), Some(0));
    }
    #[cfg(not(unix))]
    server.child.kill().expect("a child can be killed");
}
