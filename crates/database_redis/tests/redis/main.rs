//! Redis: the contract of all drivers, and what is its own. One server serves all tests.

mod containers;
mod harness;
mod rdb;
mod scripts;
mod server;
mod states;
mod types;

database::content_contract_tests!(harness::RedisHarness::new());
