//! Kept states as schemas: what moves with the tables, and what a killed caller leaves.

use std::time::Instant;

use database::contract::Harness as _;
use database::{Database, DatabaseError, DatabaseSettings, Engine as _, StateName};
use database_mysql::MysqlEngine;
use mysql::Conn;
use mysql::prelude::Queryable as _;

use crate::harness::MysqlHarness;

/// Everything that can be in a schema, with tables that refer to each other in a circle and views that need others.
const EVERYTHING: &str = "
    CREATE TABLE hen (id integer AUTO_INCREMENT PRIMARY KEY, egg integer, name varchar(20)) COLLATE utf8mb4_bin;
    CREATE TABLE egg (id integer PRIMARY KEY, hen integer, double_id integer AS (id * 2) VIRTUAL, KEY (double_id),
        CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen (id) ON DELETE CASCADE);
    ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg (id);
    CREATE TABLE log (n integer AUTO_INCREMENT PRIMARY KEY, said text, FULLTEXT KEY (said)) ENGINE = InnoDB;
    CREATE TABLE parts (a integer) PARTITION BY HASH (a) PARTITIONS 2;
    CREATE TABLE old_fashioned (a integer) ENGINE = MyISAM;
    INSERT INTO hen VALUES (1, NULL, 'ada');
    INSERT INTO egg (id, hen) VALUES (10, 1), (11, 1);
    UPDATE hen SET egg = 10;
    INSERT INTO parts VALUES (1), (2), (3);
    INSERT INTO old_fashioned VALUES (4);
    CREATE VIEW a_names AS SELECT * FROM z_names;
    CREATE VIEW z_names AS SELECT name, shout(name) AS loud FROM hen;
    CREATE TRIGGER hen_log AFTER INSERT ON hen FOR EACH ROW INSERT INTO log (said) VALUES (NEW.name);
    CREATE TRIGGER hen_log_too AFTER INSERT ON hen FOR EACH ROW INSERT INTO log (said) VALUES (shout(NEW.name));
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM log;
    DELIMITER //
    CREATE PROCEDURE lay(IN number integer) BEGIN INSERT INTO egg (id, hen) VALUES (number, 1); END //
    DELIMITER ;
";

fn state(name: &str) -> StateName {
    StateName::new(name).expect("a valid name")
}

/// Makes a database with everything; the function first, since the server checks views.
fn everything(harness: &MysqlHarness) -> Box<dyn Database> {
    let mut database = harness.open();
    database.create().expect("create");
    database
        .execute_script("CREATE FUNCTION shout(word text) RETURNS text DETERMINISTIC RETURN UPPER(word);")
        .expect("a function");
    // A view may be made before what it needs, but only by restoring; here they come in their order.
    let (first, second) = (
        "CREATE VIEW a_names AS SELECT * FROM z_names;",
        "CREATE VIEW z_names AS SELECT name, shout(name) AS loud FROM hen;",
    );
    let script = EVERYTHING.replace(first, "").replace(second, &format!("{second}{first}"));
    database.execute_script(&script).expect("the schema");
    database
}

/// Uses everything as a service does, and fails where something is missing or belongs to another schema.
fn use_everything(service: &mut Conn) {
    let before: Option<u64> = service.query_first("SELECT COUNT(*) FROM log").expect("count");
    service.query_drop("INSERT INTO hen (name) VALUES ('bob')").expect("insert");
    let said: Vec<String> = service.query("SELECT said FROM log ORDER BY n DESC LIMIT 2").expect("both triggers ran");
    assert_eq!(said, ["BOB", "bob"]);
    let after: Option<u64> = service.query_first("SELECT COUNT(*) FROM log").expect("count");
    assert_eq!(after, before.map(|count| count + 2));
    let loud: Option<String> = service.query_first("SELECT loud FROM a_names WHERE name = 'ada'").expect("the views");
    assert_eq!(loud.as_deref(), Some("ADA"));
    service.query_drop("CALL lay(12)").expect("the procedure");
    service.query_drop("INSERT INTO egg (id, hen) VALUES (13, 99)").expect_err("there is no such hen");
    service.query_drop("DELETE FROM egg WHERE id = 10").expect_err("a hen refers to it");
    service.query_drop("UPDATE hen SET egg = NULL; ").expect("update");
    service.query_drop("DELETE FROM hen WHERE id = 1").expect("delete");
    let eggs: Option<u64> = service.query_first("SELECT COUNT(*) FROM egg").expect("count");
    assert_eq!(eggs, Some(0), "they are deleted with their hen");
    let others: Option<u64> = service
        .query_first(
            "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE()
                AND REFERENCED_TABLE_NAME IS NOT NULL AND REFERENCED_TABLE_SCHEMA <> DATABASE()",
        )
        .expect("look");
    assert_eq!(others, Some(0), "no foreign key leads into another schema");
}

#[test]
fn all_that_is_in_a_schema_moves_with_its_tables() {
    for harness in [MysqlHarness::new(), MysqlHarness::plain()] {
        let mut database = everything(&harness);
        let before = database.fingerprint().expect("fingerprint");
        let base = state("base");
        database.keep(&base).expect("keep");
        use_everything(&mut harness.service());
        let used = database.fingerprint().expect("fingerprint");
        assert_ne!(used, before);
        for way in ["copied", "with a spare", "taken"] {
            match way {
                "copied" => database.reset_to(&base, Some(&state("used"))).expect(way),
                "with a spare" => {
                    database.prepare_spare(&base).expect("prepare a spare");
                    database.reset_to(&base, None).expect(way);
                }
                _ => database.take(&base, None).expect(way),
            }
            assert_eq!(database.fingerprint().expect("fingerprint"), before, "{way}");
            database.tidy().expect("tidy");
            use_everything(&mut harness.service());
        }
        database.take(&state("used"), Some(&state("used"))).expect("take");
        assert_eq!(database.fingerprint().expect("fingerprint"), used);
        let dump = harness.directory().join("x.dump");
        // By way of a kept state: the dump program itself fails where the name of a database with routines has quotes in it.
        database.keep(&state("used")).expect("keep");
        database.open_kept(&state("used")).expect("open").dump(&dump).expect("dump");
        database.restore_as(&state("restored"), &dump).expect("restore");
        let mut restored = database.open_kept(&state("restored")).expect("open");
        assert_eq!(restored.fingerprint().expect("fingerprint"), used);
        assert!(matches!(restored.clear(None), Err(DatabaseError::Refused { .. })), "it is only for reading");
        assert_eq!(restored.check().expect("check"), [""; 0]);
    }
}

#[test]
fn a_sequence_goes_on_where_it_was() {
    let harness = MysqlHarness::plain();
    let mut database = harness.open();
    database.create().expect("create");
    if !harness.service().query_first::<String, _>("SELECT VERSION()").expect("ask").expect("one").contains("MariaDB") {
        return;
    }
    let sql =
        "CREATE SEQUENCE numbers START WITH 5 NOCACHE; CREATE TABLE t (id integer DEFAULT NEXTVAL(numbers), a integer);
        INSERT INTO t (a) VALUES (1);";
    database.execute_script(sql).expect("script");
    database.keep(&state("base")).expect("keep");
    for _ in 0..2 {
        harness.service().query_drop("INSERT INTO t (a) VALUES (2)").expect("insert");
        let last: Option<u64> = harness.service().query_first("SELECT MAX(id) FROM t").expect("ask");
        assert_eq!(last, Some(6));
        database.reset_to(&state("base"), None).expect("reset");
        database.tidy().expect("tidy");
    }
}

#[test]
fn connections_of_others_are_ended_and_new_ones_see_the_state() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script("CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (2)").expect("script");
    let mut before_keep = harness.service();
    before_keep.query_drop("START TRANSACTION").expect("begin");
    before_keep.query_drop("DELETE FROM t").expect("a transaction under way");
    database.keep(&state("base")).expect("keep beside a transaction");
    let mut before_reset = harness.service();
    before_reset.query_drop("START TRANSACTION").expect("begin");
    before_reset.query_drop("DELETE FROM t").expect("a transaction under way");
    database.reset_to(&state("base"), None).expect("reset beside a transaction");
    before_reset.query_drop("SELECT 1").expect_err("its connection was ended");
    let count: Option<u64> = harness.service().query_first("SELECT COUNT(*) FROM t").expect("count");
    assert_eq!(count, Some(2));
}

#[test]
fn a_large_table_is_copied_by_its_file_and_a_reset_does_not_depend_on_its_size() {
    let harness = MysqlHarness::plain();
    let mut database = harness.open();
    database.create().expect("create");
    let sql = "CREATE TABLE large (id integer AUTO_INCREMENT PRIMARY KEY, a varchar(900) NOT NULL, KEY (a(20)));
        INSERT INTO large (a) VALUES (REPEAT('x', 900)), (REPEAT('y', 900));";
    database.execute_script(sql).expect("script");
    for _ in 0..14 {
        harness
            .service()
            .query_drop("INSERT INTO large (a) SELECT CONCAT(id, SUBSTR(a, 10)) FROM large")
            .expect("grow");
    }
    harness.service().query_drop("ANALYZE TABLE large").expect("analyze");
    let before = database.fingerprint().expect("fingerprint");
    database.keep(&state("base")).expect("keep");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    assert!(database.kept().expect("kept")[0].bytes > 30_000_000);
    harness.service().query_drop("DELETE FROM large WHERE id % 2 = 0").expect("change");
    let begin = Instant::now();
    database.reset_to(&state("base"), None).expect("reset");
    let waited = begin.elapsed();
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    assert!(waited.as_secs() < 2, "{waited:?}");
    harness.service().query_drop("INSERT INTO large (a) VALUES ('z')").expect("it takes rows");
    assert_eq!(database.check().expect("check"), [""; 0]);
}

#[test]
fn a_caller_killed_after_any_statement_leaves_the_old_content_or_the_new() {
    // A user whose number of statements is limited is a caller that is killed: not even its cleaning up is done.
    const USER: &str = "mortal";
    let harness = MysqlHarness::plain();
    let mut database = everything(&harness);
    let fingerprint = |database: &mut dyn Database| database.fingerprint().expect("fingerprint");
    let base = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    let mut admin = harness.service();
    let password =
        harness.location().property("password").expect("a password").replace('\\', "\\\\").replace('\'', "''");
    admin.query_drop(format!("CREATE USER {USER}@'%' IDENTIFIED BY '{password}'")).expect("a user");
    admin.query_drop(format!("GRANT ALL ON *.* TO {USER}@'%'")).expect("rights");
    // The services' connections are ended; the administrator has none in the database.
    admin.query_drop("USE mysql").expect("use");
    let location = harness.server.location(USER, &harness.name);
    let (mut olds, mut news, mut limit) = (0, 0, 0);
    loop {
        limit += 1;
        database.execute_script("INSERT INTO hen (name) VALUES ('carl')").expect("change");
        let old = fingerprint(&mut *database);
        admin.query_drop(format!("ALTER USER {USER}@'%' WITH MAX_QUERIES_PER_HOUR {limit}")).expect("a limit");
        admin.query_drop("FLUSH USER_RESOURCES").expect("count from zero");
        let mut mortal = MysqlEngine.open(&location, &DatabaseSettings::default()).expect("open");
        let ended = mortal.reset_to(&state("base"), Some(&state("aside")));
        drop(mortal);
        let mut next = harness.open();
        let now = fingerprint(&mut *next);
        assert!(now == old || now == base, "after {limit} statements there is neither the old content nor the new");
        let kept: Vec<String> = next.kept().expect("kept").into_iter().map(|kept| kept.name.to_string()).collect();
        assert!(kept.contains(&"base".to_owned()), "{kept:?}");
        assert_eq!(fingerprint(&mut *next.open_kept(&state("base")).expect("open")), base);
        if now == base {
            news += 1;
            let aside = fingerprint(&mut *next.open_kept(&state("aside")).expect("what was displaced is kept"));
            assert_eq!(aside, old, "after {limit} statements");
        } else {
            olds += 1;
        }
        next.forget(&state("aside")).expect("forget");
        next.tidy().expect("tidy");
        if ended.is_ok() {
            break;
        }
        assert!(limit < 1000, "it never ends: {ended:?}");
    }
    assert!(olds > 10 && news > 10, "{olds} times the old content, {news} times the new");
    let left: Option<u64> = admin
        .query_first(format!(
            "SELECT COUNT(*) FROM information_schema.SCHEMATA JOIN seedbed_catalog.contents ON content = SCHEMA_NAME
                WHERE owner = '{}' AND role <> 'kept'",
            harness.name
        ))
        .expect("look");
    assert_eq!(left, Some(0), "nothing is left behind");
}

#[test]
fn settings_of_a_database_are_those_of_each_empty_one() {
    let harness = MysqlHarness::plain();
    let settings = DatabaseSettings {
        encoding: Some("latin1".into()),
        locale: Some("latin1_german2_ci".into()),
        roles: vec!["reporter".into()],
        ..DatabaseSettings::default()
    };
    let mut database = MysqlEngine.open(&harness.location(), &settings).expect("open");
    for _ in 0..2 {
        database.create().expect("create");
        let collation: Option<String> = harness.service().query_first("SELECT @@collation_database").expect("ask");
        assert_eq!(collation.as_deref(), Some("latin1_german2_ci"));
        harness.service().query_drop("GRANT SELECT ON *.* TO reporter").expect("the role is there");
        database.clear(None).expect("clear");
    }
    let unknown = DatabaseSettings { locale: Some("C.UTF-8".into()), ..DatabaseSettings::default() };
    let mut database = MysqlEngine.open(&harness.location(), &unknown).expect("open");
    assert!(database.create().expect_err("no such collation").to_string().contains("cannot create it"));
    let extensions = DatabaseSettings { extensions: vec!["x".into()], ..DatabaseSettings::default() };
    let refused = MysqlEngine.open(&harness.location(), &extensions);
    assert!(matches!(refused.err(), Some(DatabaseError::Unsupported { .. })));
}

#[test]
fn fingerprints_are_computed_as_their_version_says() {
    let harness = MysqlHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    let script = "CREATE TABLE t (id integer, name varchar(20), half decimal(4, 2), raw varbinary(9))
        ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
        INSERT INTO t VALUES (1, 'ada', 0.5, x'00ff'), (2, NULL, NULL, NULL);";
    database.execute_script(script).expect("script");
    // Another value here needs another `database::FINGERPRINT_VERSION`.
    assert_eq!(
        database.fingerprint().expect("fingerprint"),
        "1-34acb6a7b53a1e8c82020b8f0362ca5ec517c4b9baadb50ddce7c66ceaebf07b"
    );
}
