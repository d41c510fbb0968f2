//! The agent processes of the demo.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;

use super::stage::Stage;

struct Player {
    node: &'static str,
    kind: AgentKind,
    child: Child,
}

pub struct Cast(Vec<Player>);

impl Cast {
    pub fn start(stage: &Stage) -> anyhow::Result<Cast> {
        let mut cast = Cast(Vec::new());
        for (node, kind) in stage.agents() {
            cast.enter(stage, node, kind)?;
        }
        Ok(cast)
    }

    pub fn start_node(&mut self, stage: &Stage, node: &str) -> anyhow::Result<()> {
        for (name, kind) in stage.agents().into_iter().filter(|(name, _)| *name == node) {
            self.enter(stage, name, kind)?;
        }
        Ok(())
    }

    fn enter(&mut self, stage: &Stage, node: &'static str, kind: AgentKind) -> anyhow::Result<()> {
        // The console carries the agents: each process is this program as `mailferry agent KIND run`.
        let program = std::env::current_exe()?;
        let child = Command::new(&program)
            .args(["agent", kind.name(), "run", "--config"])
            .arg(&stage.home(node, kind).config_ini)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| {
                Trouble::new("could not start an agent")
                    .place(program.display())
                    .cause(error)
                    .hint("the demo starts this very program again: leave it where it is, and allow it to be run")
            })?;
        self.0.push(Player { node, kind, child });
        Ok(())
    }

    /// SIGKILL to every agent of a node (TerminateProcess on Windows): no word of warning.
    pub fn kill_node(&mut self, node: &str) {
        self.0.retain_mut(|player| {
            if player.node == node {
                let _ = player.child.kill();
                let _ = player.child.wait();
            }
            player.node != node
        });
    }

    /// Waits until `done`; an agent that ends by itself is an error.
    pub fn wait(&mut self, what: &str, patience: Duration, done: impl Fn() -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !done() {
            for player in &mut self.0 {
                if let Some(status) = player.child.try_wait()? {
                    return Err(Trouble::new(format!("the {} agent of {} ended by itself ({status})", player.kind, player.node))
                        .hint("its log is in its folder")
                        .into());
                }
            }
            if began.elapsed() > patience {
                return Err(Trouble::new(format!("waited {} s in vain until {what}", patience.as_secs()))
                    .hint("the logs and status.json of the agents, in their folders, say what they wait for")
                    .into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub fn stop(&mut self) {
        for player in &mut self.0 {
            let _ = player.child.kill();
            let _ = player.child.wait();
        }
        self.0.clear();
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.stop();
    }
}
