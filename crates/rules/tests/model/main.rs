//! The rules as a model: every interleaving of a small migration, with the real rules deciding (docs/testing.md, "The model").

mod activation;
mod deleting;
mod faults;
mod laws;
mod model;
mod search;
mod source;
mod story;
mod target;
mod transmission;
mod words;
mod world;

use model::Model;

fn holds(model: Model) {
    let found = model.explore();
    if let Some(violation) = &found.violation {
        panic!("{}", model.story(violation));
    }
    println!("{model:?}: {} states {:?}, {} transitions, {} quiet", found.states, found.by_faults, found.transitions, found.quiet);
}

const ONE: Model = Model { nodes: [1, 1], containers: 1, faults: 0, carry_on: false, keyed: true };

#[test]
fn tiny() {
    let env = |name: &str, or: u8| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
    let nodes = [env("S", 1) as usize, env("T", 1) as usize];
    let started = std::time::Instant::now();
    holds(Model { nodes, containers: env("C", 1), faults: env("F", 0), carry_on: env("CARRY", 0) > 0, keyed: env("KEYED", 1) > 0, ..ONE });
    println!("{:?}", started.elapsed());
}
