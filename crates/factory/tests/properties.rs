//! Random schemas: every constraint holds, any part of the rows can be made alone, and what is added changes nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};

use database::{
    CheckDescription, ColumnDescription, Datum, Description, Filled, ForeignKeyDescription, KeyDescription, Kind, Rows,
    TableDescription,
};
use factory::{Existing, Given, Group, Plan, RecordRef, Referable, Wanted};
use indexmap::IndexMap;
use proptest::prelude::*;

/// A table of a random schema.
#[derive(Clone, Debug)]
struct Shape {
    columns: Vec<(Kind, bool)>,
    /// Sets of columns that are unique, by their number.
    unique: Vec<Vec<usize>>,
    /// Which tables it refers to, by their number, and whether it must.
    parents: Vec<(usize, bool)>,
    /// Whether each pair of its first two references is there once; with one reference, whether that is.
    unique_pair: bool,
    /// Checks on columns, by their number.
    checks: Vec<(usize, Check)>,
    /// Whether it refers to itself.
    own: bool,
}

#[derive(Clone, Debug)]
enum Check {
    Between(i64, i64),
    OneOf(Vec<i64>),
    Not(i64),
    AtLeast(usize),
    Long(u32),
    Lower,
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Boolean),
        Just(Kind::Integer { least: i16::MIN.into(), greatest: i16::MAX.into() }),
        Just(Kind::Integer { least: i64::MIN, greatest: i64::MAX }),
        (1..10_u32, 0..4_u32).prop_map(|(precision, scale)| Kind::Decimal { precision, scale: scale.min(precision) }),
        Just(Kind::Float),
        Just(Kind::Text { length: None }),
        (1..30_u32).prop_map(|length| Kind::Text { length: Some(length) }),
        Just(Kind::Date),
        Just(Kind::Timestamp { zone: true }),
        Just(Kind::Uuid),
        Just(Kind::Enum(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])),
        Just(Kind::Bytes { length: Some(4), exact: true }),
        Just(Kind::Json),
    ]
}

fn checks() -> impl Strategy<Value = Check> {
    prop_oneof![
        (-50..50_i64, 0..100_i64).prop_map(|(least, size)| Check::Between(least, least + size)),
        prop::collection::vec(-9..9_i64, 1..4).prop_map(Check::OneOf),
        (0..9_i64).prop_map(Check::Not),
        (0..4_usize).prop_map(Check::AtLeast),
        (1..6_u32).prop_map(Check::Long),
        Just(Check::Lower),
    ]
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = (
        prop::collection::vec((kinds(), any::<bool>()), 1..6),
        prop::collection::vec(prop::collection::vec(0..5_usize, 1..3), 0..3),
        prop::collection::vec((0..5_usize, any::<bool>()), 0..3),
        any::<bool>(),
        prop::collection::vec((0..5_usize, checks()), 0..3),
        any::<bool>(),
    );
    let shape = shape.prop_map(|(columns, unique, parents, unique_pair, checks, own)| Shape {
        columns,
        unique,
        parents,
        unique_pair,
        checks,
        own,
    });
    prop::collection::vec(shape, 1..5)
}

fn column(name: String, kind: Kind, nullable: bool, filled: Filled) -> ColumnDescription {
    ColumnDescription { name, sql_type: format!("{kind:?}"), kind, nullable, filled, checks: Vec::new() }
}

fn whole() -> Kind {
    Kind::Integer { least: i32::MIN.into(), greatest: i32::MAX.into() }
}

/// What a check says in SQL, where it fits its column.
fn condition(check: &Check, table: &Shape, column: usize) -> Option<String> {
    let (kind, nullable) = &table.columns[column];
    let is_number = matches!(kind, Kind::Integer { .. });
    let name = format!("c{column}");
    Some(match check {
        Check::Between(least, greatest) if is_number => format!("({name} >= {least}) AND ({name} <= {greatest})"),
        Check::OneOf(values) if is_number => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{name} = ANY (ARRAY[{}])", values.join(", "))
        }
        Check::Not(value) if is_number => format!("{name} <> {value}"),
        Check::AtLeast(other) => {
            let other = other % table.columns.len();
            let same = other != column && table.columns[other].0 == *kind;
            if !same || !matches!(kind, Kind::Date | Kind::Timestamp { .. }) {
                return None;
            }
            if *nullable { format!("({name} >= c{other}) OR ({name} IS NULL)") } else { format!("{name} >= c{other}") }
        }
        Check::Long(length) if matches!(kind, Kind::Text { length: None }) => {
            format!("char_length({name}) >= {length}")
        }
        Check::Lower if matches!(kind, Kind::Text { .. }) => format!("(lower({name}) = {name})"),
        _ => return None,
    })
}

fn describe(shapes: &[Shape]) -> Description {
    let table = |(number, shape): (usize, &Shape)| {
        let mut table = TableDescription { name: format!("t{number}"), ..TableDescription::default() };
        table.columns.push(column("id".to_owned(), whole(), false, Filled::Counter));
        table.keys.push(KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() });
        for (place, (kind, nullable)) in shape.columns.iter().enumerate() {
            table.columns.push(column(format!("c{place}"), kind.clone(), *nullable, Filled::Null));
        }
        let mut references = Vec::new();
        for (place, (parent, nullable)) in shape.parents.iter().enumerate() {
            references.push((format!("p{place}"), format!("t{}", parent % shapes.len()), *nullable));
        }
        if shape.own {
            references.push(("own".to_owned(), table.name.clone(), true));
        }
        for (name, parent, nullable) in references {
            table.columns.push(column(name.clone(), whole(), nullable, Filled::Null));
            table.foreign_keys.push(ForeignKeyDescription {
                columns: vec![name],
                table: parent,
                referenced: vec!["id".to_owned()],
                ..ForeignKeyDescription::default()
            });
        }
        for set in &shape.unique {
            let mut columns: Vec<String> =
                set.iter().map(|place| format!("c{}", place % shape.columns.len())).collect();
            columns.sort();
            columns.dedup();
            table.keys.push(KeyDescription { columns, ..KeyDescription::default() });
        }
        if shape.unique_pair && !shape.parents.is_empty() {
            let columns = (0..shape.parents.len()).map(|place| format!("p{place}")).collect();
            table.keys.push(KeyDescription { columns, ..KeyDescription::default() });
        }
        for (place, check) in &shape.checks {
            if let Some(condition) = condition(check, shape, place % shape.columns.len()) {
                table.checks.push(CheckDescription { name: String::new(), condition });
            }
        }
        table
    };
    Description { tables: shapes.iter().enumerate().map(table).collect() }
}

fn fill(rows: u64) -> Wanted {
    Wanted { fill: Some(rows), ..Wanted::default() }
}

fn plan(description: &Description, wanted: &Wanted) -> Plan {
    Plan::make(description, wanted, &BTreeMap::new(), &BTreeMap::new()).expect("nothing impossible is asked for")
}

/// All rows of each table, by its name, each by the names of its columns.
fn all(plan: &Plan) -> BTreeMap<String, Vec<HashMap<String, Datum>>> {
    let tables = plan.bulk_tables();
    let rows = tables.iter().enumerate().map(|(number, table)| {
        let rows = plan.rows(number, 0, table.rows);
        let named = |row: &[Datum]| table.columns.iter().cloned().zip(row.iter().cloned()).collect();
        (table.name.clone(), rows.iter().map(named).collect())
    });
    rows.collect()
}

/// What breaks a constraint, in words.
fn broken(shapes: &[Shape], description: &Description, plan: &Plan) -> Option<String> {
    let all = all(plan);
    let text = |row: &HashMap<String, Datum>, column: &String| row.get(column).and_then(Datum::text);
    for (number, table) in description.tables.iter().enumerate() {
        let Some(rows) = all.get(&table.name) else { continue };
        for column in &table.columns {
            for row in rows {
                let value = row.get(&column.name).cloned().unwrap_or(Datum::Null);
                if value == Datum::Null && !column.nullable {
                    return Some(format!("{}.{} is NULL", table.name, column.name));
                }
                if !fits(&value, &column.kind) {
                    return Some(format!("{}.{}: {value:?} is no {:?}", table.name, column.name, column.kind));
                }
            }
        }
        for key in &table.keys {
            let mut seen = HashSet::new();
            for row in rows {
                let values: Option<Vec<String>> = key.columns.iter().map(|column| text(row, column)).collect();
                if let Some(values) = values
                    && !seen.insert(values.clone())
                {
                    return Some(format!("{} has {values:?} twice in {:?}", table.name, key.columns));
                }
            }
        }
        for key in &table.foreign_keys {
            let parents: HashSet<Option<String>> =
                all.get(&key.table).into_iter().flatten().map(|row| text(row, &key.referenced[0])).collect();
            for row in rows {
                let value = text(row, &key.columns[0]);
                if value.is_some() && !parents.contains(&value) {
                    return Some(format!("{}.{} = {value:?} refers to nothing", table.name, key.columns[0]));
                }
            }
        }
        let shape = &shapes[number];
        for (place, check) in &shape.checks {
            let place = place % shape.columns.len();
            if condition(check, shape, place).is_none() {
                continue;
            }
            for row in rows {
                if !holds(check, shape, place, row) {
                    return Some(format!("{}: {check:?} of c{place} does not hold: {row:?}", table.name));
                }
            }
        }
    }
    None
}

fn fits(value: &Datum, kind: &Kind) -> bool {
    match (kind, value) {
        (Kind::Integer { least, greatest }, Datum::Integer(value)) => (least..=greatest).contains(&value),
        (Kind::Decimal { precision, scale }, Datum::Decimal { unscaled, scale: given }) => {
            given == scale && unscaled.unsigned_abs() < 10_u64.pow(*precision)
        }
        (Kind::Text { length }, Datum::Text(text)) => {
            length.is_none_or(|length| text.chars().count() <= length as usize)
        }
        (Kind::Enum(labels), Datum::Text(text)) => labels.contains(text),
        (Kind::Bytes { length: Some(length), .. }, Datum::Bytes(bytes)) => bytes.len() == *length as usize,
        (_, Datum::Null)
        | (Kind::Boolean, Datum::Boolean(_))
        | (Kind::Float, Datum::Float(_))
        | (Kind::Date, Datum::Date(_))
        | (Kind::Timestamp { .. }, Datum::Timestamp(_))
        | (Kind::Uuid, Datum::Uuid(_)) => true,
        (Kind::Json, Datum::Text(text)) => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        _ => false,
    }
}

fn holds(check: &Check, shape: &Shape, place: usize, row: &HashMap<String, Datum>) -> bool {
    let value = &row[&format!("c{place}")];
    match (check, value) {
        (_, Datum::Null) => true,
        (Check::Between(least, greatest), Datum::Integer(value)) => (least..=greatest).contains(&value),
        (Check::OneOf(values), value) => values.iter().any(|one| value.text() == Some(one.to_string())),
        (Check::Not(other), value) => value.text() != Some(other.to_string()),
        (Check::AtLeast(other), value) => {
            let other = &row[&format!("c{}", other % shape.columns.len())];
            match (value, other) {
                (Datum::Date(value), Datum::Date(other)) => value >= other,
                (Datum::Timestamp(value), Datum::Timestamp(other)) => value >= other,
                (_, other) => *other == Datum::Null,
            }
        }
        (Check::Long(length), Datum::Text(text)) => text.chars().count() >= *length as usize,
        (Check::Lower, Datum::Text(text)) => *text == text.to_lowercase(),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_constraint_holds(shapes in shapes(), rows in 1..60_u64) {
        let description = describe(&shapes);
        let plan = plan(&description, &fill(rows));
        // What is not understood may break; it is said of each table of which it is so.
        prop_assume!(plan.doubts.is_empty());
        prop_assert_eq!(broken(&shapes, &description, &plan), None);
    }

    #[test]
    fn any_part_of_the_rows_can_be_made_alone(shapes in shapes(), cut in 0..40_u64) {
        let description = describe(&shapes);
        let plan = plan(&description, &fill(40));
        for (number, table) in plan.bulk_tables().iter().enumerate() {
            let cut = cut.min(table.rows);
            let mut cells = plan.rows(number, 0, cut).cells;
            cells.extend(plan.rows(number, cut, table.rows).cells);
            let whole = plan.rows(number, 0, table.rows);
            prop_assert_eq!(&whole, &Rows { width: whole.width, cells });
        }
    }

    #[test]
    fn one_more_table_and_one_more_column_change_no_other_value(shapes in shapes()) {
        let description = describe(&shapes);
        let before = all(&plan(&description, &fill(30)));
        let mut larger = description.clone();
        larger.tables[0].columns.push(column("another".to_owned(), Kind::Text { length: None }, true, Filled::Null));
        let another = describe(&[Shape { own: false, ..shapes[0].clone() }]).tables.remove(0);
        larger.tables.push(TableDescription { name: "another".to_owned(), foreign_keys: Vec::new(), ..another });
        let mut after = all(&plan(&larger, &fill(30)));
        after.remove("another");
        for row in after.get_mut("t0").into_iter().flatten() {
            row.remove("another");
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn rows_that_are_there_are_gone_around(shapes in shapes(), there in 1..20_u64) {
        let description = describe(&shapes);
        let first = plan(&description, &fill(there));
        let made = all(&first);
        let mut existing = BTreeMap::new();
        for table in &description.tables {
            let rows = made.get(&table.name).cloned().unwrap_or_default();
            let cell = |row: &HashMap<String, Datum>, column: &String| row.get(column).and_then(Datum::text);
            let digests = |key: &KeyDescription| {
                let digest = |row: &HashMap<String, Datum>| {
                    let cells: Vec<Option<String>> = key.columns.iter().map(|column| cell(row, column)).collect();
                    factory::taken(cells.iter().map(Option::as_deref))
                };
                rows.iter().filter_map(digest).collect()
            };
            let ids = rows.iter().map(|row| vec![row["id"].clone()]).collect();
            let mut referable = Referable::new(vec!["id".to_owned()], Vec::new());
            referable.rows = ids;
            existing.insert(table.name.clone(), Existing {
                rows: rows.len() as u64,
                records: 0,
                due: None,
                referable: vec![referable],
                taken: table.keys.iter().map(digests).collect(),
            });
        }
        let second = Plan::make(&description, &fill(there * 2), &existing, &BTreeMap::new()).expect("it is possible");
        for (name, rows) in all(&second) {
            let table = description.table(&name).expect("it is described");
            for key in &table.keys {
                let mut seen = HashSet::new();
                for row in made.get(&name).into_iter().flatten().chain(&rows) {
                    let values: Option<Vec<String>> =
                        key.columns.iter().map(|column| row.get(column).and_then(Datum::text)).collect();
                    if let Some(values) = values {
                        prop_assert!(seen.insert(values.clone()), "{} has {:?} twice", name, values);
                    }
                }
            }
        }
    }
}

fn users() -> Description {
    let mut users = TableDescription { name: "users".to_owned(), ..TableDescription::default() };
    users.columns.push(column("id".to_owned(), whole(), false, Filled::Counter));
    users.columns.push(column("name".to_owned(), Kind::Text { length: Some(40) }, false, Filled::Null));
    users.keys.push(KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() });
    users.keys.push(KeyDescription { columns: vec!["name".to_owned()], ..KeyDescription::default() });
    let mut posts = TableDescription { name: "posts".to_owned(), ..TableDescription::default() };
    posts.columns.push(column("id".to_owned(), whole(), false, Filled::Counter));
    posts.columns.push(column("user_id".to_owned(), whole(), false, Filled::Null));
    posts.keys.push(KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() });
    posts.foreign_keys.push(ForeignKeyDescription {
        columns: vec!["user_id".to_owned()],
        table: "users".to_owned(),
        referenced: vec!["id".to_owned()],
        ..ForeignKeyDescription::default()
    });
    Description { tables: vec![posts, users] }
}

fn group(count: u64, is_record: bool, given: &[(&str, Given)]) -> Group {
    let given = given.iter().map(|(name, given)| ((*name).to_owned(), given.clone())).collect();
    Group { is_record, given, ..Group::of(count) }
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

#[test]
fn records_are_referred_to_by_their_values_and_what_is_referred_to_is_implied() {
    let record = |name: &str| group(1, true, &[("name", Given::Value(text(name)))]);
    let grace = IndexMap::from([("name".to_owned(), Given::Value(text("grace")))]);
    let author = Given::Records(vec![(RecordRef::By(grace), 1)]);
    let mut wanted = Wanted::default();
    wanted.tables.insert("users".to_owned(), vec![record("ada"), record("grace")]);
    wanted.tables.insert("posts".to_owned(), vec![group(3, false, &[("user_id", author.clone())])]);
    let rows = all(&plan(&users(), &wanted));
    let grace = rows["users"].iter().find(|row| row["name"] == text("grace")).expect("she is wanted");
    assert!(rows["posts"].iter().all(|post| post["user_id"] == grace["id"]));

    let mut alone = Wanted::default();
    alone.tables.insert("posts".to_owned(), vec![group(30, false, &[])]);
    let made = plan(&users(), &alone);
    assert_eq!(all(&made)["users"].len(), 3);
    assert!(made.is_implied(0) && !made.is_implied(1));

    alone.tables.insert("posts".to_owned(), vec![group(3, false, &[("user_id", author)])]);
    let impossible = Plan::make(&users(), &alone, &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert_eq!(impossible[0].reason, "there is no users with name = grace");
}

#[test]
fn a_record_keeps_its_values_wherever_it_stands() {
    let record = |name: &str| group(1, true, &[("id", Given::Value(text(name)))]);
    let of = |records: Vec<Group>| {
        let mut wanted = Wanted::default();
        wanted.tables.insert("users".to_owned(), records);
        all(&plan(&users(), &wanted))["users"].iter().map(|row| (row["id"].text(), row["name"].text())).collect()
    };
    let one: HashMap<_, _> = of(vec![record("7")]);
    let two: HashMap<_, _> = of(vec![record("9"), record("7")]);
    let of_seven = |rows: &HashMap<Option<String>, Option<String>>| rows[&Some("7".to_owned())].clone();
    assert_eq!(
        of_seven(&one).map(|name| name.split('-').next().map(str::to_owned)),
        of_seven(&two).map(|name| name.split('-').next().map(str::to_owned))
    );
}

#[test]
fn a_circle_of_keys_is_printed_whole() {
    let mut description = Description::default();
    for (name, other) in [("a", "b"), ("b", "a")] {
        let mut table = TableDescription { name: name.to_owned(), ..TableDescription::default() };
        table.columns.push(column("id".to_owned(), whole(), false, Filled::Null));
        table.keys.push(KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() });
        table.foreign_keys.push(ForeignKeyDescription {
            columns: vec!["id".to_owned()],
            table: other.to_owned(),
            referenced: vec!["id".to_owned()],
            ..ForeignKeyDescription::default()
        });
        description.tables.push(table);
    }
    let made = plan(&description, &fill(3));
    assert_eq!(made.left_out["a"], "its foreign keys go in a circle of keys: a.id → b.id → a.id");
    assert!(made.bulk_tables().is_empty());
}

#[test]
fn a_table_with_fewer_values_than_rows_gets_as_many_as_there_are() {
    let mut description = users();
    description.tables[1].columns[1].kind = Kind::Enum(vec!["a".to_owned(), "b".to_owned()]);
    let made = plan(&description, &fill(10));
    assert_eq!(made.fewer["users"], 10);
    assert_eq!(all(&made)["users"].len(), 2);
    assert_eq!(all(&made)["posts"].len(), 10);
}

#[test]
fn rows_differ_where_those_that_refer_to_them_must() {
    let text = Kind::Enum((0..40).map(|number| format!("w{number}")).collect());
    let columns = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let table = |name: &str| TableDescription {
        name: name.to_owned(),
        columns: columns(["name", "uri"])
            .into_iter()
            .map(|name| column(name, text.clone(), false, Filled::Null))
            .collect(),
        keys: vec![KeyDescription { primary: true, columns: columns(["name", "uri"]), ..KeyDescription::default() }],
        ..TableDescription::default()
    };
    let key = KeyDescription { columns: vec!["name".to_owned()], ..KeyDescription::default() };
    let reference = ForeignKeyDescription {
        columns: columns(["name", "uri"]),
        table: "asset".to_owned(),
        referenced: columns(["name", "uri"]),
        ..ForeignKeyDescription::default()
    };
    let mut active = table("asset_active");
    active.keys.push(key);
    active.foreign_keys.push(reference);
    let description = Description { tables: vec![table("asset"), active] };
    let made = all(&plan(&description, &fill(30)));
    let names: HashSet<Option<String>> = made["asset_active"].iter().map(|row| row["name"].text()).collect();
    assert_eq!(names.len(), 30);
}

#[test]
fn every_uuid_is_one_that_mariadb_takes() {
    let table = TableDescription {
        name: "t".to_owned(),
        columns: vec![column("id".to_owned(), Kind::Uuid, false, Filled::Null)],
        keys: vec![KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() }],
        ..TableDescription::default()
    };
    let made = all(&plan(&Description { tables: vec![table] }, &fill(30)));
    for row in &made["t"] {
        let Datum::Uuid(bytes) = row["id"] else { panic!("no UUID: {row:?}") };
        assert!(bytes[6] >> 4 == 8 && bytes[8] >> 6 == 2 && bytes[8] != 0x80, "{bytes:02x?}");
    }
}
