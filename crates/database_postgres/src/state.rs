//! Kept states: databases of the server that nobody can connect to, marked with a comment.

use database::{DatabaseError, StateName, Value};

use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::swap::digest;
use crate::table::quote;

impl PostgresDatabase {
    pub(crate) fn keep_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        self.drop_leftovers()?;
        let (name, new, kept) = (self.name.clone(), self.new_name(), self.kept_name(state));
        self.copy(&name, &new)?;
        // The name of a database is too short for both names; the comment has them in full.
        let mark = serde_json::json!({ "database": name, "state": state.as_str() }).to_string();
        let new_quoted = quote(&new);
        let seal = format!(
            "COMMENT ON DATABASE {new_quoted} IS '{}'; ALTER DATABASE {new_quoted} ALLOW_CONNECTIONS false",
            mark.replace('\'', "''")
        );
        self.maintenance()?.batch_execute(&seal).map_err(refused(&new, "mark it"))?;
        self.swap(&new, &kept)
    }

    pub(crate) fn reset_to_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        self.drop_leftovers()?;
        let (name, new, kept) = (self.name.clone(), self.new_name(), self.kept_name(state));
        if !self.is_there(&kept)? {
            return Err(DatabaseError::UnknownState { database: name, state: state.clone() });
        }
        self.copy(&kept, &new)?;
        self.swap(&new, &name)
    }

    pub(crate) fn move_state_back(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        self.drop_leftovers()?;
        let (name, kept) = (self.name.clone(), self.kept_name(state));
        if !self.is_there(&kept)? {
            return Err(DatabaseError::UnknownState { database: name, state: state.clone() });
        }
        // Opened before it is moved: when this is cut short, nothing is in place that nobody can connect to.
        let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quote(&kept));
        self.maintenance()?.batch_execute(&open).map_err(refused(&kept, "open it"))?;
        self.swap(&kept, &name)?;
        let unmark = format!("COMMENT ON DATABASE {} IS NULL", quote(&name));
        self.maintenance()?.batch_execute(&unmark).map_err(refused(&name, "take its mark off"))
    }

    /// Lists the databases that hold kept states of this one.
    pub(crate) fn kept_databases(&mut self) -> Result<Vec<(String, StateName)>, DatabaseError> {
        let (name, prefix) = (self.name.clone(), self.own_name("kept"));
        let sql = "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
            WHERE starts_with(datname, $1) ORDER BY datname";
        let rows = self.maintenance()?.query(sql, &[&prefix]).map_err(refused(&name, "list kept states"))?;
        let read = |row: &postgres::Row| {
            let mark: Value = serde_json::from_str(row.get::<_, Option<&str>>(1)?).ok()?;
            Some((row.get(0), StateName::new(mark.get("state")?.as_str()?).ok()?))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Names the database of a kept state.
    pub(crate) fn kept_name(&self, state: &StateName) -> String {
        format!("{}-{}", self.own_name("kept"), digest(state.as_str()))
    }
}
