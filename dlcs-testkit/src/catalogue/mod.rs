//! The contract of a catalogue, as far as it can be kept without images: [`queue`](crate::queue) has the rest.

pub mod customer;
pub mod key;
pub mod origin_strategy;
pub mod request;
pub mod setting;
pub mod space;

use dlcs_core::catalogue::Catalogue;

/// Expands to one test per clause of a catalogue's contract.
///
/// Give it an expression whose future is `(guard, backend)`; the backend is a [`Catalogue`] or an `Arc` of one, the guard is dropped
/// after the clause. Each clause evaluates it anew.
#[macro_export]
macro_rules! catalogue_contract {
    ($new:expr) => {
        $crate::catalogue_contract! { @ $new;
            $crate::catalogue::customer {
                assigned_number_is_new,
                taken_customer_number_is_refused,
                taken_customer_name_is_refused_ignoring_case,
                racing_customers_get_numbers_of_their_own,
                one_of_two_racing_customer_names_wins,
                customers_go_by_the_order_asked_for,
                missing_customer_is_none,
                renaming_changes_only_the_name_for_people,
                missing_customer_cannot_be_renamed,
            }
            $crate::catalogue::key {
                stored_key_is_found_with_its_customer,
                taken_key_is_refused,
                key_of_a_missing_customer_is_refused,
                keys_are_listed_oldest_first,
                deleted_key_is_gone_at_once,
                missing_key_cannot_be_deleted,
                last_key_of_an_administrator_stays,
                racing_deletions_leave_an_administrator_one_key,
            }
            $crate::catalogue::space {
                assigned_space_number_is_higher_than_any,
                taken_space_number_is_refused,
                taken_space_name_is_refused,
                space_of_a_missing_customer_is_refused,
                spaces_are_listed_in_pages,
                spaces_go_by_the_order_asked_for,
                space_keeps_what_changes_leave_out,
                space_cannot_take_the_name_of_another,
                missing_space_cannot_be_changed,
                empty_space_can_be_deleted,
                missing_space_cannot_be_deleted,
            }
            $crate::catalogue::origin_strategy {
                taken_pattern_is_refused,
                strategies_are_listed_by_order,
                credentials_come_back_as_stored,
                strategy_is_replaced_whole,
                strategy_cannot_take_the_pattern_of_another,
                missing_strategy_cannot_be_replaced,
                missing_strategy_cannot_be_deleted,
            }
            $crate::catalogue::setting {
                customer_begins_with_default_channels,
                settings_come_back_as_stored,
                taken_setting_name_is_refused,
                setting_of_a_missing_customer_or_space_is_refused,
                settings_of_a_space_end_with_it,
                setting_is_replaced_whole,
                setting_cannot_take_the_name_of_another,
                missing_setting_is_neither_replaced_nor_deleted,
                deleted_setting_is_gone,
                policy_that_a_default_names_stays,
            }
            $crate::catalogue::request {
                request_is_answered_as_it_was,
                forgotten_request_may_be_run_again,
                one_of_those_who_ask_at_once_runs_a_request,
            }
        }
    };
    (@ $new:expr; $($module:path { $($clause:ident,)+ })+) => {
        $(
            $crate::clause_tests! {
                (_guard, backend) = $new,
                { use $crate::catalogue::AsCatalogue as _; backend.as_catalogue() };
                $module { $($clause),+ }
            }
        )+
    };
}

/// Lets the macro take a catalogue itself or what points to one.
pub trait AsCatalogue {
    /// The catalogue.
    fn as_catalogue(&self) -> &dyn Catalogue;
}

impl<T: Catalogue> AsCatalogue for T {
    fn as_catalogue(&self) -> &dyn Catalogue {
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::unlisted;

    #[test]
    fn every_clause_is_listed() {
        for clauses in [
            include_str!("customer.rs"),
            include_str!("key.rs"),
            include_str!("origin_strategy.rs"),
            include_str!("request.rs"),
            include_str!("setting.rs"),
            include_str!("space.rs"),
        ] {
            let forgotten = unlisted(include_str!("mod.rs"), clauses);
            assert!(
                forgotten.is_empty(),
                "`catalogue_contract!` does not list {forgotten:?}"
            );
        }
    }
}
