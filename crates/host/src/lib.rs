//! The operating system under the agents.
//!
//! ```text
//! files    durable creation, renaming and listing; the only place with system calls of one platform
//! share    a folder, mount or UNC path as a node's share
//! direct   the same on one disk, for one process that is all agents
//! role     who is active, from a file at the witness or a cluster manager
//! clock    the wall clock
//! flow     locks sources and leads mail to targets
//! keys     what manifests are signed with
//! memory   what the allocator keeps
//! logs     events to files, the terminal and the log of the system
//! wiring   desired.toml and config.ini into an agent
//! service  the loop of sessions, its waking and its end
//! checks   what `check` looks at
//! doctor   what `mailferry doctor` looks at, and what to do about it
//! queues   copy queue and replay queue in words
//! manager  the service manager of the operating system
//! cli      the command line of the three agents
//! ```

mod checks;
mod cli;
mod clock;
mod direct;
mod doctor;
mod files;
mod flow;
mod keys;
mod logs;
mod manager;
mod memory;
mod queues;
mod role;
mod service;
mod share;
mod wiring;

pub use checks::{Check, check_agent};
pub use cli::{AgentCommand, agent_cli, agent_main, run_agent_command};
pub use clock::SystemClock;
pub use direct::DirectShare;
pub use doctor::{Ailment, Examination, Grade, Probe, examine_agent, examine_report, examine_share};
pub use keys::{public_file, signing_key};
pub use logs::{LogEvents, LogTo, Teller, start_logs};
pub use manager::ServiceCommand;
#[cfg(not(windows))]
pub use manager::{Wanted, unit};
pub use memory::keep_little_memory;
pub use queues::queue_lines;
pub use role::{RoleReader, StaticRole, active_node, set_active_node};
pub use service::{Service, Wake, copy_out, on_stop_signal};
pub use share::LocalShare;
pub use wiring::{AgentHome, GuaranteeOpener, Openers, StoreOpener, engine_mailboxes, no_guarantee, rules_side};
