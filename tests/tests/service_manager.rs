//! A real agent under something that listens as systemd does: what it tells, and when it says that it is alive.
#![cfg(target_os = "linux")]

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailferry_core::settings::AgentKind;
use mailferry_tests::{Bed, Plan, agent_program};

const PATIENCE: Duration = Duration::from_secs(60);

struct Heard {
    socket: UnixDatagram,
    agent: Child,
}

impl Heard {
    fn start(bed: &Bed, watchdog: Option<Duration>) -> Self {
        let (node, kind) = bed.agents().into_iter().find(|(_, kind)| *kind == AgentKind::Source).expect("there is a source agent");
        let path = bed.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let mut command = Command::new(agent_program(kind));
        command.arg("run").arg("--config").arg(&bed.home(&node, kind).config_ini).env("NOTIFY_SOCKET", &path);
        if let Some(patience) = watchdog {
            command.env("WATCHDOG_USEC", patience.as_micros().to_string());
        }
        let agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("an agent can be started");
        Heard { socket, agent }
    }

    /// What is said within this time.
    fn next(&self, within: Duration) -> Option<String> {
        let mut bytes = [0; 4096];
        self.socket.set_read_timeout(Some(within)).expect("a limit of time");
        let length = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned())
    }

    fn wait_for(&self, what: &str) -> String {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{what} was not said within {} s", PATIENCE.as_secs());
            match self.next(PATIENCE) {
                Some(said) if said.starts_with(what) => return said,
                _ => {}
            }
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.agent.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {signal}");
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.agent.kill().and_then(|()| self.agent.wait()).expect("a child can be killed");
    }
}

#[test]
fn the_manager_hears_that_an_agent_is_ready_how_it_stands_and_that_it_ends() {
    let bed = Plan::new(1, 1).sample("alice", 2).build();
    let mut heard = Heard::start(&bed, None);
    assert_eq!(heard.next(PATIENCE).as_deref(), Some("READY=1"), "first of all");
    let status = heard.wait_for("STATUS=");
    assert!(status.contains("active, epoch 1, 0 of ") && status.ends_with("last session: completed"), "{status}");
    heard.signal("TERM");
    heard.wait_for("STOPPING=1");
    let ended = heard.agent.wait().expect("it ends by itself");
    assert!(ended.success(), "{ended:?}");
}

#[test]
fn an_agent_says_that_it_is_alive_while_it_sleeps_and_no_more_when_it_hangs() {
    let bed = Plan::new(1, 1).sample("alice", 1).settings("[settings.source]\nSleepInterval = \"1h\"\n").build();
    let patience = Duration::from_secs(2);
    let heard = Heard::start(&bed, Some(patience));
    let mut last = Instant::now();
    for _ in 0..6 {
        heard.wait_for("WATCHDOG=1");
        let waited = std::mem::replace(&mut last, Instant::now()).elapsed();
        assert!(waited < PATIENCE, "{waited:?}");
    }
    heard.signal("STOP");
    while heard.next(patience / 2).is_some() {}
    assert_eq!(heard.next(patience), None, "a process that does not run is not alive");
    heard.signal("CONT");
    heard.wait_for("WATCHDOG=1");
}
