//! The source agent: reads mailboxes and packs their changes into PRV containers in the OUT folders.

use std::process::ExitCode;
use std::sync::Arc;

use mailferry_core::settings::AgentKind;

fn main() -> ExitCode {
    mailferry_host::agent_main(AgentKind::Source, Arc::new(mailferry_stores::StoresByUrl))
}
