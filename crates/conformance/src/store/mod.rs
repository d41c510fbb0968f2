//! The contracts of `MailSource` and `MailTarget` as named laws, for every store alike.
//!
//! A store comes as a `Bench`: one mailbox that can be opened again and again, as target and as source. `run` gives each
//! law a bench of its own; a law panics when it is broken, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod items;
mod kit;
mod laws;
mod names;

pub use kit::{Bench, Limits};

/// A law by name.
pub type Law = (&'static str, fn(&dyn Bench));

/// Every law, on a fresh mailbox each.
pub fn run(mut make: impl FnMut() -> Box<dyn Bench>) {
    for (name, law) in laws::LAWS.iter().chain(names::LAWS).chain(items::LAWS) {
        let bench = make();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| law(&*bench)));
        if let Err(cause) = outcome {
            let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
            panic!("{}: the law `{name}` is broken: {}", bench.name(), text.unwrap_or("see above"));
        }
    }
}
