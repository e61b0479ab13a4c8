//! A database of which one call is lost: the counterpart of the [proxy](super::proxy) for an engine without a server.

use std::path::Path;
use std::sync::Arc;

use database::{Bulk, BulkTable, Database, DatabaseError, Description, Kept, Schema, StateName, Transaction, Value};
use indexmap::IndexMap;

use super::fault::Fault;

impl Fault {
    /// Does a call that only reads, or loses it.
    fn reading<T>(&self, call: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        self.call(false, call)
    }

    /// Does a call that may change something, or loses it.
    fn changing<T>(&self, call: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        self.call(true, call)
    }

    fn call<T>(&self, changes: bool, call: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let lost = || DatabaseError::Unreachable { database: "lost".to_owned(), source: "it was lost".into() };
        if self.is_dead() {
            return Err(lost());
        }
        if !self.is_now(changes) {
            return call();
        }
        if self.kind.is_after() {
            call()?;
        }
        self.happens();
        Err(lost())
    }
}

/// The database.
pub(super) struct Lost {
    pub(super) inner: Box<dyn Database>,
    pub(super) fault: Arc<Fault>,
}

struct LostTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    fault: Arc<Fault>,
}

macro_rules! unasked {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $name(&mut self, $(_: $argument),*) -> Result<$result, DatabaseError> {
            unreachable!("no load does")
        })*
    };
}

impl Database for Lost {
    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        self.fault.reading(|| self.inner.inspect())
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        self.fault.reading(|| self.inner.describe())
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        self.fault.reading(|| self.inner.row_counts())
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        let inner = self.fault.reading(|| self.inner.begin())?;
        Ok(Box::new(LostTransaction { inner, fault: Arc::clone(&self.fault) }))
    }

    fn prepare_ledger(&mut self) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.prepare_ledger())
    }

    fn tidy_ledger(&mut self) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.tidy_ledger())
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        self.fault.reading(|| self.inner.read_rows(table, each))
    }

    unasked! {
        exists() -> bool;
        create() -> ();
        clear(Option<&StateName>) -> ();
        destroy() -> ();
        size() -> u64;
        execute_script(&str) -> ();
        dump(&Path) -> ();
        restore_as(&StateName, &Path) -> ();
        keep(&StateName) -> ();
        kept() -> Vec<Kept>;
        open_kept(&StateName) -> Box<dyn Database>;
        rename_kept(&StateName, &StateName) -> ();
        forget(&StateName) -> ();
        reset_to(&StateName, Option<&StateName>) -> ();
        take(&StateName, Option<&StateName>) -> ();
        prepare_spare(&StateName) -> ();
        clone_kept(&StateName) -> String;
        drop_clone(&str) -> ();
        tidy() -> ();
        fingerprint() -> String;
        check() -> Vec<String>;
    }
}

impl Transaction for LostTransaction<'_> {
    fn find(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Option<Vec<Value>>>, DatabaseError> {
        self.fault.reading(|| self.inner.find(table, key_columns, keys, wanted))
    }

    fn find_all(
        &mut self,
        table: &str,
        columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.fault.reading(|| self.inner.find_all(table, columns, keys, wanted))
    }

    fn insert(
        &mut self,
        table: &str,
        columns: &[String],
        rows: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.fault.changing(|| self.inner.insert(table, columns, rows, wanted))
    }

    fn update(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        columns: &[String],
        values: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        self.fault.changing(|| self.inner.update(table, key_columns, keys, columns, values))
    }

    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError> {
        self.fault.changing(|| self.inner.delete(table, columns, rows))
    }

    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.check_late(tables))
    }

    fn check_now(&mut self) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.check_now())
    }

    fn untouched(&mut self, tables: &[String], loads: &[u64]) -> Result<Option<Vec<u64>>, DatabaseError> {
        self.fault.reading(|| self.inner.untouched(tables, loads))
    }

    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError> {
        self.fault.reading(|| self.inner.ledger())
    }

    fn await_ledger(&mut self) -> Result<(), DatabaseError> {
        self.fault.reading(|| self.inner.await_ledger())
    }

    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.fault.reading(|| self.inner.ledger_piece(load, number))
    }

    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.write_ledger(load, number, piece))
    }

    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError> {
        self.fault.changing(|| self.inner.cut_ledger(load, from))
    }

    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError> {
        self.fault.changing(|| self.inner.bulk(tables))
    }

    fn commit(self: Box<Self>) -> Result<(), DatabaseError> {
        let Self { inner, fault } = *self;
        fault.changing(|| inner.commit())
    }

    fn rollback(self: Box<Self>) -> Result<(), DatabaseError> {
        let Self { inner, fault } = *self;
        fault.changing(|| inner.rollback())
    }
}
