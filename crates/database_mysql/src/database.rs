//! One database of a server: its life, and the way to everything else.

use std::path::Path;

use database::{
    Binaries, Database, DatabaseError, DatabaseFiles, DatabaseSettings, Description, Kept, Location, Schema, StateName,
    Transaction,
};
use indexmap::IndexMap;
use mysql::Conn;
use mysql::prelude::Queryable as _;

use crate::client::Address;
use crate::error::refused;
use crate::literal::{quote, text, within};
use crate::transaction::MysqlTransaction;
use crate::{description, fingerprint, ledger, schema, script};

/// A database of a server, or a kept state of one; connected to when first used.
pub(crate) struct MysqlDatabase {
    /// The name for messages, and in the catalog.
    pub(crate) name: String,
    /// The schema that holds it: of the same name, save for a kept state.
    pub(crate) schema: String,
    pub(crate) address: Address,
    pub(crate) binaries: Binaries,
    pub(crate) settings: DatabaseSettings,
    pub(crate) session: Option<Conn>,
}

impl MysqlDatabase {
    /// Makes the handle; `None` for a location of another engine.
    pub(crate) fn new(location: &Location, settings: &DatabaseSettings) -> Option<Self> {
        let Location::Mysql { host: _, port: _, socket_directory, user, password, name, binaries } = location else {
            return None;
        };
        let address =
            Address { socket_directory: socket_directory.clone(), user: user.clone(), password: password.clone() };
        Some(MysqlDatabase {
            name: name.clone(),
            schema: name.clone(),
            address,
            binaries: binaries.clone(),
            settings: settings.clone(),
            session: None,
        })
    }

    /// Says whether this is a kept state, which is only read.
    pub(crate) fn is_kept(&self) -> bool {
        self.schema != self.name
    }

    fn check_writable(&self) -> Result<(), DatabaseError> {
        if self.is_kept() {
            let action = "change a kept state".to_owned();
            return Err(DatabaseError::Refused {
                database: self.name.clone(),
                action,
                source: "it is only for reading".into(),
            });
        }
        Ok(())
    }

    pub(crate) fn is_there(&mut self, schema: &str) -> Result<bool, DatabaseError> {
        let refused = refused(&self.name, "look for it");
        let sql = format!("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", text(schema));
        Ok(self.session()?.query_first::<u64, _>(sql).map_err(refused)? == Some(1))
    }

    /// Gives the connection, when the database is there.
    pub(crate) fn present(&mut self) -> Result<&mut Conn, DatabaseError> {
        let schema = self.schema.clone();
        if !self.is_there(&schema)? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        self.session()
    }

    /// Gives the character set and the collation of a schema.
    pub(crate) fn charset(&mut self, schema: &str) -> Result<(String, String), DatabaseError> {
        let refused = refused(&self.name, "look for its character set");
        let sql = format!(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
                WHERE SCHEMA_NAME = {}",
            text(schema)
        );
        let found: Option<(String, String)> = self.session()?.query_first(sql).map_err(refused)?;
        found.ok_or_else(|| DatabaseError::Missing { database: self.name.clone() })
    }

    /// Gives the character set and the collation of an empty database: those of the settings, or else the server's.
    pub(crate) fn empty_charset(&mut self) -> Result<(String, String), DatabaseError> {
        let (encoding, locale) = (self.settings.encoding.clone(), self.settings.locale.clone());
        let condition = match (&encoding, &locale) {
            (None, None) => "COLLATION_NAME = @@collation_server".to_owned(),
            (Some(encoding), None) => format!("CHARACTER_SET_NAME = {} AND IS_DEFAULT = 'Yes'", text(encoding)),
            (None, Some(locale)) => format!("COLLATION_NAME = {}", text(locale)),
            (Some(encoding), Some(locale)) => {
                format!("CHARACTER_SET_NAME = {} AND COLLATION_NAME = {}", text(encoding), text(locale))
            }
        };
        let name = self.name.clone();
        let sql =
            format!("SELECT CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLLATIONS WHERE {condition}");
        let found: Option<(String, String)> =
            self.session()?.query_first(sql).map_err(refused(&name, "look for its character set"))?;
        found.ok_or_else(|| {
            let words: Vec<String> = encoding.into_iter().chain(locale).collect();
            DatabaseError::Refused {
                database: name,
                action: "create it".to_owned(),
                source: format!("the server knows no character set and collation {}", words.join(", ")).into(),
            }
        })
    }

    /// Says how much space a schema takes, in bytes.
    pub(crate) fn size_of(&mut self, schema: &str) -> Result<u64, DatabaseError> {
        let name = self.name.clone();
        let conn = self.session()?;
        schema::size(conn, schema).map_err(refused(&name, "measure it"))
    }
}

impl Database for MysqlDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        let schema = self.schema.clone();
        self.is_there(&schema)
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        self.check_writable()?;
        let (charset, collation) = self.empty_charset()?;
        for role in self.settings.roles.clone() {
            self.run(&format!("CREATE ROLE IF NOT EXISTS {}", quote(&role)), "create a role")?;
        }
        let schema = quote(&self.schema);
        self.run(
            &format!("CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET {charset} COLLATE {collation}"),
            "create it",
        )
    }

    fn clear(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.replace(None, aside)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.remove_all()
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        schema::inspect(self.present()?, &schema).map_err(refused(&name, "inspect the schema"))
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        description::describe(self.present()?, &schema).map_err(refused(&name, "describe the schema"))
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        schema::row_counts(self.present()?, &schema).map_err(refused(&name, "count rows"))
    }

    fn size(&mut self) -> Result<u64, DatabaseError> {
        self.present()?;
        let schema = self.schema.clone();
        self.size_of(&schema)
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.present()?;
        // A session of its own, with the server's own settings: a script may rely on them, and may change them.
        let mut conn = self.address.connect(&self.name, Some(&self.schema), &["SET NAMES utf8mb4"])?;
        script::execute(&mut conn, &self.name, sql)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        self.check_writable()?;
        let (name, schema) = (self.name.clone(), self.schema.clone());
        Ok(Box::new(MysqlTransaction::begin(self.present()?, name, schema)?))
    }

    fn prepare_ledger(&mut self) -> Result<(), DatabaseError> {
        self.check_writable()?;
        let (name, schema) = (self.name.clone(), self.schema.clone());
        ledger::make(self.present()?, &schema).map_err(refused(&name, "make the ledger"))
    }

    fn tidy_ledger(&mut self) -> Result<(), DatabaseError> {
        self.check_writable()?;
        let (name, schema) = (self.name.clone(), self.schema.clone());
        ledger::remove_empty(self.present()?, &schema).map_err(refused(&name, "remove the ledger"))
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        crate::table::read_rows(self.present()?, &name, (&schema, table), each)
    }

    fn read_rows_with(
        &mut self,
        table: &str,
        columns: &[String],
        values: &[Vec<String>],
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        crate::table::read_rows_with(self.present()?, &name, (&schema, table), (columns, values), each)
    }

    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError> {
        self.present()?;
        self.dump_to(to)
    }

    fn restore_as(&mut self, name: &StateName, from: &Path) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.restore_from(name, from)
    }

    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.present()?;
        self.keep_state(name)
    }

    fn kept(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        let kept = self.kept_contents()?.into_iter();
        let mut kept: Vec<_> =
            kept.map(|kept| Kept { name: kept.state, bytes: kept.bytes, has_spare: kept.has_spare }).collect();
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(kept)
    }

    fn open_kept(&mut self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError> {
        let schema = self.content_of(name)?;
        Ok(Box::new(MysqlDatabase {
            name: self.name.clone(),
            schema,
            address: self.address.clone(),
            binaries: self.binaries.clone(),
            settings: self.settings.clone(),
            session: None,
        }))
    }

    fn rename_kept(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.rename_state(from, to)
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.forget_state(name)
    }

    fn reset_to(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.reset_to_state(name, aside)
    }

    fn take(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.check_writable()?;
        let content = self.content_of(name)?;
        self.replace(Some(content), aside)
    }

    fn prepare_spare(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.make_spare(name)
    }

    fn clone_kept(&mut self, name: &StateName) -> Result<String, DatabaseError> {
        self.check_writable()?;
        self.clone_state(name)
    }

    fn drop_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        self.check_writable()?;
        self.discard_clone(clone)
    }

    fn tidy(&mut self) -> Result<(), DatabaseError> {
        self.tidy_up()
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        fingerprint::of(self.present()?, &schema).map_err(refused(&name, "read the content"))
    }

    fn files(&mut self) -> Result<Option<DatabaseFiles>, DatabaseError> {
        self.find_files().map(Some)
    }

    fn check(&mut self) -> Result<Vec<String>, DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        let conn = self.present()?;
        let mut findings = Vec::new();
        for table in schema::base_tables(conn, &schema).map_err(refused(&name, "list its tables"))? {
            let sql = format!("CHECK TABLE {} EXTENDED", within(&schema, &table));
            let answers: Vec<(String, String, String, String)> =
                conn.query(sql).map_err(refused(&name, format!("check {table}")))?;
            // A note says that a kind of table has no checker.
            let bad = answers.into_iter().filter(|(_, _, kind, said)| kind != "note" && said != "OK");
            findings.extend(bad.map(|(_, _, kind, said)| format!("{table}: {kind}: {said}")));
        }
        Ok(findings)
    }
}
