//! Rows as records: known by natural keys, referring to each other by them, without the keys that a database made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use database::{ColumnDescription, Description, Filled, Kind, TableDescription};

use crate::yaml::{Field, Record};

/// The values of a row as texts, in the order of the columns.
pub type Row = Vec<Option<String>>;

/// Rows by table.
pub type Rows = BTreeMap<String, Vec<Row>>;

/// A foreign key, by the numbers of its columns and of the table that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The columns.
    pub columns: Vec<usize>,
    /// The table that they refer to.
    pub table: usize,
    /// The columns there.
    pub referenced: Vec<usize>,
}

impl Reference {
    /// The foreign keys of each table; those of most columns first, since they say more of a column than others.
    pub fn all(description: &Description) -> Vec<Vec<Self>> {
        let find =
            |table: &TableDescription, name: &String| table.columns.iter().position(|column| column.name == *name);
        let of_table = |table: &TableDescription| {
            let reference = |key: &database::ForeignKeyDescription| {
                let parent = description.tables.iter().position(|parent| parent.name == key.table)?;
                let columns = key.columns.iter().map(|name| find(table, name)).collect::<Option<_>>()?;
                let there = &description.tables[parent];
                let referenced = key.referenced.iter().map(|name| find(there, name)).collect::<Option<_>>()?;
                Some(Self { columns, table: parent, referenced })
            };
            let mut all: Vec<Self> = table.foreign_keys.iter().filter_map(reference).collect();
            all.sort_by_key(|reference| std::cmp::Reverse(reference.columns.len()));
            all
        };
        description.tables.iter().map(of_table).collect()
    }

    /// What a row holds in these columns; `None` if one of it is nothing, which refers to nothing.
    pub fn tuple(columns: &[usize], row: &Row) -> Option<Vec<String>> {
        columns.iter().map(|column| row[*column].clone()).collect()
    }
}

/// Rows that cannot be written as records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable {
    /// The table.
    pub table: String,
    /// Why.
    pub reason: String,
}

/// Rows as records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// By table, what is referred to first; the fields have the names of columns.
    pub tables: Vec<(String, Vec<Record>)>,
    /// What one should know of them.
    pub notes: Vec<String>,
}

/// How the rows of a table are told from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Identity {
    /// Unique keys, the best first; a row is known by the first of which it holds all.
    keys: Vec<Vec<usize>>,
    /// The columns with values of its own, if no two rows without a key hold the same in them.
    own: Option<Vec<usize>>,
}

impl Identity {
    /// The columns that a row is known by; `None`: all.
    fn of(&self, row: &Row) -> Option<&Vec<usize>> {
        self.key(row).or(self.own.as_ref())
    }

    fn key(&self, row: &Row) -> Option<&Vec<usize>> {
        self.keys.iter().find(|columns| Reference::tuple(columns, row).is_some())
    }
}

/// How many records deep a record is known by others.
const DEPTH: usize = 8;

/// Makes records of rows; `keys` are the natural keys that are declared for tables.
///
/// Rows refer to rows that are among these, as far as they are.
pub fn records(
    description: &Description,
    keys: &BTreeMap<String, Vec<String>>,
    rows: &Rows,
) -> Result<Records, Vec<Unwritable>> {
    let references = Reference::all(description);
    let mut writer = Writer {
        description,
        references,
        rows: Vec::new(),
        found: HashMap::new(),
        made: Vec::new(),
        identities: Vec::new(),
    };
    let none = Vec::new();
    writer.rows = description.tables.iter().map(|table| rows.get(&table.name).unwrap_or(&none).as_slice()).collect();
    writer.index();
    for (number, table) in description.tables.iter().enumerate() {
        let (identity, made) = identity(table, &writer.references[number], keys.get(&table.name), writer.rows[number]);
        writer.identities.push(identity);
        writer.made.push(made);
    }
    let mut written = Records::default();
    let mut unwritable = Vec::new();
    for number in order(&writer.references) {
        if writer.rows[number].is_empty() {
            continue;
        }
        let name = &description.tables[number].name;
        let rows = writer.own_order(number);
        let records = rows.into_iter().map(|row| writer.fields(number, row, None, 0)).collect::<Result<Vec<_>, _>>();
        let records = match records {
            Ok(records) => records,
            Err(reason) => {
                unwritable.push(Unwritable { table: name.clone(), reason });
                continue;
            }
        };
        let identity = &writer.identities[number];
        if writer.rows[number].iter().any(|row| identity.key(row).is_none()) {
            let is_referred_to = writer.references.iter().flatten().any(|reference| reference.table == number);
            let different: BTreeSet<&Record> = records.iter().collect();
            if is_referred_to && identity.own.is_none() && different.len() < records.len() {
                let reason = "it has no natural key, and two of its rows differ in nothing but keys that the database made, so that \
                              references to them cannot be told apart; declare a data type with a `key` for it, or choose one of them"
                    .to_owned();
                unwritable.push(Unwritable { table: name.clone(), reason });
                continue;
            }
            written.notes.push(format!(
                "{name} has rows without a natural key: they are known by their values, and are made again each time that the spec is loaded"
            ));
        }
        written.tables.push((name.clone(), records));
    }
    if unwritable.is_empty() { Ok(written) } else { Err(unwritable) }
}

struct Writer<'d> {
    description: &'d Description,
    references: Vec<Vec<Reference>>,
    rows: Vec<&'d [Row]>,
    /// By table and columns that are referred to: the row with these values.
    found: HashMap<(usize, Vec<usize>), HashMap<Vec<String>, usize>>,
    /// By table: the columns whose values the database makes.
    made: Vec<BTreeSet<usize>>,
    identities: Vec<Identity>,
}

impl Writer<'_> {
    fn index(&mut self) {
        for reference in self.references.iter().flatten() {
            let key = (reference.table, reference.referenced.clone());
            let rows = self.rows[reference.table];
            self.found.entry(key).or_insert_with(|| {
                let tuple =
                    |(number, row): (usize, &Row)| Some((Reference::tuple(&reference.referenced, row)?, number));
                rows.iter().enumerate().filter_map(tuple).collect()
            });
        }
    }

    /// The rows of a table, those first that others of it refer to, as far as there are such.
    fn own_order(&self, table: usize) -> Vec<&Row> {
        let rows = self.rows[table];
        let own: Vec<&Reference> = self.references[table].iter().filter(|reference| reference.table == table).collect();
        let above = |row: &Row| {
            let found = own.iter().filter_map(|reference| {
                let there = &self.found[&(table, reference.referenced.clone())];
                there.get(&Reference::tuple(&reference.columns, row)?).copied()
            });
            found.collect::<Vec<usize>>()
        };
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for first in 0..rows.len() {
            let mut path = vec![first];
            while let Some(&row) = path.last() {
                let next = above(&rows[row]).into_iter().find(|next| !seen.contains(next) && !path.contains(next));
                if let Some(next) = next.filter(|_| !seen.contains(&row)) {
                    path.push(next);
                } else {
                    path.pop();
                    if seen.insert(row) {
                        order.push(&rows[row]);
                    }
                }
            }
        }
        order
    }

    /// Whether what a column holds can be written as it is, on every machine.
    fn is_literal(&self, table: usize, column: usize, depth: usize) -> bool {
        if depth > DEPTH || self.made[table].contains(&column) {
            return false;
        }
        let owner = self.references[table].iter().find(|reference| reference.columns.contains(&column));
        owner.is_none_or(|owner| {
            let place = owner.columns.iter().position(|own| *own == column).expect("it was found by it");
            (owner.table, owner.referenced[place]) == (table, column)
                || self.is_literal(owner.table, owner.referenced[place], depth + 1)
        })
    }

    /// By the number of a column of a row: the record that it refers to, if it has to be written as one; and all columns that
    /// are settled by that.
    fn referred(
        &self,
        table: usize,
        row: &Row,
        only: Option<&Vec<usize>>,
        depth: usize,
    ) -> Result<(BTreeMap<usize, Record>, BTreeSet<usize>), String> {
        let (mut heads, mut settled) = (BTreeMap::new(), BTreeSet::new());
        for reference in &self.references[table] {
            let open: Vec<usize> =
                reference.columns.iter().copied().filter(|column| !settled.contains(column)).collect();
            let is_literal = |column: &usize| self.is_literal(reference.table, *column, 0);
            let is_wanted = only.is_none_or(|only| reference.columns.iter().any(|column| only.contains(column)));
            if !is_wanted || open.is_empty() || reference.referenced.iter().all(is_literal) {
                continue;
            }
            let Some(tuple) = Reference::tuple(&reference.columns, row) else { continue };
            let Some(&parent) = self.found[&(reference.table, reference.referenced.clone())].get(&tuple) else {
                continue;
            };
            // A column that no other foreign key has says which of them is meant.
            let others = |column: &usize| {
                self.references[table]
                    .iter()
                    .filter(|other| *other != reference && other.columns.contains(column))
                    .count()
            };
            let head = open.iter().copied().min_by_key(others).expect("one is open");
            let known = self.known_by(reference.table, &self.rows[reference.table][parent], depth + 1)?;
            heads.insert(head, known);
            settled.extend(reference.columns.iter().copied());
        }
        Ok((heads, settled))
    }

    /// What a row is known by.
    fn known_by(&self, table: usize, row: &Row, depth: usize) -> Result<Record, String> {
        if depth > DEPTH {
            return Err(format!("it is known by rows that are known by rows, more than {DEPTH} deep"));
        }
        self.fields(table, row, self.identities[table].of(row), depth)
    }

    fn fields(&self, table: usize, row: &Row, only: Option<&Vec<usize>>, depth: usize) -> Result<Record, String> {
        let (heads, settled) = self.referred(table, row, only, depth)?;
        let described = &self.description.tables[table];
        // A part of a reference stands where the whole of it is written.
        let is_wanted = |column: usize| {
            only.is_none_or(|only| {
                only.contains(&column)
                    || heads.contains_key(&column)
                        && self.references[table].iter().any(|reference| {
                            reference.columns.contains(&column)
                                && reference.columns.iter().any(|part| only.contains(part))
                        })
            })
        };
        let mut fields = Record::new();
        for (number, column) in described.columns.iter().enumerate().filter(|(number, _)| is_wanted(*number)) {
            if let Some(known) = heads.get(&number) {
                fields.push((column.name.clone(), Field::Record(known.clone())));
            } else if !settled.contains(&number) && !self.made[table].contains(&number) {
                fields.push((column.name.clone(), field(column, row[number].as_deref())));
            }
        }
        Ok(fields)
    }
}

/// A value as a spec has it.
fn field(column: &ColumnDescription, value: Option<&str>) -> Field {
    let Some(value) = value else { return Field::Null };
    match &column.kind {
        Kind::Boolean => match value {
            "t" | "true" | "1" => Field::Plain("true".to_owned()),
            "f" | "false" | "0" => Field::Plain("false".to_owned()),
            other => Field::Text(other.to_owned()),
        },
        Kind::Integer { .. } | Kind::Year if value.parse::<i64>().is_ok_and(|number| number.to_string() == value) => {
            Field::Plain(value.to_owned())
        }
        Kind::Float | Kind::Decimal { .. }
            if value.parse::<f64>().is_ok_and(|number| number.is_finite() && number.to_string() == value) =>
        {
            Field::Plain(value.to_owned())
        }
        _ => Field::Text(value.to_owned()),
    }
}

/// How the rows of a table are told apart, and which of its columns the database makes.
fn identity(
    table: &TableDescription,
    references: &[Reference],
    declared: Option<&Vec<String>>,
    rows: &[Row],
) -> (Identity, BTreeSet<usize>) {
    let numbers = |names: &[String]| -> Option<Vec<usize>> {
        names.iter().map(|name| table.columns.iter().position(|column| column.name == *name)).collect()
    };
    let is_made = |column: &ColumnDescription| matches!(column.filled, Filled::Counter | Filled::Generated);
    let mut made: BTreeSet<usize> =
        table.columns.iter().enumerate().filter(|(_, column)| is_made(column)).map(|(number, _)| number).collect();
    // A declared key may be none of the database's.
    let is_unique = |columns: &Vec<usize>| {
        let mut seen = BTreeSet::new();
        rows.iter().filter_map(|row| Reference::tuple(columns, row)).all(|tuple| seen.insert(tuple))
    };
    let fits = |columns: &Vec<usize>, made: &BTreeSet<usize>| {
        !columns.is_empty() && columns.iter().all(|column| !made.contains(column)) && is_unique(columns)
    };
    let refers = |columns: &Vec<usize>| {
        columns.iter().filter(|column| references.iter().any(|reference| reference.columns.contains(column))).count()
    };
    let mut unique: Vec<(bool, Vec<usize>)> = table
        .keys
        .iter()
        .filter(|key| key.expressions.is_empty() && key.condition.is_none())
        .filter_map(|key| Some((key.primary, numbers(&key.columns)?)))
        .collect();
    // Values of its own say more than rows of others, and few more than many.
    unique.sort_by_key(|(primary, columns)| (*primary, refers(columns), columns.len(), columns.clone()));
    let primary: Vec<usize> =
        unique.iter().filter(|(primary, _)| *primary).flat_map(|(_, columns)| columns.clone()).collect();
    let declared = declared.and_then(|names| numbers(names));
    let candidates: Vec<Vec<usize>> =
        declared.into_iter().chain(unique.into_iter().map(|(_, columns)| columns)).collect();
    // A key that the database works out is no better than one that it counts, where there is another.
    let worked_out =
        |column: &usize| matches!(&table.columns[*column].filled, Filled::Default(default) if default.contains('('));
    if let [key] = primary.as_slice()
        && worked_out(key)
        && !references.iter().any(|reference| reference.columns.contains(key))
        && candidates.iter().any(|columns| {
            let is_whole = || rows.iter().all(|row| Reference::tuple(columns, row).is_some());
            !columns.contains(key) && fits(columns, &made) && is_whole()
        })
    {
        made.insert(*key);
    }
    let mut identity =
        Identity { keys: candidates.into_iter().filter(|columns| fits(columns, &made)).collect(), own: None };
    // What is compared for sure, on every engine.
    let is_own = |number: &usize| {
        let kind = &table.columns[*number].kind;
        let is_compared = !matches!(
            kind,
            Kind::Json | Kind::Xml | Kind::Float | Kind::Bytes { .. } | Kind::Figure(_) | Kind::Unknown
        );
        is_compared && !made.contains(number) && !references.iter().any(|reference| reference.columns.contains(number))
    };
    let own: Vec<usize> = (0..table.columns.len()).filter(is_own).collect();
    let mut seen = BTreeSet::new();
    let value = |row: &Row| own.iter().map(|number| row[*number].clone()).collect::<Row>();
    if !own.is_empty() && rows.iter().filter(|row| identity.key(row).is_none()).all(|row| seen.insert(value(row))) {
        identity.own = Some(own);
    }
    (identity, made)
}

/// The tables in an order in which what is referred to comes first, as far as there is one.
fn order(references: &[Vec<Reference>]) -> Vec<usize> {
    fn visit(table: usize, references: &[Vec<Reference>], seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
        if seen.insert(table) {
            for reference in &references[table] {
                visit(reference.table, references, seen, order);
            }
            order.push(table);
        }
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for table in 0..references.len() {
        visit(table, references, &mut seen, &mut order);
    }
    order
}

#[cfg(test)]
mod tests {
    use database::{ForeignKeyDescription, KeyDescription};

    use super::*;
    use crate::yaml;

    fn column(name: &str, kind: Kind, filled: Filled) -> ColumnDescription {
        ColumnDescription {
            name: name.to_owned(),
            sql_type: String::new(),
            kind,
            nullable: true,
            filled,
            checks: Vec::new(),
        }
    }

    /// A table with a counted key, these texts, references to others, and unique sets of columns.
    fn table(name: &str, texts: &[&str], parents: &[(&str, &str)], unique: &[&[&str]]) -> TableDescription {
        let whole = Kind::Integer { least: 0, greatest: 1 << 40 };
        let mut columns = vec![column("id", whole.clone(), Filled::Counter)];
        columns.extend(texts.iter().map(|text| column(text, Kind::Text { length: None }, Filled::Null)));
        columns.extend(parents.iter().map(|(name, _)| column(name, whole.clone(), Filled::Null)));
        let key = |names: &&[&str]| KeyDescription {
            columns: names.iter().map(|name| (*name).to_owned()).collect(),
            ..KeyDescription::default()
        };
        let primary = KeyDescription { primary: true, columns: vec!["id".to_owned()], ..KeyDescription::default() };
        let refers = |(name, parent): &(&str, &str)| ForeignKeyDescription {
            columns: vec![(*name).to_owned()],
            table: (*parent).to_owned(),
            referenced: vec!["id".to_owned()],
            ..ForeignKeyDescription::default()
        };
        TableDescription {
            name: name.to_owned(),
            columns,
            keys: [primary].into_iter().chain(unique.iter().map(key)).collect(),
            foreign_keys: parents.iter().map(refers).collect(),
            ..TableDescription::default()
        }
    }

    fn rows(rows: &[(&str, &[&[&str]])]) -> Rows {
        let cell = |cell: &&str| (*cell != "-").then(|| (*cell).to_owned());
        let table = |(name, rows): &(&str, &[&[&str]])| {
            ((*name).to_owned(), rows.iter().map(|row| row.iter().map(cell).collect()).collect())
        };
        rows.iter().map(table).collect()
    }

    fn written(description: &Description, rows: &Rows) -> String {
        match records(description, &BTreeMap::new(), rows) {
            Ok(records) => yaml::spec(&records.notes, &records.tables),
            Err(unwritable) => format!("{unwritable:?}"),
        }
    }

    #[test]
    fn rows_refer_to_each_other_by_natural_keys() {
        let description = Description {
            tables: vec![
                table("posts", &["slug", "body"], &[("author_id", "users")], &[&["author_id", "slug"]]),
                table("likes", &[], &[("post_id", "posts"), ("user_id", "users")], &[&["post_id", "user_id"]]),
                table("users", &["name"], &[("boss_id", "users")], &[&["name"]]),
                table("notes", &["text"], &[("post_id", "posts")], &[]),
            ],
        };
        let rows = rows(&[
            ("users", &[&["1", "ada", "-"], &["2", "grace", "3"], &["3", "joan", "1"]]),
            ("posts", &[&["5", "hello", "no", "2"]]),
            ("likes", &[&["7", "5", "1"]]),
            ("notes", &[&["1", "first", "5"], &["2", "-", "-"]]),
        ]);
        assert_eq!(
            written(&description, &rows),
            "# notes has rows without a natural key: they are known by their values, and are made again each time that the spec is loaded
seedbed: 1
records:
  users:
    - { name: ada, boss_id: null }
    - { name: joan, boss_id: { record: { name: ada } } }
    - { name: grace, boss_id: { record: { name: joan } } }
  posts:
    - { slug: hello, body: \"no\", author_id: { record: { name: grace } } }
  likes:
    - { post_id: { record: { slug: hello, author_id: { record: { name: grace } } } }, user_id: { record: { name: ada } } }
  notes:
    - { text: first, post_id: { record: { slug: hello, author_id: { record: { name: grace } } } } }
    - { text: null, post_id: null }
"
        );
    }

    #[test]
    fn a_row_without_a_key_is_known_by_its_own_values_and_by_others_only_where_they_are_the_same() {
        let description =
            Description { tables: vec![table("pages", &["code", "title"], &[("above_id", "pages")], &[&["code"]])] };
        let pages = rows(&[(
            "pages",
            &[
                &["1", "a", "top", "-"],
                &["2", "-", "middle", "1"],
                &["3", "-", "middle 2", "2"],
                &["4", "-", "low", "3"],
            ],
        )]);
        let chain: Vec<Row> = (1..40)
            .map(|number: u32| {
                let above = (number > 1).then(|| (number - 1).to_string());
                vec![Some(number.to_string()), None, Some(format!("page {number}")), above]
            })
            .collect();
        let deep = Rows::from([("pages".to_owned(), chain)]);
        assert!(written(&description, &deep).contains("above_id: { record: { code: null, title: page 38 } }"));
        let spec = written(&description, &pages);
        for part in ["above_id: { record: { code: a } }", "above_id: { record: { code: null, title: middle 2 } }"] {
            assert!(spec.contains(part), "{part}: {spec}");
        }
    }

    #[test]
    fn rows_that_cannot_be_told_apart_are_refused_when_others_refer_to_them() {
        let description = Description {
            tables: vec![
                table("addresses", &["street"], &[], &[]),
                table("orders", &["code"], &[("address_id", "addresses")], &[&["code"]]),
            ],
        };
        let twins = rows(&[("addresses", &[&["1", "Elm"], &["2", "Elm"]]), ("orders", &[&["1", "a", "2"]])]);
        assert!(written(&description, &twins).contains("cannot be told apart"), "{}", written(&description, &twins));
        let others = rows(&[("addresses", &[&["1", "Elm"], &["2", "Oak"]]), ("orders", &[&["1", "a", "2"]])]);
        assert!(written(&description, &others).contains("address_id: { record: { street: Oak } }"));
    }
}
