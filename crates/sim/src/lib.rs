//! The world in memory: two sides of nodes with disks, clocks, roles and mail stores, and the real agents on top.
//!
//! ```text
//! dice     chance from a seed
//! baton    sessions that run in turns
//! process  a running agent as the fault injector sees it: counted steps, death at a chosen one
//! disk     shares
//! store    mail stores
//! world    nodes and agents, sessions in a fixed order
//! check    what must be true in the end
//! story    scenarios: what happens to users, nodes and roles
//! ladder   a scenario stopped at every durable step
//! swarm    stories drawn by lot
//! ```
//!
//! Only the ports are simulated. Engine, rules, containers, replication and SQLite are those of production; the databases
//! live in memory. One step is taken at a time, in an order that depends on nothing but the
//! scenario and its seed.
#![forbid(unsafe_code)]

pub mod baton;
pub mod check;
pub mod dice;
pub mod disk;
pub mod ladder;
pub mod process;
pub mod store;
pub mod story;
pub mod swarm;
pub mod world;
