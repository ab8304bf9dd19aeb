//! Each clause finds the fault that it is there for, and only that.

use std::future::Future;
use std::sync::Arc;

use dlcs_testkit::contract::run;
use dlcs_testkit::fake::FakeClock;
use dlcs_testkit::queue::AsQueue;

use crate::broken::{Broken, Fault};

/// Whether a clause fails.
async fn fails(clause: impl Future<Output = ()> + Send + 'static) -> bool {
    match tokio::spawn(clause).await {
        Ok(()) => false,
        Err(error) => {
            assert!(error.is_panic(), "a clause fails by panicking: {error}");
            true
        }
    }
}

fn backend(fault: Fault) -> (Broken, Arc<FakeClock>) {
    let clock = FakeClock::new();
    (Broken::with(fault, &clock), clock)
}

macro_rules! bites {
    ($($test:ident: $fault:ident => $suite:ident { $($meant:ident)::+, not $($other:ident)::+ })+) => {$(
        #[test]
        fn $test() {
            run(async {
                let sound = clause!($suite, $($meant)::+, Fault::None);
                assert!(!fails(sound).await, "the clause passes on the sound backend");
                let broken = clause!($suite, $($meant)::+, Fault::$fault);
                assert!(fails(broken).await, "the clause finds the fault");
                let other = clause!($suite, $($other)::+, Fault::$fault);
                assert!(!fails(other).await, "a clause about something else passes");
            });
        }
    )+};
}

macro_rules! clause {
    (catalogue, $($clause:ident)::+, $fault:expr) => {
        async {
            let (backend, _) = backend($fault);
            dlcs_testkit::catalogue::$($clause)::+(&backend).await;
        }
    };
    (queue, $($clause:ident)::+, $fault:expr) => {
        async {
            let (backend, clock) = backend($fault);
            dlcs_testkit::queue::$($clause)::+(&backend.context(&clock)).await;
        }
    };
}

bites! {
    forgetful_lease_is_found_out: ForgetfulLease => queue {
        outcome::lost_lease_completes_nothing,
        not retry::lost_lease_fails_nothing
    }
    partial_submit_is_found_out: PartialSubmit => queue {
        submit::one_faulty_item_stores_nothing,
        not submit::existing_image_is_merged_onto_and_keeps_what_is_served
    }
    partial_parts_are_found_out: PartialParts => queue {
        submit::parted_submission_is_stored_whole_or_not_at_all,
        not submit::parted_submission_makes_batches_in_order
    }
    torn_submit_is_found_out: TornSubmit => queue {
        submit::dropped_submission_has_happened_whole_or_not_at_all,
        not submit::space_defaults_apply_to_new_images_that_do_not_say_otherwise
    }
    no_turns_is_found_out: NoTurns => queue {
        claim::customers_take_turns,
        not claim::what_waits_longest_comes_first
    }
    double_claim_is_found_out: DoubleClaim => queue {
        claim::two_claims_never_get_one_image,
        not begin::begun_image_leaves_its_batch
    }
    leaky_delete_is_found_out: LeakyDelete => queue {
        collect::deleted_derivative_is_collectable_after_a_minute,
        not collect::what_was_served_is_collectable_after_a_minute
    }
    leaky_uploads_are_found_out: LeakyUploads => queue {
        collect::unclaimed_upload_is_collectable_after_a_day,
        not collect::upload_is_collectable_once_it_has_been_processed
    }
    eager_uploads_are_found_out: EagerUploads => queue {
        collect::claimed_upload_is_not_collected,
        not collect::unclaimed_upload_is_collectable_after_a_day
    }
    erasing_update_is_found_out: ErasingUpdate => queue {
        image::update_keeps_state_generation_and_batch,
        not submit::existing_image_is_merged_onto_and_keeps_what_is_served
    }
    partial_update_is_found_out: PartialUpdate => queue {
        bulk::one_change_that_cannot_be_made_makes_none,
        not bulk::changed_images_come_back_in_the_order_given
    }
    eager_collector_is_found_out: EagerCollector => queue {
        collect::what_was_served_is_collectable_after_a_minute,
        not collect::deleted_derivative_is_collectable_after_a_minute
    }
    frozen_renewal_is_found_out: FrozenRenewal => queue {
        claim::renewed_lease_does_not_expire_at_its_old_end,
        not claim::expired_lease_can_be_claimed_again_under_a_new_token
    }
    charged_release_is_found_out: ChargedRelease => queue {
        retry::released_image_can_be_claimed_at_once_uncharged,
        not retry::retry_is_not_due_before_its_time
    }
    charged_postponement_is_found_out: ChargedRelease => queue {
        retry::postponed_image_lets_others_go_first_uncharged,
        not retry::retry_is_not_due_before_its_time
    }
    fatal_stop_is_found_out: ChargedRelease => queue {
        crash::process_that_stops_gives_back_what_it_holds,
        not crash::successor_takes_back_what_its_process_held
    }
    impatient_retry_is_found_out: ImpatientRetry => queue {
        retry::retry_is_not_due_before_its_time,
        not retry::released_image_can_be_claimed_at_once_uncharged
    }
    silent_queue_is_found_out: SilentQueue => queue {
        retry::workers_are_woken_when_there_is_work,
        not retry::retry_is_not_due_before_its_time
    }
    forgotten_thumbnails_are_found_out: ForgottenThumbnails => queue {
        success::every_fact_of_a_derivative_comes_back,
        not success::image_that_is_registered_can_be_processed_later
    }
    reluctant_registration_is_found_out: ReluctantRegistration => queue {
        success::image_without_a_derivative_is_registered,
        not success::every_fact_of_a_derivative_comes_back
    }
    one_lane_is_found_out: OneLane => queue {
        lane::priority_goes_first_and_leaves_the_other_lane_its_part,
        not lane::host_at_its_limit_leaves_workers_to_others
    }
    crowded_hosts_are_found_out: CrowdedHosts => queue {
        lane::host_at_its_limit_leaves_workers_to_others,
        not lane::priority_goes_first_and_leaves_the_other_lane_its_part
    }
    company_is_found_out: Company => queue {
        crash::image_over_which_workers_died_is_claimed_alone,
        not lane::host_at_its_limit_leaves_workers_to_others
    }
    forgetful_successor_is_found_out: ForgetfulSuccessor => queue {
        crash::successor_takes_back_what_its_process_held,
        not crash::registration_forgets_crashes
    }
    idle_retry_is_found_out: IdleRetry => queue {
        rerun::retried_failures_run_again_in_their_batch,
        not rerun::totals_count_lanes_and_ends
    }
    loose_notices_are_found_out: LooseNotices => queue {
        rerun::held_notice_is_due_again_after_its_wait,
        not rerun::retried_failures_run_again_in_their_batch
    }
    endless_notices_are_found_out: EndlessNotices => queue {
        rerun::each_run_leaves_one_notice,
        not rerun::retried_failures_run_again_in_their_batch
    }
    hasty_batch_is_found_out: HastyBatch => queue {
        batch::counts_add_up_at_every_step,
        not batch::size_counts_images_and_batches
    }
    tagless_listing_is_found_out: TaglessListing => queue {
        listing::every_condition_must_hold,
        not listing::listing_goes_by_the_order_asked_for
    }
    wrong_place_is_found_out: WrongPlace => queue {
        listing::behind_a_place_comes_what_offsets_give,
        not listing::listing_goes_by_the_order_asked_for
    }
    case_sensitive_names_are_found_out: CaseSensitiveNames => catalogue {
        customer::taken_customer_name_is_refused_ignoring_case,
        not customer::assigned_number_is_new
    }
    careless_keys_are_found_out: CarelessKeys => catalogue {
        key::last_key_of_an_administrator_stays,
        not key::deleted_key_is_gone_at_once
    }
    erasing_space_is_found_out: ErasingSpace => catalogue {
        space::space_keeps_what_changes_leave_out,
        not space::space_cannot_take_the_name_of_another
    }
    forgetful_requests_are_found_out: ForgetfulRequests => catalogue {
        request::one_of_those_who_ask_at_once_runs_a_request,
        not request::forgotten_request_may_be_run_again
    }
    careless_policies_are_found_out: CarelessPolicies => catalogue {
        setting::policy_that_a_default_names_stays,
        not setting::deleted_setting_is_gone
    }
}
