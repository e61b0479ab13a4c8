//! What rows of groups imply: worked out from the rows that are planned, each natural key once.
//!
//! What is implied is wanted itself then, and may imply more; so planning goes on until nothing new comes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use database::{Database, Datum, Description};
use dataset::{DataType, FieldKind, ImpliedRecord};
use factory::{Given, Group, Operand, Plan, Template, Wanted};
use indexmap::IndexMap;
use plan::DatabaseId;
use serde_json::Value;
use source::{Node, Place, Problem, Problems, Tree};

use crate::Error;
use crate::defaults::{give_defaults, operand};
use crate::specs::{compile, datum, json};
use crate::wanted::{Builder, Target, Wants};

/// How often planning begins anew because of what is implied.
pub(crate) const MOST_ROUNDS: usize = 64;

/// How many rows are looked for at once.
const AT_ONCE: usize = 2000;

/// What the rows of a data type imply.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The type, and where it says so.
    name: String,
    place: Place,
    /// Where its rows are.
    pub(crate) database: DatabaseId,
    table: String,
    fields: Vec<ImpliedField>,
    to: Arc<ImpliedType>,
}

/// A data type of which records are implied.
#[derive(Debug)]
struct ImpliedType {
    name: String,
    database: DatabaseId,
    table: String,
    /// The columns of its natural key.
    key: Vec<String>,
    defaults: IndexMap<String, Given>,
}

#[derive(Clone, Debug)]
struct ImpliedField {
    column: String,
    given: Given,
    /// If it is a reference: the type that it refers to, and the column of that which is stored.
    refers: Option<(Arc<ImpliedType>, String)>,
}

impl Rule {
    /// Whether it is this rule of this type.
    pub(crate) fn is_of(&self, declared: &DataType, rule: &ImpliedRecord) -> bool {
        self.name == declared.name.to_string() && self.place == rule.place
    }

    /// Where the rows are that it implies, and those that these refer to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &DatabaseId> {
        let referred = self.fields.iter().filter_map(|field| field.refers.as_ref()).map(|(to, _)| &to.database);
        std::iter::once(&self.to.database).chain(referred)
    }

    /// What it looks at of the rows to which a table's rows refer.
    pub(crate) fn looks(&self) -> impl Iterator<Item = (&str, &Operand)> {
        let templates = self.fields.iter().filter_map(|field| match &field.given {
            Given::Template(template) => Some(&template.operands),
            _ => None,
        });
        templates.flatten().map(|operand| (self.table.as_str(), operand))
    }
}

/// Reads what types imply of which a spec wants rows in groups.
pub(crate) fn rules(builder: &mut Builder<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let types: Vec<&DataType> = builder.generation.types.types().collect();
    for declared in types {
        let Some(target) = builder.find(&declared.name.to_string()) else { continue };
        for implied in &declared.implies {
            let Some(to) = implied_type(builder, &implied.implied.to_string()) else { continue };
            let Some(to_target) = builder.find(&to.name) else { continue };
            let mut fields = Vec::new();
            for (name, place, tree) in &implied.record {
                match field(builder, target, to_target, (name, tree)) {
                    Ok(field) => fields.push(field),
                    // Records imply it nevertheless.
                    Err(reason) if has_groups(builder, target) => {
                        let message =
                            format!("what a {} implies cannot be worked out for rows of groups", declared.name);
                        builder.problems.push(Problem::error("spec::implied", message).at(place, reason));
                    }
                    Err(_) => {}
                }
            }
            let has_key = to.key.iter().all(|key| fields.iter().any(|field| field.column == *key));
            if fields.len() == implied.record.len() && has_key {
                let (name, table) = (declared.name.to_string(), target.table.name.clone());
                let place = implied.place.clone();
                rules.push(Rule { name, place, database: target.id.clone(), table, fields, to: Arc::new(to) });
            }
        }
    }
    rules
}

/// Whether rows of a table may be made that are no records.
fn has_groups(builder: &Builder<'_>, target: Target<'_>) -> bool {
    let Some((wanted, _)) = builder.all.get(target.id) else { return false };
    match wanted.tables.get(&target.table.name) {
        Some(groups) => groups.iter().any(|group| !group.is_record),
        None => wanted.fill.is_some(),
    }
}

fn implied_type(builder: &Builder<'_>, name: &str) -> Option<ImpliedType> {
    let target = builder.find(name)?;
    let declared = target.data_type?;
    let key = declared.key.iter().map(|(name, _)| declared.fields.get(name)?.column.clone());
    let mut defaults = IndexMap::new();
    give_defaults(builder.tables(), target, &mut defaults);
    Some(ImpliedType {
        name: declared.name.to_string(),
        database: target.id.clone(),
        table: target.table.name.clone(),
        key: key.collect::<Option<Vec<String>>>()?,
        defaults,
    })
}

/// What a field of an implied record is, or why that cannot be told of a row.
fn field(
    builder: &Builder<'_>,
    from: Target<'_>,
    to: Target<'_>,
    (name, tree): (&str, &Tree),
) -> Result<ImpliedField, String> {
    let given = match &tree.node {
        Node::String(text) if text.contains("{{") || text.contains("{%") => {
            let formula = compile(text)?;
            let of = |name: &String| {
                operand(builder.tables(), from, name)
                    .ok_or_else(|| format!("`{name}` is no value that is stored in its row"))
            };
            let operands = formula.names().iter().map(of).collect::<Result<Vec<Operand>, String>>()?;
            Given::Template(Template { formula, operands })
        }
        Node::List(_) | Node::Map(_) => return Err("it is no single value".to_owned()),
        _ => Given::Value(datum(tree.to_json())),
    };
    let declared = to.data_type.and_then(|declared| declared.fields.get(name));
    let column = match declared {
        Some(declared) => declared.column.clone(),
        None => to.table.column(name).map(|column| column.name.clone()),
    };
    let column = column.ok_or_else(|| "it is not stored".to_owned())?;
    let Some(FieldKind::Reference(reference)) = declared.map(|declared| &declared.kind) else {
        return Ok(ImpliedField { column, given, refers: None });
    };
    let referred = implied_type(builder, &reference.target.to_string());
    let referred = referred.filter(|referred| referred.key.len() == 1 && reference.with.is_empty());
    let referred = referred.ok_or_else(|| format!("{} has no natural key of one field", reference.target))?;
    let described = builder.find(&referred.name).ok_or_else(|| format!("there is no {}", referred.name))?.table;
    let primary = described.keys.iter().find(|key| key.primary && key.columns.len() == 1);
    let stored = reference.value.clone().or_else(|| Some(primary?.columns[0].clone()));
    let stored = stored.ok_or_else(|| format!("{} has no primary key of one column", referred.name))?;
    Ok(ImpliedField { column, given, refers: Some((Arc::new(referred), stored)) })
}

/// Records of one table with values of the same columns, by their natural keys.
type Lists = BTreeMap<(DatabaseId, String, Vec<String>), BTreeMap<Vec<String>, Vec<Datum>>>;

/// What is implied, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImpliedRows {
    lists: Lists,
    /// The types of which there are only the keys, since something that is implied refers to them.
    needed: Lists,
    defaults: BTreeMap<(DatabaseId, String), IndexMap<String, Given>>,
}

impl PartialEq for ImpliedRows {
    fn eq(&self, other: &Self) -> bool {
        (&self.lists, &self.needed) == (&other.lists, &other.needed)
    }
}

impl ImpliedRows {
    /// Adds what is implied to what is wanted of a database.
    pub(crate) fn add_to(&self, id: &DatabaseId, wanted: &mut Wanted) {
        let of_database = self.lists.iter().chain(&self.needed).filter(|((database, ..), _)| database == id);
        for ((_, table, columns), rows) in of_database.filter(|(_, rows)| !rows.is_empty()) {
            let listed = |place: usize| Given::Listed(Arc::new(rows.values().map(|row| row[place].clone()).collect()));
            let mut given: IndexMap<String, Given> =
                columns.iter().enumerate().map(|(place, column)| (column.clone(), listed(place))).collect();
            let mut defaults = BTreeSet::new();
            for (column, default) in self.defaults.get(&(id.clone(), table.clone())).into_iter().flatten() {
                if !given.contains_key(column) {
                    given.insert(column.clone(), default.clone());
                    defaults.insert(column.clone());
                }
            }
            let fill = wanted.fill;
            let groups =
                wanted.tables.entry(table.clone()).or_insert_with(|| fill.map(Group::of).into_iter().collect());
            groups.push(Group { count: rows.len() as u64, is_record: true, given, defaults });
        }
    }

    fn add(&mut self, is_needed: bool, to: &ImpliedType, columns: Vec<String>, key: Vec<String>, row: Vec<Datum>) {
        let lists = if is_needed { &mut self.needed } else { &mut self.lists };
        let list = lists.entry((to.database.clone(), to.table.clone(), columns)).or_default();
        list.entry(key).or_insert(row);
        let place = (to.database.clone(), to.table.clone());
        self.defaults.entry(place).or_insert_with(|| to.defaults.clone());
    }
}

/// The databases that are looked into, each with what it is like.
pub(crate) type Opened = BTreeMap<DatabaseId, (Box<dyn Database>, Description)>;

/// Works out what the rows of the plans imply; `before` is what the plans have of that already.
pub(crate) fn work_out(
    rules: &[Rule],
    plans: &BTreeMap<DatabaseId, Arc<Plan>>,
    wants: &BTreeMap<DatabaseId, Wants>,
    opened: &mut Opened,
    before: &ImpliedRows,
) -> Result<ImpliedRows, Error> {
    let needed = before.needed.clone();
    let mut implied = ImpliedRows { lists: Lists::new(), needed, defaults: before.defaults.clone() };
    let mut references = References { plans, opened, found: HashMap::new() };
    for rule in rules {
        let Some(plan) = plans.get(&rule.database).filter(|plan| plan.count(&rule.table) > 0) else { continue };
        let mut rows: BTreeMap<Vec<String>, Vec<Datum>> = BTreeMap::new();
        let key: Option<Vec<usize>> =
            rule.to.key.iter().map(|key| rule.fields.iter().position(|field| field.column == *key)).collect();
        let key = key.expect("a rule gives the whole key");
        for position in 0..plan.count(&rule.table) {
            let values = rule.fields.iter().map(|field| plan.work_out(&rule.table, position, &field.given));
            let values = values.collect::<Result<Vec<Datum>, String>>().map_err(|reason| {
                let message = format!("what a {} implies cannot be worked out: {reason}", rule.name);
                let problem = Problem::error("spec::implied", message).at(&rule.place, "implied here");
                Error::Problems([problem].into_iter().collect::<Problems>())
            })?;
            // What has no key is no record.
            let Some(key) = key.iter().map(|place| values[*place].text()).collect::<Option<Vec<String>>>() else {
                continue;
            };
            rows.entry(key).or_insert(values);
        }
        let declared = declared(&rule.to, wants);
        rows.retain(|key, _| !declared.contains(key));
        for (place, field) in rule.fields.iter().enumerate() {
            let Some((to, stored)) = &field.refers else { continue };
            let keys: BTreeSet<String> = rows.values().filter_map(|row| row[place].text()).collect();
            references.find(to, stored, &keys)?;
            rows.retain(|_, row| {
                let Some(text) = row[place].text() else { return true };
                if let Some(found) = references.of(to, stored, &text) {
                    row[place] = found;
                    return true;
                }
                // It comes when that is there.
                implied.add(true, to, to.key.clone(), vec![text.clone()], vec![row[place].clone()]);
                false
            });
        }
        let columns: Vec<String> = rule.fields.iter().map(|field| field.column.clone()).collect();
        for (key, row) in missing(&rule.to, &columns, rows, references.opened)? {
            implied.add(false, &rule.to, columns.clone(), key, row);
        }
    }
    // Of what is implied as a whole the key alone is not wanted, too.
    let whole: BTreeSet<(DatabaseId, String, Vec<String>)> = implied
        .lists
        .iter()
        .flat_map(|((id, table, _), rows)| rows.keys().map(|key| (id.clone(), table.clone(), key.clone())))
        .collect();
    for ((id, table, _), rows) in &mut implied.needed {
        rows.retain(|key, _| !whole.contains(&(id.clone(), table.clone(), key.clone())));
    }
    Ok(implied)
}

/// The natural keys of the records of a type that a spec has itself.
fn declared(to: &ImpliedType, wants: &BTreeMap<DatabaseId, Wants>) -> BTreeSet<Vec<String>> {
    let groups = wants.get(&to.database).and_then(|wants| wants.wanted.tables.get(&to.table));
    let records = groups.into_iter().flatten().filter(|group| group.is_record);
    let key = |group: &Group| {
        to.key.iter().map(|column| crate::implied::constant(group.given.get(column)?)?.text()).collect()
    };
    records.filter_map(key).collect()
}

/// Leaves out the records that are there.
fn missing(
    to: &ImpliedType,
    columns: &[String],
    rows: BTreeMap<Vec<String>, Vec<Datum>>,
    opened: &mut Opened,
) -> Result<BTreeMap<Vec<String>, Vec<Datum>>, Error> {
    let Some((database, _)) = opened.get_mut(&to.database) else { return Ok(BTreeMap::new()) };
    let failed = Error::database(&to.database);
    let places: Vec<usize> = to.key.iter().filter_map(|key| columns.iter().position(|column| column == key)).collect();
    let mut transaction = database.begin().map_err(&failed)?;
    let all: Vec<(Vec<String>, Vec<Datum>)> = rows.into_iter().collect();
    let mut missing = BTreeMap::new();
    for some in all.chunks(AT_ONCE) {
        let keys: Vec<Vec<Value>> =
            some.iter().map(|(_, row)| places.iter().map(|place| json(&row[*place])).collect()).collect();
        let found = transaction.find(&to.table, &to.key, &keys, &[]).map_err(&failed)?;
        missing.extend(some.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(row, _)| row.clone()));
    }
    transaction.rollback().map_err(&failed)?;
    Ok(missing)
}

/// What is stored to refer to records with natural keys: of those that are there, and of those that are made.
struct References<'a> {
    plans: &'a BTreeMap<DatabaseId, Arc<Plan>>,
    opened: &'a mut Opened,
    /// By database, table and stored column.
    found: HashMap<(DatabaseId, String, String), HashMap<String, Datum>>,
}

impl References<'_> {
    fn of(&self, to: &ImpliedType, stored: &str, key: &str) -> Option<Datum> {
        self.found.get(&(to.database.clone(), to.table.clone(), stored.to_owned()))?.get(key).cloned()
    }

    /// Looks for records with these natural keys.
    fn find(&mut self, to: &ImpliedType, stored: &str, keys: &BTreeSet<String>) -> Result<(), Error> {
        let place = (to.database.clone(), to.table.clone(), stored.to_owned());
        let found = self.found.entry(place).or_insert_with(|| made(self.plans, to, stored));
        let open: Vec<&String> = keys.iter().filter(|key| !found.contains_key(*key)).collect();
        let Some((database, _)) = self.opened.get_mut(&to.database).filter(|_| !open.is_empty()) else { return Ok(()) };
        let failed = Error::database(&to.database);
        let mut transaction = database.begin().map_err(&failed)?;
        for some in open.chunks(AT_ONCE) {
            let keys: Vec<Vec<Value>> = some.iter().map(|key| vec![Value::String((*key).clone())]).collect();
            let rows = transaction.find(&to.table, &to.key, &keys, &[stored.to_owned()]).map_err(&failed)?;
            let known = some.iter().zip(rows).filter_map(|(key, row)| Some(((*key).clone(), datum(row?.pop()?))));
            found.extend(known);
        }
        transaction.rollback().map_err(&failed)
    }
}

/// The records of a type that are made, by their natural keys.
fn made(plans: &BTreeMap<DatabaseId, Arc<Plan>>, to: &ImpliedType, stored: &str) -> HashMap<String, Datum> {
    let Some(plan) = plans.get(&to.database) else { return HashMap::new() };
    let columns = to.key.first().and_then(|key| plan.column(&to.table, key)).zip(plan.column(&to.table, stored));
    let Some((key, stored)) = columns else { return HashMap::new() };
    (0..key.rows).filter_map(|row| Some((plan.value(key, row).text()?, plan.value(stored, row)))).collect()
}
