//! A plan as it is shown before it is executed.

use std::fmt;

use super::{AgentPlan, CommitPlan, Effect};

impl fmt::Display for CommitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "revision {}", self.revision)?;
        for node in &self.nodes {
            match &node.agents {
                Ok(agents) => agents.iter().try_for_each(|agent| write!(f, "{}: {agent}", node.node))?,
                Err(trouble) => writeln!(f, "{}: left out: {}", node.node, trouble.to_string().replace('\n', "\n  "))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for AgentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.agent)?;
        for file in &self.files {
            let verb = match file.effect {
                Effect::Create => "create",
                Effect::Change => "change",
                Effect::Keep => "keep",
            };
            writeln!(f, "  {verb:<6} {}", file.path.display())?;
        }
        self.overwritten.iter().try_for_each(|edit| writeln!(f, "    overwrites {edit}"))
    }
}
