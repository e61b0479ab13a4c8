//! Kept states: databases of the server with reserved names, marked with a comment, and their spares.

use database::{DatabaseError, Kept, StateName, Value};

use crate::copy::Others;
use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::lock::{Lock, number, number_of};
use crate::names::Role;
use crate::swap::Renames;

impl PostgresDatabase {
    pub(crate) fn keep_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        self.commanding(|this| {
            this.make(|this, new| this.copy(&name, new, Others::Ended), |this, new| this.put_under(new, state))
        })
    }

    pub(crate) fn reset_to_state(&mut self, state: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.commanding(|this| {
            let oid = this.kept_oid(state)?;
            let spare = this.own_name(Role::Spare, oid);
            if this.is_there(&spare)? {
                return this.put_in_place(&spare, aside);
            }
            let kept = this.kept_name(state);
            this.make(|this, new| this.copy(&kept, new, Others::Ended), |this, new| this.put_in_place(new, aside))
        })
    }

    pub(crate) fn take_state(&mut self, state: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.commanding(|this| {
            let oid = this.kept_oid(state)?;
            // Its content is about to change; if it is ever kept again, an old spare would not be a copy of it.
            let spare = this.own_name(Role::Spare, oid);
            let mut renames = Renames::default();
            this.put_aside(&spare, &mut renames)?;
            this.execute_renames(&renames)?;
            let kept = this.kept_name(state);
            this.put_in_place(&kept, aside)
        })
    }

    pub(crate) fn rename_state(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        self.commanding(|this| {
            this.kept_oid(from)?;
            if from == to {
                return Ok(());
            }
            let kept = this.kept_name(from);
            this.put_under(&kept, to)
        })
    }

    pub(crate) fn forget_state(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        self.commanding(|this| {
            let kept = this.kept_name(state);
            let Some(oid) = this.oid(&kept)? else { return Ok(()) };
            let spare = this.own_name(Role::Spare, oid);
            this.discard(&[kept, spare])
        })
    }

    /// Drops databases that exist. They lose their names first: half dropped, none of them is taken for whole.
    pub(crate) fn discard(&mut self, databases: &[String]) -> Result<(), DatabaseError> {
        let mut renames = Renames::default();
        let mut old = Vec::new();
        for database in databases {
            if let Some(oid) = self.oid(database)? {
                old.push(self.own_name(Role::Old, oid));
            }
            self.put_aside(database, &mut renames)?;
        }
        self.execute_renames(&renames)?;
        old.iter().try_for_each(|old| self.drop_named(old))
    }

    pub(crate) fn prepare_spare_of(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        self.giving_way(state, |this| this.make_spare(state))
    }

    /// Copies a state beside everything else, again for as long as whoever needs the state itself ends the copying.
    pub(crate) fn giving_way<T>(
        &mut self,
        state: &StateName,
        mut copy: impl FnMut(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        loop {
            let copied = copy(self);
            self.unlock();
            let error = match copied {
                Ok(copied) => return Ok(copied),
                Err(error) => error,
            };
            // Whoever needed the state itself has ended the copying, and the connection with it. Then the state is no more, or
            // it is there as before; a server that does not answer any more is an error here.
            self.maintenance = None;
            self.kept_oid(state)?;
            // Each of them has done its work, so this comes to an end when they do, and before that it is in nobody's way.
            if !matches!(error, DatabaseError::Unreachable { .. } | DatabaseError::Missing { .. }) {
                return Err(error);
            }
        }
    }

    fn make_spare(&mut self, state: &StateName) -> Result<(), DatabaseError> {
        let kept = self.kept_name(state);
        let oid = self.kept_oid(state)?;
        self.wait_for_lock(Lock::Spare, number_of(oid))?;
        let spare = self.own_name(Role::Spare, oid);
        if self.is_there(&spare)? {
            return Ok(());
        }
        self.make(
            |this, new| this.copy(&kept, new, Others::WaitedFor),
            |this, new| {
                let command = number(&this.name);
                this.wait_for_lock(Lock::Command, command)?;
                if this.oid(&kept)? != Some(oid) {
                    return this.drop_named(new);
                }
                let mut renames = Renames::default();
                renames.rename(new, &spare);
                this.execute_renames(&renames)
            },
        )
    }

    /// Drops what was put aside, what nobody constructs or uses any more, and spares of states that are no more.
    pub(crate) fn tidy_up(&mut self) -> Result<(), DatabaseError> {
        // First those under construction: whoever finishes one now gives it a name that is not looked at any more.
        for (role, lock) in [(Role::New, Lock::Make), (Role::Clone, Lock::Clone)] {
            for (left, _) in self.with_role(role)? {
                if self.try_lock(lock, number(&left))? {
                    let dropped = self.drop_named(&left);
                    self.unlock();
                    dropped?;
                }
            }
        }
        // Spares before states: a state that is there now was there when its spare was made.
        let spares = self.with_role(Role::Spare)?;
        let kept = self.with_role(Role::Kept)?;
        let wanted: Vec<String> = kept.values().map(|oid| self.own_name(Role::Spare, oid)).collect();
        let orphans = spares.into_keys().filter(|spare| !wanted.contains(spare));
        let old = self.with_role(Role::Old)?.into_keys();
        orphans.chain(old).try_for_each(|database| self.drop_named(&database))
    }

    pub(crate) fn kept_states(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        let (name, prefix, spare) = (self.name.clone(), self.prefix(Role::Kept), self.prefix(Role::Spare));
        let sql = "SELECT shobj_description(oid, 'pg_database'), pg_database_size(oid),
                EXISTS (SELECT FROM pg_database spare WHERE spare.datname = $2::text || kept.oid::text)
            FROM pg_database kept WHERE starts_with(datname, $1)";
        let rows = self.maintenance()?.query(sql, &[&prefix, &spare]).map_err(refused(&name, "list kept states"))?;
        let read = |row: &postgres::Row| {
            let mark: Value = serde_json::from_str(row.get::<_, Option<&str>>(0)?).ok()?;
            let name = StateName::new(mark.get("state")?.as_str()?).ok()?;
            let bytes = u64::try_from(row.get::<_, i64>(1)).ok()?;
            Some(Kept { name, bytes, has_spare: row.get(2) })
        };
        let mut states: Vec<Kept> = rows.iter().filter_map(read).collect();
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }
}
