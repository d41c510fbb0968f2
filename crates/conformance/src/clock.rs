//! The contract of `Clock` as named laws.

use std::sync::Arc;

use mailferry_core::ports::Clock;

/// A clock, and time that passes.
pub trait Bench {
    fn clock(&self) -> Arc<dyn Clock>;

    /// Returns when that much time has passed, not long after.
    fn pass(&self, ms: u64);
}

/// One test per law: `mailferry_conformance::clock!(bench());`
#[macro_export]
macro_rules! clock {
    ($bench:expr) => {
        $crate::tests_of! { clock, $bench;
            it_tells_milliseconds_since_1970
            it_goes_on_with_the_time
            it_does_not_go_back_by_itself
        }
    };
}

const YEAR_MS: u64 = 31_556_952_000;

/// In seconds this would be 1970, in microseconds the far future.
pub fn it_tells_milliseconds_since_1970(bench: &dyn Bench) {
    let years = bench.clock().now_ms() / YEAR_MS;
    assert!((54..150).contains(&years), "{years} years after 1970");
}

pub fn it_goes_on_with_the_time(bench: &dyn Bench) {
    let clock = bench.clock();
    for ms in [1, 20] {
        let before = clock.now_ms();
        bench.pass(ms);
        let passed = clock.now_ms() - before;
        assert!((ms..ms + 60_000).contains(&passed), "{passed} ms in {ms} ms");
    }
}

/// What one thread has been told, another is told no less afterwards.
pub fn it_does_not_go_back_by_itself(bench: &dyn Bench) {
    let clock = bench.clock();
    let mut last = 0;
    for _ in 0..100 {
        let now = std::thread::scope(|scope| scope.spawn(|| clock.now_ms()).join()).expect("a time");
        assert!(last <= now && now <= clock.now_ms());
        last = now;
    }
}
