//! The target agent: applies containers to the target mailboxes, each item exactly once.

use std::process::ExitCode;
use std::sync::Arc;

use mailferry_core::settings::AgentKind;

fn main() -> ExitCode {
    let openers = mailferry_host::Openers { stores: Arc::new(mailferry_stores::StoresByUrl), guarantee: mailferry_guarantee::open };
    mailferry_host::agent_main(AgentKind::Target, openers)
}
