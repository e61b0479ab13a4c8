//! A database of maps, which executes plans as the real one does: find by key, else insert.

use std::collections::{BTreeMap, HashMap};

use dataset::{Cell, ColumnWanted, LoadPlan, Origin, RowId};
use serde_json::Value;

type Columns = BTreeMap<String, Value>;

/// Tables by service, database and name; every row has a primary key, which is called `#`.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct FakeDatabase {
    tables: BTreeMap<(String, String, String), Vec<Columns>>,
}

/// What a load did.
#[derive(Debug, Default, PartialEq)]
pub struct Loaded {
    pub found: usize,
    pub inserted: usize,
}

impl FakeDatabase {
    /// Executes a plan; panics where the plan asks for what it did not provide.
    pub fn load(&mut self, plan: &LoadPlan) -> Result<Loaded, String> {
        let mut loaded = Loaded::default();
        let mut known: HashMap<(RowId, ColumnWanted), Value> = HashMap::new();
        for batch in &plan.batches {
            let name = (batch.service.clone(), batch.database.clone(), batch.table.clone());
            let table = self.tables.entry(name).or_default();
            let mut learnt = Vec::new();
            for row in &batch.rows {
                let mut columns: Columns = row
                    .cells
                    .iter()
                    .map(|(column, cell)| {
                        let value = match cell {
                            Cell::Value(value) => value.clone(),
                            Cell::Reference { row: of, column } => known
                                .get(&(*of, column.clone()))
                                .unwrap_or_else(|| panic!("{} needs {column} of row {}", row.name, of.0))
                                .clone(),
                        };
                        (column.clone(), value)
                    })
                    .collect();
                let is_same = |other: &&Columns| {
                    batch.key_columns.iter().all(|column| other.get(column) == Some(&columns[column]))
                };
                let stored = if let Some(found) = table.iter().find(is_same) {
                    loaded.found += 1;
                    found.clone()
                } else {
                    if let Some(missing) = row.missing.first() {
                        return Err(format!("{} cannot be inserted without {}", row.name, missing.field));
                    }
                    if plan.strict && matches!(row.origin, Origin::Referenced { .. }) {
                        return Err(format!("{} is not there", row.name));
                    }
                    loaded.inserted += 1;
                    columns.insert("#".to_owned(), Value::from(table.len() + 1));
                    table.push(columns.clone());
                    columns
                };
                for column in &batch.wanted {
                    let named = if let ColumnWanted::Named(name) = column { name } else { "#" };
                    // A column that the plan leaves to the database has its default.
                    let default = || Value::from(format!("default {named} {}", stored["#"]));
                    let value = stored.get(named).cloned().unwrap_or_else(default);
                    learnt.push(((row.id, column.clone()), value));
                }
            }
            // Only after the batch, since its rows do not refer to each other.
            known.extend(learnt);
        }
        Ok(loaded)
    }
}
