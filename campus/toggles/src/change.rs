//! Changes of toggles: rows of the history.

use chrono::{DateTime, Utc};
use either_database::{Connection, Database, on, row, through};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// For whom a toggle is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "key", rename_all = "snake_case")]
pub enum Scope {
    /// For all for whom nothing else is set.
    Everyone,
    /// For those who use this site.
    Site(String),
    /// For what belongs to this organisation.
    Organization(String),
    /// In this course.
    Course(String),
    /// For this user.
    User(String),
}

impl Scope {
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Everyone => ("everyone", ""),
            Self::Site(key) => ("site", key),
            Self::Organization(key) => ("organization", key),
            Self::Course(key) => ("course", key),
            Self::User(key) => ("user", key),
        }
    }

    /// A scope by its name and whom it means.
    pub(crate) fn of(name: &str, key: &str) -> Option<Self> {
        match name {
            "everyone" => Some(Self::Everyone),
            "site" => Some(Self::Site(key.to_owned())),
            "organization" => Some(Self::Organization(key.to_owned())),
            "course" => Some(Self::Course(key.to_owned())),
            "user" => Some(Self::User(key.to_owned())),
            _ => None,
        }
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Later changes have greater ones.
    pub id: i64,
    /// The toggle.
    pub name: String,
    /// For whom.
    #[serde(flatten)]
    pub scope: Scope,
    /// What it was set to; nothing if it was taken back.
    pub value: Option<Value>,
    /// Why, in the words of whoever made it.
    pub note: String,
    /// Who made it.
    pub changed_by: String,
    /// When.
    pub change_date: DateTime<Utc>,
}

row! {
    struct Stored {
        id: i64,
        name: String,
        scope: String,
        scope_key: String,
        value: Option<String>,
        note: String,
        changed_by: String,
        change_date: DateTime<Utc>,
    }
}

impl Stored {
    fn change(self) -> Result<Change, sqlx::Error> {
        let scope = Scope::of(&self.scope, &self.scope_key);
        let scope = scope.ok_or_else(|| sqlx::Error::Decode(format!("'{}' is no scope", self.scope).into()))?;
        let value = self.value.as_deref().map(serde_json::from_str).transpose();
        Ok(Change {
            id: self.id,
            name: self.name,
            scope,
            value: value.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            note: self.note,
            changed_by: self.changed_by,
            change_date: self.change_date,
        })
    }
}

fn changes(stored: Vec<Stored>) -> Result<Vec<Change>, sqlx::Error> {
    stored.into_iter().map(Stored::change).collect()
}

/// The id of the newest change, 0 if there is none.
pub(crate) async fn newest(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM toggle_changes").fetch_one(pool).await
    })
}

/// What holds: the newest change of each toggle and scope, by name. Those that were taken back are among them.
pub(crate) async fn in_force(mut connection: Connection<'_>) -> Result<Vec<Change>, sqlx::Error> {
    through!(connection, connection => {
        changes(
            sqlx::query_as(
                "SELECT id, name, scope, scope_key, value, note, changed_by, change_date FROM toggle_changes
                 WHERE id IN (SELECT max(id) FROM toggle_changes GROUP BY name, scope, scope_key)
                 ORDER BY name, scope, scope_key",
            )
            .fetch_all(&mut *connection)
            .await?,
        )
    })
}

/// All changes of a toggle, the newest first.
pub(crate) async fn history(
    database: &Database,
    name: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Change>, sqlx::Error> {
    on!(database, pool => {
        changes(
            sqlx::query_as(
                "SELECT id, name, scope, scope_key, value, note, changed_by, change_date FROM toggle_changes
                 WHERE name = $1 ORDER BY id DESC LIMIT $2 OFFSET $3",
            )
            .bind(name)
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await?,
        )
    })
}

/// How a toggle stood after the change of that id: the newest change until then of each scope.
pub(crate) async fn as_of(mut connection: Connection<'_>, name: &str, id: i64) -> Result<Vec<Change>, sqlx::Error> {
    through!(connection, connection => {
        changes(
            sqlx::query_as(
                "SELECT id, name, scope, scope_key, value, note, changed_by, change_date FROM toggle_changes
                 WHERE id IN (SELECT max(id) FROM toggle_changes WHERE name = $1 AND id <= $2 GROUP BY scope, scope_key)
                 ORDER BY scope, scope_key",
            )
            .bind(name)
            .bind(id)
            .fetch_all(&mut *connection)
            .await?,
        )
    })
}

/// Adds a change.
pub(crate) async fn insert(
    mut connection: Connection<'_>,
    name: &str,
    scope: &Scope,
    value: Option<&Value>,
    note: &str,
    changed_by: &str,
) -> Result<i64, sqlx::Error> {
    let (scope, scope_key) = scope.parts();
    through!(connection, connection => {
        sqlx::query_scalar(
            "INSERT INTO toggle_changes (name, scope, scope_key, value, note, changed_by, change_date)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        )
        .bind(name)
        .bind(scope)
        .bind(scope_key)
        .bind(value.map(Value::to_string))
        .bind(note)
        .bind(changed_by)
        .bind(Utc::now())
        .fetch_one(&mut *connection)
        .await
    })
}
