//! Random histories of the SQLite queue, beside the reference in memory.

use dlcs_testkit::contract;
use dlcs_testkit::queue::model;
use proptest::test_runner::Config;

use crate::sqlite_fixture::Place;

proptest::proptest! {
    // More of them with `PROPTEST_CASES`, others with `PROPTEST_RNG_SEED`.
    #![proptest_config(Config { cases: cases(), failure_persistence: None, ..Config::default() })]

    #[test]
    fn sqlite_and_the_reference_agree_after_every_step(steps in model::steps(60)) {
        let place = Place::new();
        contract::run(model::run(&steps, &place.clock, || place.open()));
    }
}

/// How many histories are tried.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(100)
}
