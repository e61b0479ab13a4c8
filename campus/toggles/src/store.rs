//! The toggles of a service: declared in its code, set in its database.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use either_database::{Connection, Database, on, transaction};
use serde_json::Value;

use crate::change::{self, Change, Scope};
use crate::evaluation::Snapshot;
use crate::toggle::{Kind, Toggle};

/// How long others' changes may go unnoticed.
const FRESH: Duration = Duration::from_secs(1);

/// The toggles of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Toggles {
    database: Database,
    declared: Arc<[(Toggle, Value)]>,
    kept: Arc<RwLock<Option<Kept>>>,
}

/// A snapshot, and when it was last known to be the newest.
type Kept = (Instant, Arc<Snapshot>);

/// What is wrong with the declarations of a service.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeclarationError {
    /// Two have the same name.
    #[error("the toggle '{0}' is declared twice")]
    Twice(&'static str),
    /// The default of a setting is not JSON.
    #[error("the default of the setting '{0}' is no JSON")]
    Default(&'static str),
}

/// Why a toggle is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The database cannot be reached, or refuses a statement.
    #[error("the toggle cannot be changed")]
    Database(#[from] sqlx::Error),
    /// Nothing of that name is declared.
    #[error("there is no toggle '{0}'")]
    NoSuchToggle(String),
    /// Nothing of that id has happened to the toggle.
    #[error("the toggle '{name}' has no change {id}")]
    NoSuchChange {
        /// The toggle.
        name: String,
        /// What was asked for.
        id: i64,
    },
    /// A flag or a switch is on or off.
    #[error("'{0}' is on or off: true or false")]
    NotBoolean(String),
    /// Switches and settings are the same for everybody.
    #[error("'{0}' is the same for everyone: only a flag can be set for some")]
    NotForSome(String),
}

impl Toggles {
    /// These toggles, set in this database. An error is one of the program: a test should call this.
    pub fn new(database: Database, declared: &[Toggle]) -> Result<Self, DeclarationError> {
        let mut checked: Vec<(Toggle, Value)> = Vec::with_capacity(declared.len());
        for toggle in declared {
            if checked.iter().any(|(other, _)| other.name() == toggle.name()) {
                return Err(DeclarationError::Twice(toggle.name()));
            }
            checked.push((*toggle, toggle.default().ok_or(DeclarationError::Default(toggle.name()))?));
        }
        Ok(Self { database, declared: checked.into(), kept: Arc::default() })
    }

    /// The names of all of them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.declared.iter().map(|(toggle, _)| toggle.name())
    }

    fn declared(&self, name: &str) -> Result<&Toggle, ChangeError> {
        let found = self.declared.iter().find(|(toggle, _)| toggle.name() == name);
        found.map(|(toggle, _)| toggle).ok_or_else(|| ChangeError::NoSuchToggle(name.to_owned()))
    }

    /// How they stand. To be asked once in a request; most times it is answered from memory.
    ///
    /// What this process has changed is in it at once, what others have changed after a second at the latest.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, sqlx::Error> {
        let kept = self.kept.read().expect("nobody panics with the lock").clone();
        if let Some((since, snapshot)) = &kept
            && since.elapsed() < FRESH
        {
            return Ok(snapshot.clone());
        }
        let newest = change::newest(&self.database).await?;
        let snapshot = match kept {
            Some((_, snapshot)) if snapshot.newest == newest => snapshot,
            _ => Arc::new(self.load(newest).await?),
        };
        *self.kept.write().expect("nobody panics with the lock") = Some((Instant::now(), snapshot.clone()));
        Ok(snapshot)
    }

    async fn load(&self, newest: i64) -> Result<Snapshot, sqlx::Error> {
        let in_force = on!(&self.database, pool => {
            let mut connection = pool.acquire().await?;
            change::in_force((&mut *connection).into()).await?
        });
        Ok(Snapshot::new(&self.declared, newest, in_force))
    }

    pub(crate) fn forget(&self) {
        *self.kept.write().expect("nobody panics with the lock") = None;
    }

    /// Sets a toggle for somebody, or takes back what is set for him, and gives the id of the change.
    ///
    /// Nothing is written if it stands so already; then the id is `None`.
    pub async fn set(
        &self,
        name: &str,
        scope: &Scope,
        value: Option<&Value>,
        note: &str,
        changed_by: &str,
    ) -> Result<Option<i64>, ChangeError> {
        self.check(name, scope, value)?;
        let id = transaction!(&self.database, transaction => {
            set_unless_so((&mut *transaction).into(), name, scope, value, note, changed_by).await?
        });
        self.forget();
        Ok(id)
    }

    /// Whether the toggle can be set so.
    pub(crate) fn check(&self, name: &str, scope: &Scope, value: Option<&Value>) -> Result<(), ChangeError> {
        let toggle = self.declared(name)?;
        if toggle.kind() != Kind::Setting && value.is_some_and(|value| !value.is_boolean()) {
            return Err(ChangeError::NotBoolean(name.to_owned()));
        }
        if toggle.kind() != Kind::Flag && *scope != Scope::Everyone {
            return Err(ChangeError::NotForSome(name.to_owned()));
        }
        Ok(())
    }

    /// What has happened to a toggle, the newest first.
    pub async fn history(&self, name: &str, limit: i64, offset: i64) -> Result<Vec<Change>, ChangeError> {
        self.declared(name)?;
        Ok(change::history(&self.database, name, limit, offset).await?)
    }

    /// Makes a toggle what it was after one of its changes, in all scopes, by new changes; gives how many there are.
    ///
    /// 0 is before the first one.
    pub async fn revert(&self, name: &str, to: i64, changed_by: &str) -> Result<usize, ChangeError> {
        self.declared(name)?;
        let note = format!("reverted to change {to}");
        let count = transaction!(&self.database, transaction => {
            let before = change::as_of((&mut *transaction).into(), name, to).await?;
            if to != 0 && before.iter().all(|change| change.id != to) {
                return Err(ChangeError::NoSuchChange { name: name.to_owned(), id: to });
            }
            let mut count = 0;
            for now in change::as_of((&mut *transaction).into(), name, i64::MAX).await? {
                let then = before.iter().find(|then| then.scope == now.scope).and_then(|then| then.value.clone());
                if then != now.value {
                    let connection = Connection::from(&mut *transaction);
                    change::insert(connection, name, &now.scope, then.as_ref(), &note, changed_by).await?;
                    count += 1;
                }
            }
            count
        });
        self.forget();
        Ok(count)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

/// Sets a toggle unless it is set so already.
async fn set_unless_so(
    mut connection: Connection<'_>,
    name: &str,
    scope: &Scope,
    value: Option<&Value>,
    note: &str,
    changed_by: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let in_force = change::as_of(connection.reborrow(), name, i64::MAX).await?;
    let now = in_force.iter().find(|change| change.scope == *scope).and_then(|change| change.value.as_ref());
    if now == value {
        return Ok(None);
    }
    change::insert(connection, name, scope, value, note, changed_by).await.map(Some)
}
