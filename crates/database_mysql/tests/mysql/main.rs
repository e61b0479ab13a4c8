//! MariaDB or MySQL: the contract of all drivers, and what is its own. One server serves all tests.
#![allow(clippy::doc_markdown, reason = "MySQL and InnoDB are names of products")]

mod containers;
mod dumps;
mod harness;
mod server;
mod states;
mod types;

database::contract_tests!(harness::MysqlHarness::new());
