//! The source agent: reads mailboxes and packs their changes into PRV containers in the OUT folders.

use std::process::ExitCode;
use std::sync::Arc;

use mailferry_core::settings::AgentKind;

fn main() -> ExitCode {
    let openers = mailferry_host::Openers { stores: Arc::new(mailferry_stores::StoresByUrl), guarantee: mailferry_host::no_guarantee };
    mailferry_host::agent_main(AgentKind::Source, openers)
}
