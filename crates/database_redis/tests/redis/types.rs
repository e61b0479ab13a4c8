//! Every type of value: as a dump and back, as a kept state, and as rows.

use database::contract::Harness as _;
use database::{Database, StateName};
use redis::{Connection, Value};

use crate::harness::RedisHarness;

/// Keys of every type, with any bytes in names and values.
const EVERYTHING: &str = r#"
# Names and values of any bytes.
SET text "é \x00 \n"
SET "\xff\xfe:binary" "\xff\x00\xfe"
SET number 42
SET empty ""
SETBIT bits 100 1
PFADD hyperloglog a b c
GEOADD places 13.361389 38.115556 Palermo
RPUSH list:1 b a "\xff" a
SADD set:1 3 1 2 "\xfe" x
SADD set:numbers 5 3 1
HSET hash:1 field value "\xff" "\xfe" empty ""
ZADD zset:1 1.5 a -inf "\xfd" +inf c 0.1 d 1e300 e 12345678901234567 f

# A stream of which entries were deleted, with groups, consumers and entries that are pending.
XADD stream:1 1-1 a 1 b 2
XADD stream:1 2-1 "\xff" "\xfe"
XADD stream:1 3-1 c 3
XADD stream:1 4-1 d 4
XGROUP CREATE stream:1 readers 0
XGROUP CREATE stream:1 "\xffothers" 2-1
XGROUP CREATE stream:1 idle $
XREADGROUP GROUP readers alice COUNT 2 STREAMS stream:1 >
XREADGROUP GROUP readers bob COUNT 1 STREAMS stream:1 >
XGROUP CREATECONSUMER stream:1 readers carol
XACK stream:1 readers 1-1
XDEL stream:1 3-1
XADD stream:empty 5-5 a b
XTRIM stream:empty MAXLEN 0
XGROUP CREATE stream:new readers $ MKSTREAM
"#;

/// A way to keep the content as the state `base`.
type Way<'a> = (&'a str, &'a dyn Fn(&mut dyn Database));

fn base() -> StateName {
    StateName::new("base").expect("a valid name")
}

/// Asks for what a reader of the values would see, to the last consumer.
fn seen(connection: &mut Connection) -> Vec<Value> {
    let commands: [&[&str]; 19] = [
        &["GET", "text"],
        &["GET", "number"],
        &["GET", "empty"],
        &["GETBIT", "bits", "100"],
        &["PFCOUNT", "hyperloglog"],
        &["GEOPOS", "places", "Palermo"],
        &["LRANGE", "list:1", "0", "-1"],
        &["SORT", "set:1", "ALPHA"],
        &["SORT", "set:numbers"],
        &["HMGET", "hash:1", "field", "empty"],
        &["HLEN", "hash:1"],
        &["ZRANGE", "zset:1", "0", "-1", "WITHSCORES"],
        &["XRANGE", "stream:1", "-", "+"],
        &["XINFO", "GROUPS", "stream:1"],
        &["XPENDING", "stream:1", "readers", "-", "+", "10", "alice"],
        &["XPENDING", "stream:1", "readers", "-", "+", "10", "bob"],
        &["XINFO", "GROUPS", "stream:new"],
        &["XLEN", "stream:empty"],
        &["DBSIZE"],
    ];
    let ask = |command: &[&str]| redis::cmd(command[0]).arg(&command[1..]).query(connection).expect(command[0]);
    let mut seen: Vec<Value> = commands.into_iter().map(ask).collect();
    // Idle times pass; who has what and how often it was delivered stays.
    for pending in &mut seen[14..16] {
        let Value::Array(pending) = pending else { panic!("{pending:?}") };
        for entry in pending {
            let Value::Array(entry) = entry else { panic!("{entry:?}") };
            entry.remove(2);
        }
    }
    // A deleted entry, here that of bob, stays pending until it is next asked for; it is not part of the content.
    seen[15] = Value::Nil;
    if let Value::Array(groups) = &mut seen[13] {
        groups.iter_mut().for_each(forget_pending_count);
    }
    for stream in ["stream:1", "stream:empty", "stream:new"] {
        let facts: Vec<Value> = redis::cmd("XINFO").arg("STREAM").arg(stream).query(connection).expect("facts");
        let fact = |name: &str| {
            let at = facts.iter().position(|fact| *fact == Value::BulkString(name.into())).expect(name);
            facts[at + 1].clone()
        };
        seen.extend(["last-generated-id", "entries-added", "max-deleted-entry-id", "groups"].map(fact));
    }
    seen
}

fn forget_pending_count(group: &mut Value) {
    let Value::Array(facts) = group else { panic!("{group:?}") };
    let at = facts.iter().position(|fact| *fact == Value::BulkString("pending".into())).expect("pending");
    facts[at + 1] = Value::Nil;
}

#[test]
fn values_of_every_type_come_back_from_dumps_and_states() {
    let harness = RedisHarness::new();
    let mut database = harness.filled(EVERYTHING);
    let (before, fingerprint) = (seen(&mut harness.service()), database.fingerprint().expect("fingerprint"));
    let dumps = ["a", "b"].map(|name| harness.directory().join(name));
    database.dump(&dumps[0]).expect("dump");
    let ways: [Way; 3] = [
        ("dump", &|database| database.restore_as(&base(), &dumps[0]).expect("restore")),
        ("copy", &|database| database.keep(&base()).expect("keep")),
        ("spare", &|database| {
            database.keep(&base()).expect("keep");
            database.prepare_spare(&base()).expect("prepare a spare");
        }),
    ];
    for (way, keep) in ways {
        keep(&mut *database);
        database.clear(None).expect("clear");
        database.reset_to(&base(), None).expect("reset");
        assert_eq!(database.fingerprint().expect("fingerprint"), fingerprint, "{way}");
        assert_eq!(seen(&mut harness.service()), before, "{way}");
        database.dump(&dumps[1]).expect("dump again");
        let [first, second] = dumps.each_ref().map(|dump| std::fs::read_to_string(dump).expect("text"));
        assert_eq!(first, second, "{way}");
    }
}

#[test]
fn what_expires_is_kept_with_its_moment_and_does_not_count() {
    let harness = RedisHarness::new();
    let mut database = harness.filled("SET stays 1");
    let fingerprint = database.fingerprint().expect("fingerprint");
    database.execute_script("SET session:1 x PXAT 4000000000000\nSET session:2 x PX 1").expect("script");
    assert_eq!(database.fingerprint().expect("fingerprint"), fingerprint);
    let dump = harness.directory().join("x");
    database.dump(&dump).expect("dump");
    let moment = |harness: &RedisHarness| -> i64 {
        redis::cmd("PEXPIRETIME").arg("session:1").query(&mut harness.service()).expect("its moment")
    };
    database.keep(&base()).expect("keep");
    database.reset_to(&base(), None).expect("reset");
    assert_eq!(moment(&harness), 4_000_000_000_000);
    database.restore_as(&base(), &dump).expect("restore");
    database.take(&base(), None).expect("take");
    assert_eq!(moment(&harness), 4_000_000_000_000);
    database.execute_script("PERSIST session:1").expect("script");
    assert_ne!(database.fingerprint().expect("fingerprint"), fingerprint);
}

#[test]
fn keys_are_rows_of_the_table_that_their_name_begins_with() {
    let harness = RedisHarness::new();
    let script =
        "SET plain 1\nHSET user:2 name bob\nHSET user:1:x name ada age 36\nSET \"user:\\xff\" 1 PXAT 4000000000000";
    let mut database = harness.filled(script);
    let counts: Vec<_> = database.row_counts().expect("row counts").into_iter().collect();
    assert_eq!(counts, [("(no prefix)".to_owned(), 1), ("user".to_owned(), 3)]);
    let schema = database.inspect().expect("inspect");
    let columns: Vec<_> = schema.tables[1].columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["key", "type", "expires", "value"]);
    let mut rows = Vec::new();
    let mut collect = |row: &[Option<String>]| {
        rows.push(row.iter().map(|value| value.clone().unwrap_or_default()).collect::<Vec<_>>().join(" "));
        Ok(())
    };
    database.read_rows("user", &mut collect).expect("rows");
    assert_eq!(
        rows,
        [
            r#"user:1:x hash  [["age","36"],["name","ada"]]"#,
            r#"user:2 hash  [["name","bob"]]"#,
            r#"{"hex":"757365723aff"} string 4000000000000 "1""#,
        ]
    );
    assert!(database.read_rows("nobody", &mut |_| Ok(())).is_err());
}

#[test]
fn fingerprints_are_computed_as_their_version_says() {
    let harness = RedisHarness::new();
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script("SET a 1\nHSET h f v\nRPUSH l x y\nZADD z 1.5 m\nXADD s 1-1 a 1\n").expect("script");
    // Another value here needs another `database::FINGERPRINT_VERSION`.
    assert_eq!(
        database.fingerprint().expect("fingerprint"),
        "1-658e1d531fab8364a260b25c80f92b07f6340a7a285738bba3a44e4b8ef2f04d"
    );
}
