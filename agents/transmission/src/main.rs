//! The transmission agent: carries containers from OUT to the IN folders of the other side.

use std::process::ExitCode;
use std::sync::Arc;

use mailferry_core::settings::AgentKind;

fn main() -> ExitCode {
    let openers = mailferry_host::Openers { stores: Arc::new(mailferry_stores::StoresByUrl), guarantee: mailferry_host::no_guarantee };
    mailferry_host::agent_main(AgentKind::Transmission, openers)
}
