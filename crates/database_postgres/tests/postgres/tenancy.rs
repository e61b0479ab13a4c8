//! A server that environments share: each has its own databases and a role that reaches no others.

use database::contract::Harness as _;
use database::{DatabaseSettings, Engine as _, Login, Secret, StateName};
use database_postgres::PostgresEngine;
use postgres::{Client, NoTls};

use crate::harness::{PostgresHarness, server};

fn tenant(name: &str) -> Login {
    Login { user: format!("env {name}"), password: Secret::new(format!("{name}'s \"word\"")) }
}

fn state(name: &str) -> StateName {
    StateName::new(name).expect("a name")
}

/// Connects as a service of the environment does.
fn service(harness: &PostgresHarness) -> Client {
    Client::connect(&harness.location().url(), NoTls).expect("its own database")
}

/// Tries to enter a database with the login of an environment.
fn enter(tenant: &Login, database: &str) -> Result<Client, postgres::Error> {
    let place = server().place();
    let mut config = postgres::Config::new();
    config.host_path(&place.socket_directory).port(place.port);
    config.user(&tenant.user).password(tenant.password.expose()).dbname(database).connect(NoTls)
}

/// One test for all, since each test process would start a server of its own.
#[test]
fn the_contract_is_kept_by_a_tenant() {
    let tenant = tenant("contract");
    database::run_contract!(PostgresHarness::of_tenant(&tenant));
}

#[test]
fn an_environment_reaches_its_own_databases_and_no_others() {
    let (one, other) = (tenant("one"), tenant("other"));
    let harnesses = [&one, &other].map(PostgresHarness::of_tenant);
    for harness in &harnesses {
        let mut database = harness.open();
        database.create().expect("create");
        database
            .execute_script("CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (1)")
            .expect("script");
        for kept in ["first", "second"] {
            database.keep(&state(kept)).expect("keep");
            database.prepare_spare(&state(kept)).expect("a spare");
        }
        database.reset_to(&state("first"), Some(&state("undo"))).expect("reset");
    }
    // What Seedbed has made is the environment's own, so a migration may change it.
    let mut own = service(&harnesses[0]);
    own.batch_execute("ALTER TABLE notes ADD COLUMN text text; DROP TABLE notes; CREATE TABLE more (id int)")
        .expect("its own");
    for allowed in ["CREATE SCHEMA extra", "CREATE DATABASE test_one", "DROP DATABASE test_one"] {
        own.batch_execute(allowed).expect("as test runners do");
    }
    for forbidden in ["SELECT * FROM pg_authid", "COPY more TO PROGRAM 'true'", "ALTER ROLE \"env other\" PASSWORD 'x'"]
    {
        own.batch_execute(forbidden).expect_err(forbidden);
    }

    let mut all = server().client();
    let databases = |client: &mut Client, role: &str| -> Vec<String> {
        let sql =
            "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = $1 ORDER BY 1";
        client.query(sql, &[&role]).expect("list").iter().map(|row| row.get(0)).collect()
    };
    let theirs = databases(&mut all, &other.user);
    assert!(theirs.len() >= 5, "the database, what was put aside, two states and a spare: {theirs:?}");
    for database in &theirs {
        let refused = enter(&one, database).err().expect("it is not its own");
        assert!(refused.to_string().contains("db error") || refused.code().is_some(), "{refused}");
    }
    assert!(enter(&one, "template1").is_err());

    PostgresEngine.dismiss(server().place(), &one.user).expect("dismiss");
    PostgresEngine.dismiss(server().place(), &one.user).expect("again");
    assert_eq!(databases(&mut all, &one.user), Vec::<String>::new());
    assert!(enter(&one, "postgres").is_err());
    assert_eq!(databases(&mut all, &other.user), theirs);
    assert_eq!(service(&harnesses[1]).query("SELECT * FROM notes", &[]).expect("it is there").len(), 1);
}

#[test]
fn what_a_dump_brings_belongs_to_the_environment() {
    let plain = PostgresHarness::new();
    let mut from = plain.open();
    from.create().expect("create");
    from.execute_script(
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE notes (id int); INSERT INTO notes VALUES (7)",
    )
    .expect("script");
    let dump = plain.directory().join("dump");
    from.dump(&dump).expect("dump");

    let tenant = tenant("reader");
    let harness = PostgresHarness::of_tenant(&tenant);
    let settings = DatabaseSettings { roles: vec!["app".to_owned()], ..DatabaseSettings::default() };
    let mut to = PostgresEngine.open(&harness.location(), &settings).expect("open");
    to.create().expect("create");
    to.restore_as(&state("brought"), &dump).expect("restore");
    to.reset_to(&state("brought"), None).expect("reset");
    assert_eq!(to.fingerprint().expect("fingerprint"), from.fingerprint().expect("fingerprint"));
    let mut own = service(&harness);
    own.batch_execute(
        "GRANT CREATE ON SCHEMA public TO app; ALTER TABLE notes OWNER TO app; GRANT SELECT ON notes TO app; DROP EXTENSION pg_stat_statements",
    )
    .expect("it is its own");
}
