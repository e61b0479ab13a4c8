//! The rich table model of a database, read from PostgreSQL's catalog.

use std::collections::{BTreeMap, HashMap};

use database::{
    CheckDescription, ColumnDescription, Description, Filled, ForeignKeyDescription, KeyDescription, Kind, Partitions,
    TableDescription,
};
use postgres::{Client, Error};

use crate::schema::{NAME, TABLES, attributes};

/// A table that counts, of which `part` is the table itself or one of its partitions.
const PARTS: &str = "pg_class part JOIN pg_class class ON class.oid = coalesce(pg_partition_root(part.oid), part.oid)
    JOIN pg_namespace namespace ON namespace.oid = class.relnamespace";

/// Reads all that values must obey.
pub(crate) fn describe(client: &mut Client) -> Result<Description, Error> {
    let mut tables: BTreeMap<String, TableDescription> = BTreeMap::new();
    for row in client.query(&format!("SELECT {NAME} FROM {TABLES}"), &[])? {
        let name: String = row.get(0);
        tables.insert(name.clone(), TableDescription { name, ..TableDescription::default() });
    }
    columns(client, &mut tables)?;
    keys(client, &mut tables)?;
    foreign_keys(client, &mut tables)?;
    checks(client, &mut tables)?;
    partitions(client, &mut tables)?;
    Ok(Description { tables: tables.into_values().collect() })
}

type Tables = BTreeMap<String, TableDescription>;

/// A type of the catalog.
struct Type {
    name: String,
    /// `b`ase, `d`omain, `e`num, `r`ange and others.
    sort: char,
    base: u32,
    base_modifier: i32,
    not_null: bool,
    element: u32,
    category: char,
    range_of: u32,
    labels: Vec<String>,
    checks: Vec<CheckDescription>,
}

fn types(client: &mut Client) -> Result<HashMap<u32, Type>, Error> {
    let sql =
        "SELECT type.oid, typname::text, typtype::text, typbasetype, typtypmod, typnotnull, typelem, typcategory::text,
            coalesce(rngsubtype, 0),
            ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = type.oid ORDER BY enumsortorder)
        FROM pg_type type LEFT JOIN pg_range ON rngtypid = type.oid WHERE typtype IN ('b', 'd', 'e', 'r')";
    let letter = |text: &str| text.chars().next().unwrap_or(' ');
    let mut types = HashMap::new();
    for row in client.query(sql, &[])? {
        types.insert(
            row.get::<_, u32>(0),
            Type {
                name: row.get(1),
                sort: letter(row.get(2)),
                base: row.get(3),
                base_modifier: row.get(4),
                not_null: row.get(5),
                element: row.get(6),
                category: letter(row.get(7)),
                range_of: row.get(8),
                labels: row.get(9),
                checks: Vec::new(),
            },
        );
    }
    let sql = "SELECT contypid, conname::text, pg_get_expr(conbin, 0) FROM pg_constraint
        WHERE contypid <> 0 AND contype = 'c' ORDER BY conname";
    for row in client.query(sql, &[])? {
        if let Some(found) = types.get_mut(&row.get::<_, u32>(0)) {
            found.checks.push(CheckDescription { name: row.get(1), condition: row.get(2) });
        }
    }
    Ok(types)
}

/// What the values of a type are; `modifier` is its length or the like.
fn kind(types: &HashMap<u32, Type>, oid: u32, modifier: i32) -> Kind {
    let Some(found) = types.get(&oid) else { return Kind::Unknown };
    match found.sort {
        'd' => {
            let modifier = if found.base_modifier >= 0 { found.base_modifier } else { modifier };
            return kind(types, found.base, modifier);
        }
        'e' => return Kind::Enum(found.labels.clone()),
        'r' => {
            return match kind(types, found.range_of, -1) {
                Kind::Unknown => Kind::Unknown,
                of => Kind::Range(Box::new(of)),
            };
        }
        _ => {}
    }
    if found.category == 'A' && found.element != 0 && found.name.starts_with('_') {
        return match kind(types, found.element, modifier) {
            Kind::Unknown => Kind::Unknown,
            of => Kind::Array(Box::new(of)),
        };
    }
    // The lengths of texts count four bytes more.
    let length = u32::try_from(modifier - 4).ok();
    match found.name.as_str() {
        "bool" => Kind::Boolean,
        "int2" => Kind::Integer { least: i16::MIN.into(), greatest: i16::MAX.into() },
        "int4" => Kind::Integer { least: i32::MIN.into(), greatest: i32::MAX.into() },
        "int8" => Kind::Integer { least: i64::MIN, greatest: i64::MAX },
        "oid" => Kind::Integer { least: 1, greatest: u32::MAX.into() },
        "float4" | "float8" => Kind::Float,
        "numeric" => match length {
            Some(digits) => {
                let scale = digits & 0x7ff;
                // A negative scale, which there may be, has eleven bits.
                Kind::Decimal { precision: digits >> 16, scale: if scale > 1000 { 0 } else { scale } }
            }
            None => Kind::Decimal { precision: 15, scale: 2 },
        },
        "money" => Kind::Decimal { precision: 15, scale: 2 },
        "text" | "citext" => Kind::Text { length: None },
        "varchar" => Kind::Text { length },
        "bpchar" => Kind::Text { length: Some(length.unwrap_or(1)) },
        "char" => Kind::Text { length: Some(1) },
        "name" => Kind::Text { length: Some(63) },
        "bytea" => Kind::Bytes { length: None, exact: false },
        "date" => Kind::Date,
        "time" | "timetz" => Kind::Time,
        "timestamp" => Kind::Timestamp { zone: false },
        "timestamptz" => Kind::Timestamp { zone: true },
        "interval" => Kind::Interval,
        "uuid" => Kind::Uuid,
        "json" | "jsonb" => Kind::Json,
        "xml" => Kind::Xml,
        "inet" => Kind::Inet,
        "cidr" => Kind::Cidr,
        "macaddr" | "macaddr8" => Kind::MacAddress,
        "bit" | "varbit" => Kind::Bits { length: u32::try_from(modifier).unwrap_or(1) },
        "tsvector" => Kind::SearchWords,
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle" => Kind::Figure(found.name.clone()),
        _ => Kind::Unknown,
    }
}

/// The domains of a type, from the outermost to the innermost.
fn domains(types: &HashMap<u32, Type>, mut oid: u32) -> Vec<&Type> {
    let mut domains = Vec::new();
    while let Some(found) = types.get(&oid).filter(|found| found.sort == 'd') {
        domains.push(found);
        oid = found.base;
    }
    domains
}

fn columns(client: &mut Client, tables: &mut Tables) -> Result<(), Error> {
    let types = types(client)?;
    let sql = format!(
        "SELECT {NAME}, attname::text, format_type(atttypid, atttypmod), atttypid, atttypmod, attnotnull,
            attidentity::text, attgenerated::text, pg_get_expr(adbin, adrelid),
            EXISTS (SELECT FROM pg_depend JOIN pg_class sequence ON sequence.oid = refobjid AND sequence.relkind = 'S'
                WHERE classid = 'pg_attrdef'::regclass AND objid = pg_attrdef.oid AND refclassid = 'pg_class'::regclass),
            (SELECT typdefault FROM pg_type WHERE pg_type.oid = atttypid)
        FROM {TABLES}
        JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = class.oid AND adnum = attnum
        ORDER BY class.oid, attnum"
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        let (oid, modifier): (u32, i32) = (row.get(3), row.get(4));
        let (identity, generated): (&str, &str) = (row.get(6), row.get(7));
        let default: Option<String> = row.get::<_, Option<String>>(8).or_else(|| row.get(10));
        let filled = if !generated.is_empty() {
            Filled::Generated
        } else if !identity.is_empty() || row.get(9) {
            Filled::Counter
        } else {
            default.map_or(Filled::Null, Filled::Default)
        };
        let domains = domains(&types, oid);
        table.columns.push(ColumnDescription {
            name: row.get(1),
            sql_type: row.get(2),
            kind: kind(&types, oid, modifier),
            nullable: !(row.get::<_, bool>(5) || domains.iter().any(|domain| domain.not_null)),
            filled,
            checks: domains.iter().flat_map(|domain| domain.checks.iter().cloned()).collect(),
        });
    }
    Ok(())
}

fn keys(client: &mut Client, tables: &mut Tables) -> Result<(), Error> {
    let sql = format!(
        "SELECT {NAME}, indexed.relname::text, indisprimary, {},
            ARRAY(SELECT pg_get_indexdef(indexrelid, position::int, true)
                FROM unnest((indkey::int2[])[0:indnkeyatts - 1]) WITH ORDINALITY AS key(number, position)
                WHERE number = 0 ORDER BY position),
            pg_get_expr(indpred, indrelid, true)
        FROM {PARTS} JOIN pg_index ON indrelid = part.oid JOIN pg_class indexed ON indexed.oid = indexrelid
        WHERE indisunique AND indisvalid ORDER BY NOT indisprimary, part.oid <> class.oid, indexed.relname",
        attributes("part.oid", "(indkey::int2[])[0:indnkeyatts - 1]")
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        let key = KeyDescription {
            name: row.get(1),
            primary: row.get(2),
            columns: row.get(3),
            expressions: row.get(4),
            condition: row.get(5),
        };
        let is_same = |other: &KeyDescription| {
            other.columns == key.columns && other.expressions == key.expressions && other.condition == key.condition
        };
        // Each partition has an index of its own for each key of its table.
        if !table.keys.iter().any(is_same) {
            table.keys.push(key);
        }
    }
    Ok(())
}

fn foreign_keys(client: &mut Client, tables: &mut Tables) -> Result<(), Error> {
    let parent = NAME.replace("namespace.", "parent_namespace.").replace("class.", "parent.");
    let sql = format!(
        "SELECT {NAME}, conname::text, {}, {parent}, {}, condeferrable
        FROM {PARTS} JOIN pg_constraint ON conrelid = part.oid AND contype = 'f' AND conparentid = 0
        JOIN pg_class parent ON parent.oid = coalesce(pg_partition_root(confrelid), confrelid)
        JOIN pg_namespace parent_namespace ON parent_namespace.oid = parent.relnamespace
        ORDER BY part.oid <> class.oid, conname",
        attributes("conrelid", "conkey"),
        attributes("confrelid", "confkey")
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        let key = ForeignKeyDescription {
            name: row.get(1),
            columns: row.get(2),
            table: row.get(3),
            referenced: row.get(4),
            deferrable: row.get(5),
        };
        let is_same = |other: &ForeignKeyDescription| {
            other.columns == key.columns && other.table == key.table && other.referenced == key.referenced
        };
        if !table.foreign_keys.iter().any(is_same) {
            table.foreign_keys.push(key);
        }
    }
    Ok(())
}

fn checks(client: &mut Client, tables: &mut Tables) -> Result<(), Error> {
    let sql = format!(
        "SELECT {NAME}, conname::text, contype::text, pg_get_expr(conbin, conrelid)
        FROM {TABLES} JOIN pg_constraint ON conrelid = class.oid AND contype IN ('c', 'x') ORDER BY conname"
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        let name: String = row.get(1);
        match row.get::<_, Option<String>>(3) {
            Some(condition) if row.get::<_, &str>(2) == "c" => table.checks.push(CheckDescription { name, condition }),
            _ => table.unknown.push(format!("the exclusion constraint {name}")),
        }
    }
    Ok(())
}

fn partitions(client: &mut Client, tables: &mut Tables) -> Result<(), Error> {
    let sql = format!(
        "SELECT {NAME}, partstrat::text, {},
            ARRAY(SELECT pg_get_expr(relpartbound, part.oid) FROM pg_inherits
                JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = class.oid ORDER BY part.relname)
        FROM {TABLES} JOIN pg_partitioned_table ON partrelid = class.oid",
        attributes("class.oid", "partattrs::int2[]")
    );
    for row in client.query(&sql, &[])? {
        let Some(table) = tables.get_mut(row.get::<_, &str>(0)) else { continue };
        let (strategy, columns): (&str, Vec<String>) = (row.get(1), row.get(2));
        let bounds: Vec<String> = row.get(3);
        let takes_all = bounds.iter().any(|bound| bound == "DEFAULT");
        if takes_all || strategy == "h" && !bounds.is_empty() {
            continue;
        }
        let read = match &columns[..] {
            [column] => bounds_of(column, &bounds),
            _ => None,
        };
        match read {
            Some(partitions) => table.partitions = Some(partitions),
            None => table.unknown.push("the bounds of its partitions".to_owned()),
        }
    }
    Ok(())
}

/// Reads `FOR VALUES FROM ('a') TO ('b')` and `FOR VALUES IN ('a', 'b')`.
fn bounds_of(column: &str, bounds: &[String]) -> Option<Partitions> {
    let mut partitions = Partitions { column: column.to_owned(), ranges: Vec::new(), values: Vec::new() };
    for bound in bounds {
        if let Some(range) = bound.strip_prefix("FOR VALUES FROM (") {
            let (from, to) = range.strip_suffix(')')?.split_once(") TO (")?;
            partitions.ranges.push((end(from)?.text(), end(to)?.text()));
        } else {
            let values = bound.strip_prefix("FOR VALUES IN (")?.strip_suffix(')')?;
            for value in values.split(", ") {
                partitions.values.extend(end(value)?.text());
            }
        }
    }
    (!bounds.is_empty()).then_some(partitions)
}

/// One value of a bound: a text, or no end at all.
enum End {
    Open,
    At(String),
}

/// Reads one value of a bound.
fn end(text: &str) -> Option<End> {
    if matches!(text, "MINVALUE" | "MAXVALUE" | "NULL") {
        return Some(End::Open);
    }
    match text.strip_prefix('\'') {
        Some(rest) => {
            rest.strip_suffix('\'').filter(|inner| !inner.contains('\'')).map(|inner| End::At(inner.to_owned()))
        }
        None => Some(End::At(text.to_owned())),
    }
}

impl End {
    fn text(self) -> Option<String> {
        match self {
            End::Open => None,
            End::At(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_partitions_are_read_or_not_at_all() {
        let range = "FOR VALUES FROM ('2022-01-01 00:00:00+00') TO (MAXVALUE)".to_owned();
        let read = bounds_of("at", &[range]).unwrap();
        assert_eq!(read.ranges, [(Some("2022-01-01 00:00:00+00".to_owned()), None)]);
        let list = "FOR VALUES IN ('a', 3)".to_owned();
        assert_eq!(bounds_of("at", &[list]).unwrap().values, ["a", "3"]);
        assert_eq!(bounds_of("at", &["FOR VALUES WITH (modulus 2, remainder 0)".to_owned()]), None);
    }
}
