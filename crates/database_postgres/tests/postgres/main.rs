//! PostgreSQL: the contract of all drivers, and what is its own. One server serves all tests.

mod containers;
mod fingerprint;
mod foreign;
mod harness;
mod kills;
mod own;
mod physical;
mod server;
mod settings;
mod settle;
mod states;
mod tenancy;
mod types;

database::contract_tests!(harness::PostgresHarness::new());
