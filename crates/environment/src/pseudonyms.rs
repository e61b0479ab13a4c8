//! Pseudonyms in a copy of a database: other values in place of those of people, by the rules of the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use database::{Database, EngineKind};
use manifest::{Pseudonym, Replacement};
use plan::DatabaseId;
use serde::{Deserialize, Serialize};
use survey::{PseudonymKind, pseudonym};

use crate::Error;
use crate::copy::quoted;
use crate::durable::{read_json, write_json};
use crate::place::DIRECTORY;
use crate::session::Session;

/// The file with the key, beside the environments of a workspace.
const FILE: &str = "pseudonyms.key";

/// How many values a statement replaces.
const AT_ONCE: usize = 500;

/// What the file with the key says.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    seedbed: u32,
    key: String,
}

/// The key of the workspace's pseudonyms; it is made when there is none.
pub(crate) fn key(session: &Session<'_>) -> Result<[u8; 32], Error> {
    let directory = session.target.root.join(DIRECTORY);
    let path = directory.join(FILE);
    let file = if let Some(file) = read_json::<KeyFile>(&path)? {
        file
    } else {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has a source of randomness");
        let file = KeyFile { seedbed: 1, key: blake3::Hash::from_bytes(bytes).to_hex().to_string() };
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        write_json(&path, &file)?;
        file
    };
    // Any text is a key: whoever shares one may have chosen it.
    Ok(blake3::Hash::from_hex(&file.key)
        .map_or_else(|_| *blake3::hash(file.key.as_bytes()).as_bytes(), |key| *key.as_bytes()))
}

/// The pseudonyms of a database.
pub(crate) struct Pseudonyms {
    engine: EngineKind,
    key: [u8; 32],
    /// By table and column: the kind, and where the rule stands.
    columns: BTreeMap<(String, String), (PseudonymKind, String)>,
    /// Whether foreign keys are among the columns, which hold again when all are replaced.
    has_keys: bool,
}

impl Pseudonyms {
    /// Reads the rules; columns that refer to others follow them.
    pub(crate) fn of(session: &Session<'_>, id: &DatabaseId, database: &mut dyn Database) -> Result<Self, Error> {
        let engine = session.location(id).engine();
        let mut all = Self { engine, key: [0; 32], columns: BTreeMap::new(), has_keys: false };
        for rule in session.declaration(id).1.scrub.iter().flat_map(|scrub| &scrub.columns) {
            let Replacement::Pseudonym(kind) = rule.replacement else { continue };
            let kind = match kind {
                Pseudonym::Email => PseudonymKind::Email,
                Pseudonym::Name => PseudonymKind::Name,
                Pseudonym::Word => PseudonymKind::Word,
                Pseudonym::Digits => PseudonymKind::Digits,
            };
            let place = format!("{}:{}", rule.place.file().name(), rule.place.line());
            all.columns.insert((rule.table.clone(), rule.column.clone()), (kind, place));
        }
        if all.columns.is_empty() {
            return Ok(all);
        }
        all.key = key(session)?;
        let schema = database.inspect().map_err(Error::database(id))?;
        loop {
            let mut new = BTreeMap::new();
            for table in &schema.tables {
                for foreign in &table.foreign_keys {
                    for (column, referenced) in foreign.columns.iter().zip(&foreign.referenced) {
                        let Some(rule) = all.columns.get(&(foreign.table.clone(), referenced.clone())) else {
                            continue;
                        };
                        all.has_keys = true;
                        let own = (table.name.clone(), column.clone());
                        if !all.columns.contains_key(&own) {
                            new.insert(own, rule.clone());
                        }
                    }
                }
            }
            if new.is_empty() {
                return Ok(all);
            }
            all.columns.extend(new);
        }
    }

    /// Whether there is a rule for a column.
    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.contains_key(&(table.to_owned(), column.to_owned()))
    }

    /// What stands in place of a value of a column: the value itself where no rule is.
    pub(crate) fn replaced(&self, table: &str, column: &str, value: &str) -> String {
        match self.columns.get(&(table.to_owned(), column.to_owned())) {
            Some((kind, _)) => pseudonym(&self.key, *kind, value),
            None => value.to_owned(),
        }
    }

    /// Puts them into a copy.
    pub(crate) fn put(&self, database: &mut dyn Database) -> Result<(), Error> {
        let Some((_, place)) = self.columns.values().next() else { return Ok(()) };
        let refused = |source| Error::Rule { place: place.clone(), source };
        let (before, after) = match self.engine {
            _ if !self.has_keys => ("", ""),
            EngineKind::Postgres => {
                ("SET session_replication_role = replica;\n", "SET session_replication_role = DEFAULT;\n")
            }
            EngineKind::Mysql => ("SET foreign_key_checks = 0;\n", "SET foreign_key_checks = 1;\n"),
            _ => ("PRAGMA defer_foreign_keys = ON;\n", ""),
        };
        let mut script = before.to_owned();
        let schema = database.inspect().map_err(refused)?;
        for table in &schema.tables {
            let columns = table.columns.iter().enumerate().filter(|(_, column)| self.has(&table.name, &column.name));
            let mut values: BTreeMap<usize, BTreeSet<String>> =
                columns.map(|(number, _)| (number, BTreeSet::new())).collect();
            if values.is_empty() {
                continue;
            }
            let read = database.read_rows(&table.name, &mut |row| {
                for (number, values) in &mut values {
                    values.extend(row[*number].clone());
                }
                Ok(())
            });
            read.map_err(refused)?;
            for (number, values) in values {
                let values: Vec<String> = values.into_iter().collect();
                for values in values.chunks(AT_ONCE) {
                    self.update(&table.name, &table.columns[number].name, values, &mut script);
                }
            }
        }
        script.push_str(after);
        database.execute_script(&script).map_err(refused)
    }

    fn update(&self, table: &str, column: &str, values: &[String], script: &mut String) {
        let name = quoted(self.engine, column);
        // Letters of both cases are two values, whatever the column takes for the same.
        let compared = if self.engine == EngineKind::Mysql { format!("CAST({name} AS BINARY)") } else { name.clone() };
        write!(script, "UPDATE {} SET {name} = CASE {compared}", quoted(self.engine, table)).expect("it is a string");
        for value in values {
            let new = self.literal(&self.replaced(table, column, value));
            write!(script, " WHEN {} THEN {new}", self.literal(value)).expect("it is a string");
        }
        let values: Vec<String> = values.iter().map(|value| self.literal(value)).collect();
        writeln!(script, " ELSE {name} END WHERE {name} IN ({});", values.join(", ")).expect("it is a string");
    }

    fn literal(&self, text: &str) -> String {
        if self.engine == EngineKind::Mysql {
            // In digits, whatever the server takes a backslash for.
            let digits = text.bytes().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
            return format!("CONVERT(X'{digits}' USING utf8mb4)");
        }
        format!("'{}'", text.replace('\'', "''"))
    }
}
