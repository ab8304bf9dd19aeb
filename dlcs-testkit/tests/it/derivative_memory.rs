//! The contract of a derivative store: on the reference store, and on broken ones.

use dlcs_core::memory::MemoryDerivatives;
use dlcs_testkit::contract::unlisted;
use dlcs_testkit::derivative as clauses;
use dlcs_testkit::fake::{FaultyStore, StoreFault};

async fn new() -> ((), MemoryDerivatives) {
    ((), MemoryDerivatives::new())
}

dlcs_testkit::derivative_contract!(new());

/// Returns the clauses that fail on stores with a fault.
macro_rules! failing {
    ($fault:expr; $($clause:ident),+ $(,)?) => {{
        let mut failed = Vec::new();
        $(
            let store = FaultyStore::new($fault);
            let run = tokio::spawn(async move { clauses::$clause(&store).await });
            if run.await.is_err_and(|error| error.is_panic()) {
                failed.push(stringify!($clause));
            }
        )+
        failed
    }};
}

#[tokio::test(start_paused = true)]
async fn each_fault_fails_the_clauses_that_are_meant_for_it() {
    let meant: [(StoreFault, &[&str]); _] = [
        (
            StoreFault::ShowsUnfinished,
            &["unfinished_put_cannot_be_seen", "list_is_exact"],
        ),
        (StoreFault::KeepsFailed, &["failing_body_leaves_nothing"]),
        (StoreFault::KeepsDropped, &["dropped_put_leaves_nothing"]),
        (StoreFault::TearsOverwrites, &["overwriting_is_atomic"]),
        (
            StoreFault::RefusesLongRanges,
            &[
                "ranges_are_cut_at_the_end",
                "ranges_come_behind_what_is_given",
            ],
        ),
        (
            StoreFault::RefusesToDeleteNothing,
            &["deleting_what_is_not_there_succeeds"],
        ),
        (StoreFault::HidesUploads, &["list_is_exact"]),
        (StoreFault::ForgetsAges, &["scan_knows_length_and_age"]),
    ];
    for (fault, meant) in meant {
        let failed = failing! {
            fault;
            put_object_is_read_whole,
            large_object_is_read_whole,
            unfinished_put_cannot_be_seen,
            failing_body_leaves_nothing,
            dropped_put_leaves_nothing,
            overwriting_is_atomic,
            failing_overwrite_keeps_the_old_bytes,
            ranges_give_the_bytes,
            ranges_are_cut_at_the_end,
            ranges_come_behind_what_is_given,
            missing_is_not_found,
            deleted_is_gone_and_others_are_not,
            deleting_what_is_not_there_succeeds,
            list_is_exact,
            scan_knows_length_and_age,
            many_at_once,
        };
        assert_eq!(failed, meant, "{fault:?}");
    }
}

#[test]
fn no_clause_is_left_out_here() {
    let (here, all) = (
        include_str!("derivative_memory.rs"),
        include_str!("../../src/derivative/mod.rs"),
    );
    assert_eq!(unlisted(here, all), Vec::<&str>::new());
}
