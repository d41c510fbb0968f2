//! The transmission agent: carries containers from OUT to the IN folders of the other side.

use std::process::ExitCode;
use std::sync::Arc;

use mailferry_core::settings::AgentKind;

fn main() -> ExitCode {
    mailferry_host::agent_main(AgentKind::Transmission, Arc::new(mailferry_stores::StoresByUrl))
}
