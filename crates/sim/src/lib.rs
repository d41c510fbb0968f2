//! The world in memory: two sides of nodes with disks, clocks, roles and mail stores, and the real agents on top.
//!
//! ```text
//! dice       chance from a seed
//! baton      sessions that run in turns
//! process    a running agent as the fault injector sees it: counted steps, death at a chosen one
//! clock      time, and what each node's clock shows
//! network    who reaches whose disk
//! disk       shares
//! databases  in memory, used again
//! store      mail stores
//! server     a target store behind a network
//! scenario   a story from a file
//! roles      who is active, and who believes to be
//! guarantee  whether enough copies hold the mail
//! world      nodes and agents, sessions in a fixed order
//! watch      what must be true at every step
//! check      what must be true in the end
//! story      scenarios: what happens to users, nodes and roles
//! ladder     a scenario stopped at every durable step
//! swarm      lives drawn by lot
//! ```
//!
//! Only the ports are simulated. Engine, rules, containers, replication and SQLite are those of production; the databases
//! live in memory. One step is taken at a time, in an order that depends on nothing but the
//! scenario and its seed.
#![forbid(unsafe_code)]

pub mod baton;
pub mod check;
pub mod clock;
mod databases;
pub mod dice;
pub mod disk;
pub mod flow;
pub mod guarantee;
pub mod ladder;
pub mod network;
pub mod process;
pub mod roles;
pub mod scenario;
mod server;
pub mod store;
pub mod story;
pub mod swarm;
pub mod watch;
pub mod world;
