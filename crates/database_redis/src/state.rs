//! Kept states: numbers beside those of the databases, and the copies that are made of them.

use std::collections::HashSet;

use database::{DatabaseError, Kept, StateName};
use redis::Connection;

use crate::database::RedisDatabase;
use crate::registry::{Maker, Record};

impl RedisDatabase {
    /// Finds the number of a kept state.
    pub(crate) fn find_kept(&mut self, wanted: &StateName) -> Result<Option<u16>, DatabaseError> {
        let is_wanted = |record: &Record| matches!(record, Record::Kept { state, .. } if state == wanted);
        Ok(self.records()?.into_iter().find_map(|(number, record)| is_wanted(&record).then_some(number)))
    }

    /// Finds the number of a kept state that there must be.
    pub(crate) fn kept_number(&mut self, wanted: &StateName) -> Result<u16, DatabaseError> {
        let missing = DatabaseError::UnknownState { database: self.name.clone(), state: wanted.clone() };
        self.find_kept(wanted)?.ok_or(missing)
    }

    pub(crate) fn kept_states(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        if self.state.is_some() {
            return Ok(Vec::new());
        }
        let records = self.records()?;
        let spares: HashSet<i64> = records
            .values()
            .filter_map(|record| match record {
                Record::Spare { of } => Some(*of),
                _ => None,
            })
            .collect();
        let mut kept = Vec::new();
        for (number, record) in records {
            if let Record::Kept { state, id } = record {
                kept.push(Kept { name: state, bytes: self.measure(number)?, has_spare: spares.contains(&id) });
            }
        }
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(kept)
    }

    pub(crate) fn reset_to_state(&mut self, state: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let arguments = [name.as_str(), state.as_str(), aside.map_or("", StateName::as_str)];
        while self.change("reset", &arguments)? == "no spare" {
            self.make_spare(state)?;
        }
        Ok(())
    }

    /// Copies a kept state in small steps, between which the server does its other work.
    pub(crate) fn make_spare(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        let maker = self.maker()?;
        let number = self.change("begin", &[&maker.run, &maker.client, state.as_str()])?;
        if number == "ready" {
            return Ok(());
        }
        let result = self.copy_to(&number, state);
        if result.is_err() {
            self.abandon(&number, &maker);
        }
        result
    }

    fn copy_to(&mut self, number: &str, state: &StateName) -> Result<(), DatabaseError> {
        let mut cursor = "0".to_owned();
        loop {
            cursor = self.change("copy", &[number, &cursor])?;
            match cursor.as_str() {
                "0" => return self.change("finish_spare", &[number]).map(drop),
                // Forgotten or replaced while it was copied.
                "gone" => {
                    return Err(DatabaseError::UnknownState { database: self.name.clone(), state: state.clone() });
                }
                _ => {}
            }
        }
    }

    /// Keeps, under a name, what is filled into an empty number.
    pub(crate) fn keep_filled(
        &mut self,
        state: &StateName,
        fill: impl FnOnce(&mut Connection) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let maker = self.maker()?;
        let number = self.change("begin", &[&maker.run, &maker.client, ""])?;
        let selected: u16 = number.parse().expect("the script gives a number");
        let result = self
            .session_in(selected)
            .and_then(fill)
            .and_then(|()| self.change("finish_load", &[&number, state.as_str()]).map(drop));
        if result.is_err() {
            self.abandon(&number, &maker);
        }
        result
    }

    /// Removes what could not be made; when that fails too, `tidy` does it.
    fn abandon(&mut self, number: &str, maker: &Maker) {
        let _ = self.change("abandon", &[number, &maker.run, &maker.client]);
    }

    /// Removes what was being made by those who are no more.
    pub(crate) fn drop_leftovers(&mut self) -> Result<(), DatabaseError> {
        for (number, record) in self.records()? {
            if let Record::Making(maker) = record
                && !self.is_alive(&maker)?
            {
                self.change("abandon", &[&number.to_string(), &maker.run, &maker.client])?;
            }
        }
        Ok(())
    }
}
