//! A database that is lost at one call: the connection to it, or the process that has it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::{Bulk, BulkTable, Database, DatabaseError, Description, Kept, Schema, StateName, Transaction, Value};
use indexmap::IndexMap;

/// Which call is lost, counted over all that share the number.
#[derive(Clone)]
pub(super) struct Loss {
    pub(super) calls: Arc<AtomicUsize>,
    /// The call, from 0.
    pub(super) at: usize,
    /// Whether it is done before it is lost, and all after it are lost, too; else only it is lost, and not done.
    pub(super) is_killed: bool,
}

impl Loss {
    /// Does a call, or loses it.
    fn call<T>(&self, call: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let lost = || DatabaseError::Unreachable { database: "lost".to_owned(), source: "it was lost".into() };
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        match (self.is_killed, number.cmp(&self.at)) {
            (_, Less) | (false, Greater) => call(),
            (true, Equal) => call().and_then(|_| Err(lost())),
            _ => Err(lost()),
        }
    }
}

/// The database.
pub(super) struct Lost {
    pub(super) inner: Box<dyn Database>,
    pub(super) loss: Loss,
}

struct LostTransaction<'a> {
    inner: Box<dyn Transaction + 'a>,
    loss: Loss,
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
        self.loss.call(|| self.inner.inspect())
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        self.loss.call(|| self.inner.describe())
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        self.loss.call(|| self.inner.row_counts())
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        let inner = self.loss.call(|| self.inner.begin())?;
        Ok(Box::new(LostTransaction { inner, loss: self.loss.clone() }))
    }

    fn prepare_ledger(&mut self) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.prepare_ledger())
    }

    fn tidy_ledger(&mut self) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.tidy_ledger())
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.read_rows(table, each))
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
        self.loss.call(|| self.inner.find(table, key_columns, keys, wanted))
    }

    fn find_all(
        &mut self,
        table: &str,
        columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.loss.call(|| self.inner.find_all(table, columns, keys, wanted))
    }

    fn insert(
        &mut self,
        table: &str,
        columns: &[String],
        rows: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.loss.call(|| self.inner.insert(table, columns, rows, wanted))
    }

    fn update(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        columns: &[String],
        values: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        self.loss.call(|| self.inner.update(table, key_columns, keys, columns, values))
    }

    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError> {
        self.loss.call(|| self.inner.delete(table, columns, rows))
    }

    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.check_late(tables))
    }

    fn check_now(&mut self) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.check_now())
    }

    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError> {
        self.loss.call(|| self.inner.ledger())
    }

    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.loss.call(|| self.inner.ledger_piece(load, number))
    }

    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.write_ledger(load, number, piece))
    }

    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError> {
        self.loss.call(|| self.inner.cut_ledger(load, from))
    }

    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError> {
        self.loss.call(|| self.inner.bulk(tables))
    }

    fn commit(self: Box<Self>) -> Result<(), DatabaseError> {
        let Self { inner, loss } = *self;
        loss.call(|| inner.commit())
    }

    fn rollback(self: Box<Self>) -> Result<(), DatabaseError> {
        let Self { inner, loss } = *self;
        loss.call(|| inner.rollback())
    }
}
