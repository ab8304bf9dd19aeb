//! The contract of a queue, and of its catalogue where that needs images.
//!
//! Each clause needs a queue of its own: a claim takes whatever is due.

pub mod batch;
pub mod begin;
pub mod bulk;
pub mod claim;
pub mod collect;
pub mod crash;
pub mod image;
pub mod lane;
pub mod listing;
pub mod model;
pub mod original;
pub mod outcome;
pub mod quota;
pub mod rerun;
pub mod retry;
pub mod submit;
pub mod success;

mod context;

pub use context::{AsQueue, QueueContext};

/// Expands to one test per clause of a queue's contract.
///
/// Give it an expression whose future is `(guard, backend, clock)`: the backend is one object that is both a
/// [`Catalogue`](dlcs_core::catalogue::Catalogue) and an [`IngestQueue`](dlcs_core::queue::IngestQueue), or an `Arc` of it; the clock is the
/// [`FakeClock`](crate::fake::FakeClock) that it goes by, in an `Arc`; the guard is dropped after the clause. Each clause evaluates it anew.
#[macro_export]
macro_rules! queue_contract {
    ($new:expr) => {
        $crate::queue_contract! { @ $new;
            $crate::queue::submit {
                one_faulty_item_stores_nothing,
                parted_submission_is_stored_whole_or_not_at_all,
                parted_submission_makes_batches_in_order,
                every_faulty_item_is_listed,
                existing_image_is_merged_onto_and_keeps_what_is_served,
                space_defaults_apply_to_new_images_that_do_not_say_otherwise,
                overtaken_image_counts_as_completed_in_its_older_batch,
                batch_without_images_left_is_superseded,
                racing_submissions_leave_one_job,
                dropped_submission_has_happened_whole_or_not_at_all,
            }
            $crate::queue::begin {
                begun_image_is_leased_to_the_caller,
                begun_image_leaves_its_batch,
                create_only_is_refused_when_the_image_exists,
                update_only_is_refused_when_the_image_does_not_exist,
                one_of_racing_creations_wins,
                begin_is_refused_with_one_problem,
            }
            $crate::queue::claim {
                two_claims_never_get_one_image,
                live_lease_cannot_be_claimed,
                expired_lease_can_be_claimed_again_under_a_new_token,
                two_claims_never_get_one_expired_lease,
                customers_take_turns,
                what_waits_longest_comes_first,
                renewed_lease_does_not_expire_at_its_old_end,
                lost_lease_cannot_be_renewed,
                dropped_claim_leaves_a_lease_that_expires,
            }
            $crate::queue::outcome {
                image_job_and_batch_change_together,
                last_image_finishes_its_batch,
                lost_lease_completes_nothing,
                result_overtaken_by_a_registration_changes_nothing,
                result_overtaken_by_a_deletion_changes_nothing,
                result_for_an_image_deleted_and_made_again_changes_nothing,
                expired_lease_that_nobody_took_still_counts,
                one_of_racing_results_counts,
                counts_add_up_in_every_snapshot_while_results_race,
            }
            $crate::queue::success {
                every_fact_of_a_derivative_comes_back,
                image_without_a_derivative_is_registered,
                registration_without_a_derivative_ends_what_was_served,
                image_that_is_registered_can_be_processed_later,
                upload_is_kept_without_a_derivative_of_it,
                lost_lease_registers_nothing,
            }
            $crate::queue::original {
                every_fact_of_an_original_comes_back,
                original_that_is_no_more_is_collectable_after_two_hours,
                original_of_a_lost_lease_is_collectable_after_two_hours,
                upload_is_collectable_once_it_is_kept,
                images_are_listed_by_what_was_fetched,
                stored_bytes_are_counted_exactly,
            }
            $crate::queue::quota {
                images_beyond_the_quota_are_refused_whole,
                racing_submissions_do_not_exceed_the_quota,
                bytes_beyond_the_quota_fail_the_registration,
                racing_registrations_do_not_exceed_the_quota,
            }
            $crate::queue::retry {
                final_failure_ends_the_job_and_keeps_what_was_served,
                retry_is_not_due_before_its_time,
                postponed_image_lets_others_go_first_uncharged,
                lost_lease_fails_nothing,
                released_image_can_be_claimed_at_once_uncharged,
                lost_lease_cannot_be_released,
                workers_are_woken_when_there_is_work,
            }
            $crate::queue::batch {
                counts_add_up_at_every_step,
                size_counts_images_and_batches,
                lane_sizes_add_up_to_the_queue,
                batches_are_listed_newest_first_by_filter,
                batches_go_by_the_order_asked_for,
                batch_is_its_customers_only,
            }
            $crate::queue::image {
                update_keeps_state_generation_and_batch,
                missing_image_cannot_be_changed,
                change_that_needs_processing_is_refused_and_merges_nothing,
                deleted_image_is_gone_with_its_job,
                deletion_counts_as_completed_in_its_batch,
                missing_image_cannot_be_deleted,
                space_counts_its_images,
                space_that_holds_images_stays,
                image_without_channels_gets_the_default_ones,
                policy_that_an_image_names_stays,
            }
            $crate::queue::bulk {
                images_are_found_in_the_order_asked_for,
                several_images_change_at_one_instant,
                changed_images_come_back_in_the_order_given,
                one_change_that_cannot_be_made_makes_none,
                no_racing_edit_of_manifests_is_lost,
                those_that_are_there_are_deleted,
            }
            $crate::queue::listing {
                every_condition_must_hold,
                listing_goes_by_the_order_asked_for,
                listing_goes_by_several_properties_in_turn,
                pages_neither_repeat_nor_miss_while_images_are_added,
                behind_a_place_comes_what_offsets_give,
            }
            $crate::queue::lane {
                priority_goes_first_and_leaves_the_other_lane_its_part,
                abandoned_immediate_registration_is_in_the_priority_lane,
                customers_share_the_time_of_workers_and_not_images,
                customer_that_was_idle_comes_next_and_has_saved_nothing_up,
                host_at_its_limit_leaves_workers_to_others,
                immediate_registration_counts_at_its_host_and_does_not_wait,
                immediate_registrations_move_nobody_elses_turn,
            }
            $crate::queue::crash {
                successor_takes_back_what_its_process_held,
                process_that_stops_gives_back_what_it_holds,
                image_over_which_workers_died_is_claimed_alone,
                image_set_apart_is_not_starved,
                image_is_given_up_after_crashes_alone_and_never_after_those_in_company,
                registration_forgets_crashes,
            }
            $crate::queue::rerun {
                retried_failures_run_again_in_their_batch,
                failures_that_went_elsewhere_are_not_retried,
                batch_without_failures_has_nothing_to_retry,
                tested_batch_knows_whether_it_is_superseded,
                each_run_leaves_one_notice,
                held_notice_is_due_again_after_its_wait,
                notices_of_customers_that_are_left_out_stay_due,
                batch_whose_last_results_race_is_told_once,
                what_a_batch_was_made_of_is_listed,
                totals_count_lanes_and_ends,
            }
            $crate::queue::collect {
                what_was_served_is_collectable_after_a_minute,
                deleted_derivative_is_collectable_after_a_minute,
                what_a_lost_lease_may_write_is_collectable_after_two_hours,
                upload_is_collectable_once_it_has_been_processed,
                unclaimed_upload_is_collectable_after_a_day,
                claimed_upload_is_not_collected,
                processed_bytes_must_be_sent_again,
                what_is_served_is_never_collectable,
                forgotten_keys_do_not_come_back,
            }
        }
    };
    (@ $new:expr; $($module:path { $($clause:ident,)+ })+) => {
        $(
            $crate::clause_tests! {
                (_guard, backend, clock) = $new,
                &{ use $crate::queue::AsQueue as _; backend.context(&clock) };
                $module { $($clause),+ }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use crate::contract::unlisted;

    #[test]
    fn every_clause_is_listed() {
        for clauses in [
            include_str!("batch.rs"),
            include_str!("begin.rs"),
            include_str!("bulk.rs"),
            include_str!("claim.rs"),
            include_str!("collect.rs"),
            include_str!("crash.rs"),
            include_str!("image.rs"),
            include_str!("lane.rs"),
            include_str!("listing.rs"),
            include_str!("original.rs"),
            include_str!("outcome.rs"),
            include_str!("quota.rs"),
            include_str!("rerun.rs"),
            include_str!("retry.rs"),
            include_str!("submit.rs"),
            include_str!("success.rs"),
        ] {
            let forgotten = unlisted(include_str!("mod.rs"), clauses);
            assert!(
                forgotten.is_empty(),
                "`queue_contract!` does not list {forgotten:?}"
            );
        }
    }
}
