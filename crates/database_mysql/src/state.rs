//! Kept states: contents in schemas of their own, found by the catalog.

use database::{DatabaseError, StateName};

use crate::catalog::{accept, accept_spare, discard, discard_all, discard_state, remove, rename};
use crate::database::MysqlDatabase;
use crate::literal::quote;

/// How long to wait for another process that makes the same spare copy, in seconds.
const SPARE_SECONDS: u32 = 600;

/// How often a spare copy is begun again whose original is replaced meanwhile.
const ATTEMPTS: usize = 10;

impl MysqlDatabase {
    pub(crate) fn keep_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        let source = self.schema.clone();
        let content = self.begin_content(Some(&source))?;
        let copied = self.copy(&source, &content);
        self.accept_content(&content, state, copied)
    }

    /// Gives a content that was just made its name, or discards it when making it has failed.
    pub(crate) fn accept_content(
        &mut self,
        content: &str,
        state: &StateName,
        made: Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        match made.and_then(|()| self.size_of(content)) {
            Ok(bytes) => {
                let mut statements = discard_state(&self.name, state);
                statements.push(accept(content, state, bytes));
                self.end_content(content, Some(statements))
            }
            Err(error) => {
                // What made this fail is worth more than that it cannot be discarded; the next to tidy finds it.
                let _ = self.end_content(content, None);
                Err(error)
            }
        }
    }

    pub(crate) fn reset_to_state(&mut self, state: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let source = self.content_of(state)?;
        let spare = match self.spare_of(&source)? {
            Some(spare) => spare,
            None => self.copy_as_spare(&source)?,
        };
        self.replace(Some(spare), aside)
    }

    pub(crate) fn make_spare(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        let mut attempt = 1;
        loop {
            let source = self.content_of(state)?;
            let lock = format!("{source}_spare");
            let alone = self.lock(&lock, SPARE_SECONDS)?;
            let made = match self.spare_of(&source) {
                Ok(Some(_)) => Ok(()),
                Ok(None) if !alone => Err(DatabaseError::Busy {
                    database: self.name.clone(),
                    detail: format!("another process is copying {state}"),
                }),
                Ok(None) => self.copy_as_spare(&source).map(drop),
                Err(error) => Err(error),
            };
            self.unlock(&lock);
            let Err(error) = made else { return Ok(()) };
            // The state may have gone meanwhile, and the copying with it; another may have its name now.
            if self.content_of(state)? == source || attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
        }
    }

    fn copy_as_spare(&mut self, source: &str) -> Result<String, DatabaseError> {
        let content = self.begin_content(Some(source))?;
        match self.copy(source, &content) {
            Ok(()) => {
                self.end_content(&content, Some(vec![accept_spare(&content, source)]))?;
                Ok(content)
            }
            Err(error) => {
                let _ = self.end_content(&content, None);
                Err(error)
            }
        }
    }

    pub(crate) fn rename_state(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        let content = self.content_of(from)?;
        if from == to {
            return Ok(());
        }
        let mut statements = discard_state(&self.name, to);
        statements.push(rename(&content, to));
        self.change_catalog(&statements)
    }

    pub(crate) fn forget_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        match self.content_of(state) {
            Ok(content) => self.change_catalog(&[discard(&content)]),
            Err(DatabaseError::UnknownState { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Drops what nobody wants, of whatever database; what somebody still uses waits for the next time.
    pub(crate) fn tidy_up(&mut self) -> Result<(), DatabaseError> {
        for content in self.leftovers()? {
            if !self.lock(&content, 0)? {
                continue;
            }
            let dropped = self.drop_leftover(&content);
            self.unlock(&content);
            match dropped {
                Err(DatabaseError::Busy { .. }) => {}
                result => result?,
            }
        }
        Ok(())
    }

    fn drop_leftover(&mut self, content: &str) -> Result<(), DatabaseError> {
        if !self.is_leftover(content)? {
            return Ok(());
        }
        self.run("SET SESSION lock_wait_timeout = 1", "drop what was put aside")?;
        let dropped = self.run(&format!("DROP DATABASE IF EXISTS {}", quote(content)), "drop what was put aside");
        self.run("SET SESSION lock_wait_timeout = DEFAULT", "drop what was put aside")?;
        dropped?;
        self.change_catalog(&[remove(content)])
    }

    pub(crate) fn remove_all(&mut self) -> Result<(), DatabaseError> {
        self.end_connections()?;
        let sql = format!("DROP DATABASE IF EXISTS {}", quote(&self.schema));
        self.run(&sql, "drop it")?;
        self.change_catalog(&[discard_all(&self.name)])?;
        self.tidy_up()
    }
}
