//! The contract of a driver: cases that hold for every engine, each a function that a test of the driver calls.
//!
//! A driver makes a [`Harness`] and calls [`content_contract_tests!`](crate::content_contract_tests), which makes a test of
//! each case about content as a whole. A driver of an engine with tables makes a [`RelationalHarness`] and calls
//! [`contract_tests!`](crate::contract_tests), which has these cases and those about SQL, rows and tables.
#![expect(clippy::missing_panics_doc, reason = "a case fails by panicking")]

mod aside;
mod bulk;
mod check;
mod clone;
mod dump;
mod fingerprint;
mod fixture;
mod image;
mod kept;
mod ledger;
mod life;
mod relational;
mod rows;
mod script;
mod spare;
mod tables;
mod together;

use std::path::Path;

use crate::Database;

pub use aside::{
    a_state_is_taken_and_no_longer_kept, a_state_taken_changes_places_with_the_content,
    clear_leaves_an_empty_database_and_the_kept_states, nothing_is_kept_aside_where_nothing_was,
    what_is_displaced_is_kept_under_a_name, what_is_put_aside_without_a_name_is_not_kept,
};
pub use bulk::{
    a_bulk_that_is_given_up_leaves_nothing, counters_go_on_after_rows_in_bulk, late_foreign_keys_are_verified,
    rows_in_bulk_arrive_as_they_are, tables_are_described, what_is_broken_in_bulk_is_an_error,
};
pub use check::{
    the_checker_finds_damage, the_checker_finds_nothing_in_sound_content, the_size_grows_with_the_content,
};
pub use clone::{a_clone_lives_as_long_as_its_maker, clones_are_fresh_and_apart, destroy_takes_the_clones_along};
pub use dump::{
    a_damaged_dump_is_refused_and_changes_nothing, a_dump_gives_the_content_back, a_dump_replaces_its_file_as_a_whole,
    a_dump_replaces_the_state_of_its_name, a_dump_restores_where_no_database_is, the_same_content_gives_the_same_dump,
};
pub use fingerprint::{
    rows_and_schema_count_but_not_their_order, the_fingerprint_is_that_of_the_content, the_fingerprint_sees_each_change,
};
pub use fixture::{change_rows, fill_tables};
pub use image::{containers_of, image_of, image_with, remove_image};
pub use kept::{
    a_kept_state_can_be_opened, a_kept_state_can_be_renamed, a_kept_state_can_be_replaced_and_forgotten,
    a_kept_state_gives_the_content_back_twice, a_state_that_is_not_kept_is_an_error, every_row_is_read,
};
pub use ledger::{
    rows_that_nobody_has_changed_are_known, the_ledger_changes_with_the_rows,
    the_ledger_is_seen_by_nobody_and_goes_along, who_waits_for_the_ledger_sees_the_last_commit,
};
pub use life::{
    a_missing_database_is_reported_as_missing, create_and_destroy_can_be_repeated, destroy_takes_the_kept_states_along,
};
pub use relational::{RelationalHarness, TypeKind};
pub use rows::{
    a_commit_changes_the_content_and_a_rollback_does_not, a_failed_transaction_cannot_be_committed,
    a_key_with_several_rows_is_an_error, a_violated_constraint_is_named_with_the_values, all_rows_of_a_key_are_found,
    columns_not_named_take_their_default, delete_takes_back_exactly_the_rows_given, many_rows_keep_their_order,
    names_of_any_kind_are_quoted, references_can_be_checked_late, rows_are_updated_by_their_keys,
    unknown_tables_and_columns_are_named, values_of_common_types_come_back, wanting_nothing_gives_empty_rows,
};
pub use script::{
    a_missing_database_executes_nothing, a_script_may_control_transactions_itself,
    a_script_with_an_error_leaves_nothing,
};
pub use spare::{
    a_spare_is_of_the_present_state_of_its_name, a_spare_is_used_by_one_reset, a_spare_of_nothing_is_an_error,
    tidy_removes_nothing_that_is_kept,
};
pub use tables::{
    inspect_finds_columns_and_keys, row_counts_are_in_the_order_of_the_tables, rows_are_read_by_what_they_hold,
    rows_are_read_in_order,
};
pub use together::a_tidying_process_is_in_nobodys_way;

/// Makes databases for the cases: each harness has one, which does not exist at first.
pub trait Harness {
    /// Opens the database; each call gives a handle of its own.
    fn open(&self) -> Box<dyn Database>;

    /// Gives an empty directory for dumps.
    fn directory(&self) -> &Path;

    /// Puts content into a database that exists and is empty: for each variant another one, and always the same for the same
    /// variant. That of [`LARGE`] takes more than 100 kB. Engines with tables can call [`fill_tables`].
    fn fill(&self, database: &mut dyn Database, variant: u8);

    /// Changes filled content, as a service would. Engines with tables can call [`change_rows`].
    fn change(&self, database: &mut dyn Database);

    /// Damages the content behind the engine's back, so that its checker has something to find; `false` where a test cannot
    /// do that.
    fn damage(&self, _database: &mut dyn Database) -> bool {
        false
    }

    /// Says whether a restore notices that 8 KiB in the middle of a dump are overwritten.
    ///
    /// A format without digests cannot tell one text of a row from another; there only the digests of the store can.
    fn notices_overwriting(&self) -> bool {
        true
    }
}

/// The variant of content that is large.
pub const LARGE: u8 = u8::MAX;

/// Makes a test of each case about content as a whole, for engines with and without tables; the expression gives a
/// [`Harness`].
#[macro_export]
macro_rules! content_contract_tests {
    ($harness:expr) => {
        $crate::content_contract! { contract_cases $harness }
    };
}

/// Runs all cases about content as a whole one after the other, for a server that takes long to start.
#[macro_export]
macro_rules! run_content_contract {
    ($harness:expr) => {
        $crate::content_contract! { contract_calls $harness }
    };
}

/// Lists the cases about content as a whole.
#[doc(hidden)]
#[macro_export]
macro_rules! content_contract {
    ($what:ident $harness:expr) => {
        $crate::$what! { $harness;
            create_and_destroy_can_be_repeated
            destroy_takes_the_kept_states_along
            a_missing_database_is_reported_as_missing
            the_fingerprint_is_that_of_the_content
            the_fingerprint_sees_each_change
            every_row_is_read
            the_size_grows_with_the_content
            the_checker_finds_nothing_in_sound_content
            the_checker_finds_damage
            a_dump_gives_the_content_back
            a_dump_restores_where_no_database_is
            a_dump_replaces_its_file_as_a_whole
            a_dump_replaces_the_state_of_its_name
            a_damaged_dump_is_refused_and_changes_nothing
            the_same_content_gives_the_same_dump
            a_kept_state_gives_the_content_back_twice
            a_kept_state_can_be_replaced_and_forgotten
            a_kept_state_can_be_opened
            a_kept_state_can_be_renamed
            a_state_that_is_not_kept_is_an_error
            a_state_is_taken_and_no_longer_kept
            a_state_taken_changes_places_with_the_content
            what_is_displaced_is_kept_under_a_name
            what_is_put_aside_without_a_name_is_not_kept
            nothing_is_kept_aside_where_nothing_was
            clear_leaves_an_empty_database_and_the_kept_states
            a_spare_is_used_by_one_reset
            a_spare_is_of_the_present_state_of_its_name
            a_spare_of_nothing_is_an_error
            tidy_removes_nothing_that_is_kept
            a_tidying_process_is_in_nobodys_way
        }
    };
}

/// Makes a test of each case of the contract; the expression gives a [`RelationalHarness`].
#[macro_export]
macro_rules! contract_tests {
    ($harness:expr) => {
        $crate::content_contract_tests! { $harness }
        $crate::table_contract! { contract_cases $harness }
    };
}

/// Runs all cases one after the other, for a server that takes long to start.
#[macro_export]
macro_rules! run_contract {
    ($harness:expr) => {
        $crate::run_content_contract! { $harness }
        $crate::table_contract! { contract_calls $harness }
    };
}

/// Lists the cases about SQL, rows and tables.
#[doc(hidden)]
#[macro_export]
macro_rules! table_contract {
    ($what:ident $harness:expr) => {
        $crate::$what! { $harness;
            a_missing_database_executes_nothing
            a_script_with_an_error_leaves_nothing
            a_script_may_control_transactions_itself
            values_of_common_types_come_back
            columns_not_named_take_their_default
            wanting_nothing_gives_empty_rows
            many_rows_keep_their_order
            a_violated_constraint_is_named_with_the_values
            a_failed_transaction_cannot_be_committed
            a_commit_changes_the_content_and_a_rollback_does_not
            a_key_with_several_rows_is_an_error
            delete_takes_back_exactly_the_rows_given
            rows_are_updated_by_their_keys
            all_rows_of_a_key_are_found
            references_can_be_checked_late
            rows_that_nobody_has_changed_are_known
            the_ledger_changes_with_the_rows
            the_ledger_is_seen_by_nobody_and_goes_along
            who_waits_for_the_ledger_sees_the_last_commit
            names_of_any_kind_are_quoted
            unknown_tables_and_columns_are_named
            inspect_finds_columns_and_keys
            row_counts_are_in_the_order_of_the_tables
            rows_are_read_by_what_they_hold
            rows_are_read_in_order
            rows_and_schema_count_but_not_their_order
            tables_are_described
            rows_in_bulk_arrive_as_they_are
            what_is_broken_in_bulk_is_an_error
            late_foreign_keys_are_verified
            counters_go_on_after_rows_in_bulk
            a_bulk_that_is_given_up_leaves_nothing
            clones_are_fresh_and_apart
            a_clone_lives_as_long_as_its_maker
            destroy_takes_the_clones_along
        }
    };
}

/// Makes a test of each case named.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($harness:expr; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::contract::$case(&$harness);
            }
        )*
    };
}

/// Calls each case named.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_calls {
    ($harness:expr; $($case:ident)*) => {
        $(
            $crate::contract::$case(&$harness);
        )*
    };
}
