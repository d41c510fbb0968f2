//! Plans and what became of them, for programs.

use mailferry_core::settings::{AgentPlan, CommitPlan, Effect, FilePlan, NodeOutcome, NodePlan};
use serde_json::{Value, json};

pub fn plan(plan: &CommitPlan) -> Value {
    json!({ "revision": plan.revision, "nodes": plan.nodes.iter().map(node).collect::<Vec<_>>() })
}

fn node(node: &NodePlan) -> Value {
    match &node.agents {
        Err(trouble) => json!({ "node": node.node, "left_out": trouble.to_string() }),
        Ok(agents) => json!({ "node": node.node, "agents": agents.iter().map(agent).collect::<Vec<_>>() }),
    }
}

fn agent(agent: &AgentPlan) -> Value {
    let file = |file: &FilePlan| json!({ "path": file.path, "effect": effect(file.effect) });
    json!({
        "agent": agent.agent,
        "files": agent.files.iter().map(file).collect::<Vec<_>>(),
        "changes": agent.settings.iter().chain(&agent.common).collect::<Vec<_>>(),
        "overwrites": agent.overwritten.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Create => "create",
        Effect::Change => "change",
        Effect::Keep => "keep",
    }
}

pub fn outcomes(outcomes: &[NodeOutcome]) -> Vec<Value> {
    let outcome = |outcome: &NodeOutcome| json!({ "node": outcome.node, "written": outcome.result.is_ok(), "error": outcome.result.as_ref().err().map(ToString::to_string) });
    outcomes.iter().map(outcome).collect()
}
