//! The contracts of the ports as named laws: the simulated body of a port and the real one pass the same suite, so that what holds
//! in the simulator holds on a server.
//!
//! ```text
//! share   a node's disk
//! state   the agents' database, in memory and on a file
//! store   mail stores, as source and as target
//! role    who is active
//! clock   the time
//! ```
//!
//! A law is a function over a bench: the body under test, fresh, and what has to be done to it from outside. The macro named like
//! the suite makes one test of each law: `mailferry_conformance::share!(Bench::new());`. Used by tests alone.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a law that is broken panics, as tests do")]

pub mod clock;
pub mod role;
pub mod share;
pub mod state;
pub mod store;

/// One test per law, each with a bench of its own.
#[macro_export]
#[doc(hidden)]
macro_rules! tests_of {
    ($suite:ident, $bench:expr; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::$suite::$law(&$bench);
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// A law that no list names would be checked by nobody.
    #[test]
    fn every_law_is_in_the_list_of_its_suite() {
        let store = concat!(include_str!("store/laws.rs"), include_str!("store/names.rs"), include_str!("store/items.rs"));
        for (laws, list) in [
            (include_str!("clock.rs"), include_str!("clock.rs")),
            (include_str!("role.rs"), include_str!("role.rs")),
            (include_str!("share/laws.rs"), include_str!("share/mod.rs")),
            (include_str!("share/open_files.rs"), include_str!("share/mod.rs")),
            (include_str!("share/troubles.rs"), include_str!("share/mod.rs")),
            (include_str!("state/laws.rs"), include_str!("state/mod.rs")),
            (include_str!("state/replicas.rs"), include_str!("state/mod.rs")),
            (store, include_str!("store/mod.rs")),
        ] {
            let names: Vec<&str> =
                laws.lines().filter_map(|line| line.strip_prefix("pub fn ")?.split_once('(')).map(|(name, _)| name).collect();
            assert!(names.len() > 2);
            for name in names {
                assert!(list.lines().any(|line| line.trim() == name), "{name} is in no list");
            }
        }
    }
}
