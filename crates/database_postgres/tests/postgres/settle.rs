//! New servers: they begin with a copy of what was made once, and do not wait for the disk until they are settled.

use std::fs;

use database::{DatabaseSettings, Durability, Engine as _, Location, Secret, ServerPlace, Unsettled};
use database_postgres::PostgresEngine;
use tempfile::TempDir;

use crate::harness::place;
use crate::own::Own;

/// What a server says of itself.
fn setting(own: &Own, name: &str) -> String {
    own.client("postgres").query_one(&format!("SHOW {name}"), &[]).expect("show").get(0)
}

#[test]
fn copies_of_a_template_are_servers_with_passwords_of_their_own() {
    let directory = TempDir::new().expect("a temporary directory");
    let templates = directory.path().join("templates");
    let places = ["first", "second"].map(|name| ServerPlace {
        templates: Some(templates.clone()),
        password: Secret::new(format!("it's {name}")),
        ..place(&directory.path().join(name))
    });
    let [first, second] = places;
    // Nothing is there yet: it is made anew, and the template with it when somebody has the time.
    let first = Own::with(first);
    assert!(!templates.exists());
    PostgresEngine.prepare_template(&first.found, &first.place).expect("make the template");
    let mut made: Vec<_> = fs::read_dir(&templates).expect("read").flatten().map(|entry| entry.path()).collect();
    made.sort();
    let [template, ready] = made.as_slice() else { panic!("{made:?}") };
    let identity = |data: &std::path::Path| fs::read(data.join("global/pg_control")).expect("read")[..8].to_vec();
    let mut second = Own::with(second);
    assert_eq!(identity(&second.data()), identity(template));
    assert_ne!(identity(&second.data()), identity(&first.data()));
    assert!(!ready.exists(), "it took the one that was ready");
    second.start();
    let said = setting(&second, "server_encoding");
    assert_eq!(said, "UTF8");
    let mut wrong = second.location("postgres");
    let Location::Postgres { password, .. } = &mut wrong else { panic!("{wrong:?}") };
    *password = first.place.password.clone();
    let mut wrong = PostgresEngine.open(&wrong, &DatabaseSettings::default()).expect("open");
    assert!(wrong.exists().is_err(), "the password is that of its place");
    second.end("-INT");

    // One that cannot be used is as good as none.
    fs::remove_file(template.join("PG_VERSION")).expect("damage the template");
    let fourth = place(&directory.path().join("fourth"));
    let mut fourth = Own::with(ServerPlace { templates: Some(templates), ..fourth });
    fourth.start();
}

#[cfg(target_os = "linux")]
#[test]
fn a_new_server_waits_for_the_disk_once_it_is_settled() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut own = Own::with(ServerPlace { durability: Durability::OnceSettled, ..place(directory.path()) });
    let mark = Unsettled::of(&own.place.directory);
    assert!(mark.is_set() && !mark.is_lost());
    own.start();
    assert_eq!(setting(&own, "fsync"), "off");
    let mut database = own.open("filled");
    database.create().expect("create");
    database.execute_script("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n").expect("fill");
    // A start in between changes nothing.
    own.end("-INT");
    PostgresEngine.prepare_server(&own.found, &own.place).expect("prepare again");
    own.start();
    assert_eq!(setting(&own, "fsync"), "off");

    let mut database = own.open("filled");
    database.settle().expect("settle");
    assert!(!mark.is_set());
    assert_eq!(setting(&own, "fsync"), "on");
    // Nobody can take it back.
    database.settle().expect("settle again");
    own.end("-KILL");
    PostgresEngine.prepare_server(&own.found, &own.place).expect("prepare again");
    own.start();
    assert_eq!(setting(&own, "fsync"), "on");
    assert_eq!(own.open("filled").row_counts().expect("count")["t"], 1000);
}

#[test]
fn one_that_is_to_be_durable_at_once_has_no_mark() {
    let directory = TempDir::new().expect("a temporary directory");
    let own = Own::new(directory.path());
    assert!(!Unsettled::of(&own.place.directory).is_set());
}
