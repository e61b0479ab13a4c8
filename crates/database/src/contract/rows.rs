//! Cases about rows: found, inserted, deleted in transactions.

use std::slice::from_ref;

use serde_json::json;

use super::fixture::{add_authors, authors, tables, words};
use super::{RelationalHarness, TypeKind};
use crate::{DatabaseError, Transaction, Value};

/// How many rows the case about many rows inserts; more than fit into one batch of any driver.
const MANY: usize = 10_000;

/// A part of a transaction.
type Attempt<'a> = &'a dyn Fn(&mut dyn Transaction) -> Result<(), DatabaseError>;

/// A value goes in as JSON and comes out as the same JSON, found by itself where it can be a key.
pub fn values_of_common_types_come_back(harness: &dyn RelationalHarness) {
    let kind = |kind| harness.sql_type(kind);
    let cases: [(&str, &[Value]); 11] = [
        ("integer", &[json!(0), json!(-7), json!(2_147_483_647)]),
        ("bigint", &[json!(i64::MAX), json!(i64::MIN), json!(9_007_199_254_740_993_i64)]),
        ("double precision", &[json!(0.5), json!(-1.25e100)]),
        ("text", &[json!(""), json!("ä €  𝄞"), json!("o'neil \"\\\n\t"), json!("NULL"), json!("\\x00"), json!("1")]),
        (kind(TypeKind::Boolean), &[json!(true), json!(false)]),
        (kind(TypeKind::Decimal), &[json!(12), json!(-3)]),
        (kind(TypeKind::Date), &[json!("2025-01-31"), json!("1999-12-31")]),
        (kind(TypeKind::Timestamp), &[json!("2025-01-01T00:00:00+00:00"), json!("2025-06-30T23:59:59.123456+00:00")]),
        (kind(TypeKind::Json), &[json!({"a": [1, null, "x"]}), json!([]), json!("text"), json!(true), json!(5)]),
        (kind(TypeKind::Uuid), &[json!("7f3c2a1e-0b5d-8c4f-9a6e-112233445566")]),
        (kind(TypeKind::Bytes), &[json!("\\x"), json!("\\x00ff10")]),
    ];
    let mut database = harness.open();
    database.create().expect("create");
    for (index, (sql_type, values)) in cases.iter().enumerate() {
        let table = format!("t{index}");
        database.execute_script(&format!("CREATE TABLE {table} (n integer, v {sql_type})")).expect(sql_type);
        let columns = words(&["n", "v"]);
        let values = values.iter().chain(&[Value::Null]);
        let rows: Vec<Vec<Value>> = values.enumerate().map(|(n, value)| vec![json!(n), value.clone()]).collect();
        let mut transaction = database.begin().expect("begin");
        let returned = transaction.insert(&table, &columns, &rows, &columns).expect(sql_type);
        assert_same(&returned, &rows, sql_type);
        // NULL equals NULL, so that every row can be found by its value.
        let keys: Vec<Vec<Value>> = rows.iter().map(|row| vec![row[1].clone()]).collect();
        let found = transaction.find(&table, &words(&["v"]), &keys, &columns).expect(sql_type);
        assert_same(&found.into_iter().flatten().collect::<Vec<_>>(), &rows, sql_type);
        assert_eq!(transaction.delete(&table, &columns, &rows).expect(sql_type), rows.len() as u64, "{sql_type}");
        transaction.commit().expect("commit");
    }
    // A decimal keeps its value, as a number or as text.
    let mut transaction = database.begin().expect("begin");
    for given in [json!("12.3400"), json!(12.34)] {
        let returned = transaction.insert("t5", &words(&["v"]), &[vec![given]], &words(&["v"])).expect("insert");
        let number = match &returned[0][0] {
            Value::String(text) => text.parse().expect("a number"),
            other => other.as_f64().expect("a number"),
        };
        assert!((number - 12.34_f64).abs() < f64::EPSILON * 100.0, "{number}");
    }
}

/// Compares rows; a decimal without places may come back with them.
fn assert_same(found: &[Vec<Value>], expected: &[Vec<Value>], sql_type: &str) {
    let plain = |value: &Value| match value {
        Value::String(text) if text.ends_with(".0000") => {
            text.trim_end_matches(".0000").parse::<i64>().map(Value::from).ok()
        }
        other => Some(other.clone()),
    };
    let found: Vec<Vec<_>> = found.iter().map(|row| row.iter().map(plain).collect()).collect();
    let expected: Vec<Vec<_>> = expected.iter().map(|row| row.iter().cloned().map(Some).collect()).collect();
    assert_eq!(found, expected, "{sql_type}");
}

/// The database fills in what is not named, also when nothing is named.
pub fn columns_not_named_take_their_default(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let mut transaction = database.begin().expect("begin");
    let wanted = words(&["active", "email", "name"]);
    let authors = transaction.insert("authors", &words(&["name"]), &[vec![json!("ada")]], &wanted).expect("insert");
    assert_eq!(authors, [[json!(true), Value::Null, json!("ada")]]);
    let id = transaction.find("authors", &words(&["name"]), &[vec![json!("ada")]], &words(&["id"])).expect("find");
    let id = id[0].as_ref().expect("it was inserted")[0].clone();
    let row = vec![id, json!("Notes")];
    let columns = words(&["author_id", "title"]);
    let books = transaction.insert("books", &columns, &[row], &words(&["pages", "loud"])).expect("insert");
    assert_eq!(books, [[json!(100), json!("NOTES")]]);
    transaction.commit().expect("commit");

    database.execute_script("CREATE TABLE d (a integer DEFAULT 5, b varchar(9) DEFAULT 'x')").expect("script");
    let mut transaction = database.begin().expect("begin");
    let rows = transaction.insert("d", &[], &[vec![], vec![]], &words(&["b", "a"])).expect("insert defaults");
    assert_eq!(rows, vec![vec![json!("x"), json!(5)]; 2]);
}

/// Rows are still counted when no column of them is wanted, and no rows are no error.
pub fn wanting_nothing_gives_empty_rows(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let mut transaction = database.begin().expect("begin");
    let name = words(&["name"]);
    let (ada, bob) = (vec![json!("ada")], vec![json!("bob")]);
    assert_eq!(transaction.insert("authors", &name, &[], &name).expect("no rows"), Vec::<Vec<Value>>::new());
    assert_eq!(transaction.insert("authors", &name, from_ref(&ada), &[]).expect("insert"), [Vec::<Value>::new()]);
    assert_eq!(transaction.find("authors", &name, &[bob, ada], &[]).expect("find"), [None, Some(Vec::new())]);
    assert_eq!(transaction.find("authors", &name, &[], &name).expect("no keys"), []);
    assert_eq!(transaction.delete("authors", &name, &[]).expect("no rows"), 0);
    assert_eq!(transaction.delete("authors", &[], &[vec![]]).expect("no columns"), 0);
}

/// What is returned is in the order of what was given, over all batches.
pub fn many_rows_keep_their_order(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let name = words(&["name"]);
    // Not in the order of an index, so that a plan that sorts would be noticed.
    let names: Vec<Value> = (0..MANY).map(|number| json!(format!("n{}", number * 7919 % MANY))).collect();
    let rows: Vec<Vec<Value>> = names.iter().map(|name| vec![name.clone()]).collect();
    let mut transaction = database.begin().expect("begin");
    let inserted = transaction.insert("authors", &name, &rows, &words(&["id", "name"])).expect("insert");
    assert!(inserted.iter().map(|row| &row[1]).eq(&names), "the rows come back in the order given");
    let ids: Vec<i64> = inserted.iter().map(|row| row[0].as_i64().expect("an id")).collect();
    assert!(ids.is_sorted(), "keys are given in the order of the rows");
    let mut keys = rows.clone();
    keys.reverse();
    keys.push(vec![json!("nobody")]);
    let found = transaction.find("authors", &name, &keys, &words(&["id"])).expect("find");
    let mut expected: Vec<_> = ids.iter().rev().map(|id| Some(vec![json!(id)])).collect();
    expected.push(None);
    assert!(found == expected, "keys are answered in their order");
    transaction.commit().expect("commit");
    assert_eq!(database.row_counts().expect("row counts")["authors"], MANY as u64);
}

/// The error says what was violated, where, and by which values.
pub fn a_violated_constraint_is_named_with_the_values(harness: &dyn RelationalHarness) {
    let cases: [(&str, &[&str], Value, &str, &str); 4] = [
        ("authors", &["name"], json!(["o'neil"]), "name", "o'neil"),
        ("authors", &["email", "name"], json!(["x@example.com", null]), "name", "x@example.com"),
        ("books", &["author_id", "title", "pages"], json!([1, "Notes", -5]), "pages", "-5"),
        ("books", &["author_id", "title"], json!([987, "Notes"]), "author_id", "987"),
    ];
    let mut database = authors(harness);
    let before = database.fingerprint().expect("fingerprint");
    for (table, columns, row, about, value) in cases {
        let row = row.as_array().expect("a row").clone();
        let mut transaction = database.begin().expect("begin");
        let error = transaction.insert(table, &words(columns), &[row], &[]).expect_err("it violates a constraint");
        match &error {
            DatabaseError::Constraint { table: named, constraint, detail, .. } => {
                assert_eq!(named, table);
                assert!(constraint.contains(about), "{error}");
                assert!(detail.contains(value), "{error}");
            }
            other => panic!("{other:?}"),
        }
        transaction.rollback().expect("rollback");
        assert_eq!(database.fingerprint().expect("fingerprint"), before, "{error}");
    }
}

/// After an error, what went well before it must not be committed.
pub fn a_failed_transaction_cannot_be_committed(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let before = database.fingerprint().expect("fingerprint");
    let name = words(&["name"]);
    let mut transaction = database.begin().expect("begin");
    transaction.insert("authors", &name, &[vec![json!("new")]], &[]).expect("insert");
    transaction.insert("authors", &name, &[vec![json!("newer")], vec![json!("ada")]], &[]).expect_err("ada is there");
    let next = transaction.find("authors", &name, &[vec![json!("ada")]], &name);
    assert!(matches!(next, Err(DatabaseError::Aborted { .. })), "{next:?}");
    let committed = transaction.commit();
    assert!(matches!(committed, Err(DatabaseError::Aborted { .. })), "{committed:?}");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    add_authors(&mut *database, &["later"]);
}

/// A rollback, or dropping the transaction, leaves the fingerprint; a commit changes it.
pub fn a_commit_changes_the_content_and_a_rollback_does_not(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let before = database.fingerprint().expect("fingerprint");
    for end in ["rollback", "drop", "commit"] {
        let mut transaction = database.begin().expect("begin");
        transaction.insert("authors", &words(&["name"]), &[vec![json!("new")]], &[]).expect("insert");
        match end {
            "rollback" => transaction.rollback().expect(end),
            "commit" => transaction.commit().expect(end),
            _ => drop(transaction),
        }
        let same = database.fingerprint().expect("fingerprint") == before;
        assert_eq!(same, end != "commit", "{end}");
    }
}

/// A natural key must name one row.
pub fn a_key_with_several_rows_is_an_error(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let mut transaction = database.begin().expect("begin");
    let error = transaction.find("authors", &words(&["active"]), &[vec![json!(true)]], &[]).expect_err("three rows");
    match &error {
        DatabaseError::Ambiguous { table, key, .. } => {
            assert_eq!((table.as_str(), key.as_str()), ("authors", "active = true"));
        }
        other => panic!("{other:?}"),
    }
}

/// Only rows that are equal in all the columns go, NULL included.
pub fn delete_takes_back_exactly_the_rows_given(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let columns = words(&["name", "email"]);
    let row = |name: &str, email: Value| vec![json!(name), email];
    let rows = [row("a", json!("x")), row("b", Value::Null), row("c", json!("x")), row("d", json!(""))];
    let mut transaction = database.begin().expect("begin");
    transaction.insert("authors", &columns, &rows, &[]).expect("insert");
    let gone = [
        row("a", json!("x")),
        row("b", Value::Null),
        row("c", Value::Null),
        row("d", json!("x")),
        row("e", json!("x")),
    ];
    assert_eq!(transaction.delete("authors", &columns, &gone).expect("delete"), 2);
    let keys: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| vec![json!(name)]).collect();
    let left = transaction.find("authors", &words(&["name"]), &keys, &[]).expect("find");
    assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, true]);
    // A row that others refer to stays.
    let wanted = words(&["id"]);
    let id = transaction.find("authors", &words(&["name"]), &[vec![json!("c")]], &wanted).expect("find");
    let id = id[0].as_ref().expect("it is left").clone();
    let book = vec![id[0].clone(), json!("Notes")];
    transaction.insert("books", &words(&["author_id", "title"]), &[book], &[]).expect("insert");
    let error = transaction.delete("authors", &wanted, &[id]).expect_err("it is referred to");
    assert!(matches!(error, DatabaseError::Constraint { .. }), "{error:?}");
}

/// Spaces, quotes, capitals and words of SQL are names like any other.
pub fn names_of_any_kind_are_quoted(harness: &dyn RelationalHarness) {
    let table = "order \"of\" the; Select";
    let columns = words(&["group", "Two Words", "a\"b", "ordinality", "c0", "position"]);
    let list: Vec<_> = columns.iter().map(|column| format!("{} text", harness.quote(column))).collect();
    let mut database = harness.open();
    database.create().expect("create");
    database.execute_script(&format!("CREATE TABLE {} ({})", harness.quote(table), list.join(", "))).expect("script");
    let row: Vec<Value> = (0..columns.len()).map(|number| json!(format!("'{number}\""))).collect();
    let mut transaction = database.begin().expect("begin");
    assert_eq!(transaction.insert(table, &columns, from_ref(&row), &columns).expect("insert"), from_ref(&row));
    assert_eq!(transaction.find(table, &columns, from_ref(&row), &columns).expect("find"), [Some(row.clone())]);
    assert_eq!(transaction.delete(table, &columns, from_ref(&row)).expect("delete"), 1);
    transaction.insert(table, &columns, &[row], &[]).expect("insert");
    transaction.commit().expect("commit");
    assert_eq!(database.row_counts().expect("row counts")[table], 1);
    let schema = database.inspect().expect("inspect");
    let found: Vec<_> = schema.table(table).expect("the table").columns.iter().map(|column| &column.name).collect();
    assert_eq!(found, columns.iter().collect::<Vec<_>>());
    database.fingerprint().expect("fingerprint");
}

/// A mistake in a data type is reported as such.
pub fn unknown_tables_and_columns_are_named(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let error = database.begin().expect("begin").insert("writers", &[], &[vec![]], &[]).expect_err("no such table");
    assert!(matches!(&error, DatabaseError::UnknownTable { table, .. } if table == "writers"), "{error:?}");
    let (name, nick) = (words(&["name"]), words(&["nick"]));
    let row = [vec![json!("x")]];
    let attempts: [Attempt<'_>; 5] = [
        &|transaction| transaction.insert("authors", &nick, &row, &[]).map(drop),
        &|transaction| transaction.insert("authors", &name, &row, &nick).map(drop),
        &|transaction| transaction.find("authors", &nick, &row, &name).map(drop),
        &|transaction| transaction.find("authors", &name, &row, &nick).map(drop),
        &|transaction| transaction.delete("authors", &nick, &row).map(drop),
    ];
    for attempt in attempts {
        let error = attempt(&mut *database.begin().expect("begin"));
        assert!(
            matches!(&error, Err(DatabaseError::UnknownColumn { table, column, .. }) if table == "authors" && column == "nick"),
            "{error:?}"
        );
    }
}

/// Exactly the rows of the keys are changed, also where a key or a value is NULL, and a constraint is named.
pub fn rows_are_updated_by_their_keys(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let mut transaction = database.begin().expect("begin");
    let (name, email) = (words(&["name"]), words(&["email"]));
    let keys = [vec![json!("ada")], vec![json!("nobody")], vec![json!("o'neil")]];
    let values = [vec![json!("ada@example.com")], vec![json!("x")], vec![json!("o'neil@example.com")]];
    assert_eq!(transaction.update("authors", &name, &keys, &email, &values).expect("update"), 2);
    // The same again changes nothing, and finds them all the same.
    assert_eq!(transaction.update("authors", &name, &keys, &email, &values).expect("update"), 2);
    let all = words(&["name", "email"]);
    let key = [vec![json!("björn"), Value::Null]];
    let active = words(&["active", "email"]);
    let set = [vec![json!(false), Value::Null]];
    assert_eq!(transaction.update("authors", &all, &key, &active, &set).expect("update"), 1);
    assert_eq!(transaction.update("authors", &[], &[vec![]], &email, &[vec![json!("x")]]).expect("no key"), 0);
    assert_eq!(transaction.update("authors", &name, &keys, &[], &[vec![]]).expect("nothing to set"), 0);
    let wanted = words(&["email", "active"]);
    let keys: Vec<Vec<Value>> = ["ada", "björn", "o'neil"].iter().map(|name| vec![json!(name)]).collect();
    let found = transaction.find("authors", &name, &keys, &wanted).expect("find");
    let expected = [
        Some(vec![json!("ada@example.com"), json!(true)]),
        Some(vec![Value::Null, json!(false)]),
        Some(vec![json!("o'neil@example.com"), json!(true)]),
    ];
    assert_eq!(found, expected);
    let taken = transaction.update("authors", &name, &keys[..1], &name, &keys[1..2]);
    assert!(matches!(taken, Err(DatabaseError::Constraint { .. })), "{taken:?}");
    assert!(matches!(transaction.commit(), Err(DatabaseError::Aborted { .. })));
}

/// However many there are; a key that is NULL has none.
pub fn all_rows_of_a_key_are_found(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let mut transaction = database.begin().expect("begin");
    let active = words(&["active"]);
    let found = transaction.find_all("authors", &active, &[vec![json!(true)]], &words(&["name"])).expect("find");
    let mut names: Vec<String> = found.iter().map(|row| row[0].to_string()).collect();
    names.sort();
    assert_eq!(names, ["\"ada\"", "\"björn\"", "\"o'neil\""]);
    let nobody = transaction.find_all("authors", &words(&["email"]), &[vec![Value::Null]], &active).expect("find");
    assert_eq!(nobody, Vec::<Vec<Value>>::new());
    assert_eq!(transaction.find_all("authors", &[], &[vec![]], &active).expect("find"), Vec::<Vec<Value>>::new());
    assert_eq!(transaction.find_all("authors", &active, &[vec![json!(true)]], &[]).expect("find").len(), 3);
}

/// What refers to nothing for a while is no error, and one in the end.
pub fn references_can_be_checked_late(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let name = words(&["name"]);
    let mut ids = Vec::new();
    let mut transaction = database.begin().expect("begin");
    for author in ["ada", "björn"] {
        let found = transaction.find("authors", &name, &[vec![json!(author)]], &words(&["id"])).expect("find");
        ids.push(found[0].clone().expect("the author is there"));
    }
    let columns = words(&["author_id", "title"]);
    let books: Vec<Vec<Value>> = ids.iter().map(|id| vec![id[0].clone(), json!("Notes")]).collect();
    transaction.insert("books", &columns, &books, &[]).expect("insert");
    transaction.commit().expect("commit");
    let before = database.fingerprint().expect("fingerprint");
    for is_whole in [true, false] {
        let mut transaction = database.begin().expect("begin");
        transaction.check_late(&words(&["books"])).expect("check late");
        transaction.delete("authors", &words(&["id"]), &ids).expect("delete");
        let gone = if is_whole { &ids[..] } else { &ids[..1] };
        transaction.delete("books", &words(&["author_id"]), gone).expect("delete");
        let checked = transaction.check_now();
        assert_eq!(checked.is_ok(), is_whole, "{checked:?}");
        transaction.rollback().expect("roll back");
        assert_eq!(database.fingerprint().expect("fingerprint"), before);
    }
    // What comes after is checked as ever.
    let mut transaction = database.begin().expect("begin");
    let refused = transaction.insert("books", &columns, &[vec![json!(987), json!("Notes")]], &[]);
    assert!(matches!(refused, Err(DatabaseError::Constraint { .. })), "{refused:?}");
}
