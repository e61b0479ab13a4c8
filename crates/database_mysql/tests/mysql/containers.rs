//! A server in a container is a server like any other.

use crate::harness::{MysqlHarness, contained};

/// One test for all, since each test process would start a server of its own.
#[test]
fn the_contract_is_kept_in_a_container() {
    let Some(server) = contained() else { return };
    database::run_contract!(MysqlHarness::on(server));
}
