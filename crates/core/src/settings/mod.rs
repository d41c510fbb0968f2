//! What the people who run the suite have decided, from the project file down to a switch on the command line.
//!
//! ```text
//! project      the project file (TOML) of the console: servers, mailboxes, settings
//! shape        whether the project file has the tables and names it may have; all mistakes at once
//! lists        CSV files of mailboxes that a project file names
//! commit       project -> config.ini and desired.toml of each agent on each node: plan, show the plan, execute that plan
//! record       commits.json of a node: what was committed there, and the moment at which it counts
//! archive      what was committed, beside the project file
//! desired      desired.toml: what one agent shall be and do, read at the start of each session
//! load         defaults < project < config.ini < command line, with the origin of every value (R90)
//! keys         every key of config.ini, documented where it is defined; the reference is generated from it
//! ini          config.ini as text, lossless
//! files        the only place here that touches a disk
//! ```
//!
//! Rules held: R4 and R5 (names and shares), R56 (suffixes), R71 (names of the constraints), R90 (layers), R91 (a bad
//! configuration never makes a dead agent). The road not taken: one TOML file for everything. Administrators of such
//! suites know config.ini, edit it with Notepad on the server at three in the morning, and must find it there.

mod archive;
mod bytes;
mod check;
mod choice;
mod commit;
mod config_ini;
mod desired;
mod duration;
mod encoding;
mod files;
mod finding;
pub mod ini;
mod key;
mod keys;
mod lists;
mod load;
mod mailbox;
mod project;
mod raw_keys;
mod record;
mod reference;
mod rights_map;
mod shape;
mod topology;

pub use archive::{Archive, KeptCommit};
pub use bytes::{ByteSize, Floor};
pub use choice::{Constraint, LogFormat, LogLevel};
pub use commit::{
    AgentPlan, AgentStanding, Change, CommitPlan, Effect, FilePlan, NodeOutcome, NodePlan, NodeStanding, Overwritten, agent_files,
    content_digest, plan_commit, shown_shortly, standing,
};
pub use desired::{DESIRED_FORMAT, Desired, Revision, load_desired};
pub use duration::Seconds;
pub use finding::Finding;
pub use key::{BadValue, Key};
pub use keys::{AgentSettings, KEYS};
pub use load::{Effective, Loaded, Origin, load};
pub use mailbox::{Mailbox, mailbox_id};
pub use project::{Chosen, Known, Project, load_project, load_project_knowing, parse_project, parse_project_knowing};
pub use record::{Author, CommitEntry, NodeRecord};
pub use reference::{config_ini_sample, project_reference, project_sample, settings_reference};
pub use rights_map::RightsMap;
pub use topology::{AgentKind, Cluster, Node, RoleOrigin, Side, Topology};
