//! The contract of a driver: cases that hold for every engine, each a function that a test of the driver calls.
//!
//! A driver makes a [`Harness`] and calls [`contract_tests!`](crate::contract_tests), which makes a test of each case.
#![expect(clippy::missing_panics_doc, reason = "a case fails by panicking")]

mod content;
mod fixture;
mod life;
mod rows;
mod tables;

use std::path::Path;

use crate::Database;

pub use content::{
    a_damaged_dump_is_refused_and_changes_nothing, a_dump_gives_the_content_back, a_dump_replaces_its_file_as_a_whole,
    a_kept_state_can_be_moved_back, a_kept_state_can_be_replaced_and_forgotten,
    a_kept_state_gives_the_content_back_twice, a_state_that_is_not_kept_is_an_error,
    clear_leaves_an_empty_database_and_the_kept_states, restore_creates_a_missing_database,
    the_fingerprint_tells_contents_apart,
};
pub use life::{
    a_missing_database_is_reported_as_missing, a_script_may_control_transactions_itself,
    a_script_with_an_error_leaves_nothing, create_and_destroy_can_be_repeated, destroy_takes_the_kept_states_along,
};
pub use rows::{
    a_commit_changes_the_content_and_a_rollback_does_not, a_failed_transaction_cannot_be_committed,
    a_key_with_several_rows_is_an_error, a_violated_constraint_is_named_with_the_values,
    columns_not_named_take_their_default, delete_takes_back_exactly_the_rows_given, many_rows_keep_their_order,
    names_of_any_kind_are_quoted, unknown_tables_and_columns_are_named, values_of_common_types_come_back,
    wanting_nothing_gives_empty_rows,
};
pub use tables::{inspect_finds_columns_and_keys, row_counts_are_in_the_order_of_the_tables};

/// Makes databases for the cases: each harness has one, which does not exist at first.
pub trait Harness {
    /// Opens the database.
    fn open(&self) -> Box<dyn Database>;

    /// Gives an empty directory for dumps.
    fn directory(&self) -> &Path;

    /// Gives the words for a type in this engine's SQL.
    fn sql_type(&self, kind: TypeKind) -> &'static str;
}

/// The types that every engine has a word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// An integer primary key that the database chooses, constraint included.
    Serial,
    /// A boolean.
    Boolean,
    /// A decimal number with four places.
    Decimal,
    /// A day.
    Date,
    /// A moment.
    Timestamp,
    /// A JSON document.
    Json,
    /// A UUID.
    Uuid,
    /// Bytes.
    Bytes,
}

/// Makes a test of each case of the contract; the expression gives an `Option` of a harness, `None` to skip.
#[macro_export]
macro_rules! contract_tests {
    ($harness:expr) => {
        $crate::contract_tests! { $harness;
            create_and_destroy_can_be_repeated
            destroy_takes_the_kept_states_along
            a_missing_database_is_reported_as_missing
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
            names_of_any_kind_are_quoted
            unknown_tables_and_columns_are_named
            inspect_finds_columns_and_keys
            row_counts_are_in_the_order_of_the_tables
            the_fingerprint_tells_contents_apart
            a_dump_gives_the_content_back
            a_dump_replaces_its_file_as_a_whole
            a_damaged_dump_is_refused_and_changes_nothing
            a_kept_state_gives_the_content_back_twice
            a_kept_state_can_be_replaced_and_forgotten
            a_kept_state_can_be_moved_back
            clear_leaves_an_empty_database_and_the_kept_states
            a_state_that_is_not_kept_is_an_error
            restore_creates_a_missing_database
        }
    };
    ($harness:expr; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                if let Some(harness) = $harness {
                    $crate::contract::$case(&harness);
                }
            }
        )*
    };
}
