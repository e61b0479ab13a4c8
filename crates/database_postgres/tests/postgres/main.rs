//! PostgreSQL: the contract of all drivers, and what is its own. One server serves all tests.

mod harness;
mod server;
mod states;
mod types;

database::contract_tests!(harness::PostgresHarness::new());
