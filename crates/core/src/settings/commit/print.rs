//! A plan as it is shown before it is executed.

use std::fmt;

use super::{AgentPlan, Change, CommitPlan, Effect, shown_shortly};

impl fmt::Display for CommitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "revision {}", self.revision)?;
        for (agents, changes) in self.common() {
            writeln!(f, "for {}:", agents.join(", "))?;
            shown_shortly(changes).iter().try_for_each(|change| writeln!(f, "  {change}"))?;
        }
        for node in &self.nodes {
            match &node.agents {
                Ok(agents) => agents.iter().try_for_each(|agent| write!(f, "{}: {agent}", node.node))?,
                Err(trouble) => writeln!(f, "{}: left out: {}", node.node, trouble.to_string().replace('\n', "\n  "))?,
            }
        }
        Ok(())
    }
}

impl CommitPlan {
    /// What changes for many agents alike, each time with the agents for whom it does.
    fn common(&self) -> Vec<(Vec<String>, &[Change])> {
        let mut groups: Vec<(Vec<String>, &[Change])> = Vec::new();
        for (node, agent) in self.nodes.iter().flat_map(|node| node.agents.iter().flatten().map(move |agent| (node, agent))) {
            let name = format!("{} {}", node.node, agent.agent);
            match groups.iter_mut().find(|(_, changes)| *changes == agent.common.as_slice()) {
                _ if agent.common.is_empty() => {}
                Some((agents, _)) => agents.push(name),
                None => groups.push((vec![name], &agent.common)),
            }
        }
        groups
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
        shown_shortly(&self.settings).iter().try_for_each(|change| writeln!(f, "    {change}"))?;
        self.overwritten.iter().try_for_each(|edit| writeln!(f, "    overwrites {edit}"))
    }
}
