//! Random histories of the PostgreSQL queue, beside the reference in memory.

use dlcs_testkit::contract;
use dlcs_testkit::queue::model;
use proptest::test_runner::Config;

use crate::postgres_fixture::schema_or_return;
use crate::postgres_sound::assert_sound;

proptest::proptest! {
    // More of them with `PROPTEST_CASES`, others with `PROPTEST_RNG_SEED`.
    #![proptest_config(Config { cases: cases(), failure_persistence: None, ..Config::default() })]

    #[test]
    fn postgres_and_the_reference_agree_after_every_step(steps in model::steps(60)) {
        contract::run(async {
            let schema = schema_or_return!("postgres_and_the_reference_agree_after_every_step");
            model::run(&steps, &schema.clock, || schema.open()).await;
            assert_sound(&schema.raw().await, "after a random history").await;
        });
    }
}

/// How many histories are tried; each makes a schema.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(20)
}
