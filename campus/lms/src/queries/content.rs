//! What courses are made of: entities, their versions, publications, dates and partitions.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use either_database::{Database, on, row, transaction};
use serde_json::Value;

use crate::learning::navigation::{Dates, Published};
use crate::learning::partitioning::Partition;
use crate::learning::publishing::{Change, Head, Kind};
use crate::learning::scheduling::Rule;
use crate::queries::course::Course;

row! {
    /// A version of an entity, with what the entity is.
    #[derive(Debug, Clone)]
    pub struct Version {
        pub key: String,
        pub kind: String,
        pub number: i64,
        pub title: String,
        pub content: String,
        pub children: String,
        pub groups: String,
        pub staff_only: bool,
        pub created: DateTime<Utc>,
        pub created_by: String,
    }
}

row! {
    /// Which versions of an entity are in force.
    #[derive(Debug, Clone)]
    pub struct Pointer {
        pub key: String,
        pub kind: String,
        pub draft: Option<i64>,
        pub published: Option<i64>,
    }
}

row! {
    /// A publication.
    #[derive(Debug, Clone)]
    pub struct Publication {
        pub id: i64,
        pub published: DateTime<Utc>,
        pub published_by: String,
        pub message: String,
        pub changes: String,
    }
}

row! {
    /// A date as it is stored.
    #[derive(Debug, Clone)]
    pub struct StoredDate {
        pub key: String,
        pub field: String,
        pub absolute: Option<DateTime<Utc>>,
        pub relative_seconds: Option<i64>,
    }
}

impl StoredDate {
    /// When it is.
    pub fn rule(&self) -> Option<Rule> {
        let relative = || self.relative_seconds.and_then(TimeDelta::try_seconds).map(Rule::Relative);
        self.absolute.map(Rule::Absolute).or_else(relative)
    }
}

/// What a new version says.
#[derive(Debug, Clone)]
pub struct Draft {
    pub title: String,
    pub content: Value,
    pub children: Vec<String>,
    pub groups: BTreeMap<String, Vec<String>>,
    pub staff_only: bool,
}

/// What is read of a column of JSON, which this service alone writes.
pub fn parsed<T: serde::de::DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

/// The versions of all entities of a course that authors see, or learners.
pub async fn current(database: &Database, course_id: i64, published: bool) -> Result<Vec<Version>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT e.key, e.kind, v.* FROM entities e JOIN entity_versions v ON v.entity_id = e.id
                AND v.number = CASE WHEN $2 THEN e.published ELSE e.draft END
             WHERE e.course_id = $1 ORDER BY e.key",
        )
        .bind(course_id)
        .bind(published)
        .fetch_all(pool)
        .await
    })
}

/// All versions of one entity, newest first.
pub async fn versions(database: &Database, course_id: i64, key: &str) -> Result<Vec<Version>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT e.key, e.kind, v.* FROM entities e JOIN entity_versions v ON v.entity_id = e.id
             WHERE e.course_id = $1 AND e.key = $2 ORDER BY v.number DESC LIMIT 100",
        )
        .bind(course_id)
        .bind(key)
        .fetch_all(pool)
        .await
    })
}

/// Which versions of all entities of a course are in force.
pub async fn pointers(database: &Database, course_id: i64) -> Result<Vec<Pointer>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT key, kind, draft, published FROM entities WHERE course_id = $1 ORDER BY key")
            .bind(course_id)
            .fetch_all(pool)
            .await
    })
}

/// The entities of a course as publishing looks at them.
pub async fn heads(database: &Database, course_id: i64) -> Result<BTreeMap<String, Head>, sqlx::Error> {
    let below: BTreeMap<String, Vec<String>> = current(database, course_id, false)
        .await?
        .into_iter()
        .map(|version| (version.key, parsed(&version.children)))
        .collect();
    let head = |pointer: Pointer| {
        let children = below.get(&pointer.key).cloned().unwrap_or_default();
        let kind = Kind::of(&pointer.kind)?;
        Some((pointer.key, Head { kind, draft: pointer.draft, published: pointer.published, children }))
    };
    Ok(pointers(database, course_id).await?.into_iter().filter_map(head).collect())
}

/// The entities of a course as an outline is made of them.
pub async fn published(database: &Database, course_id: i64) -> Result<BTreeMap<String, Published>, sqlx::Error> {
    let entity = |version: Version| {
        let published = Published {
            kind: Kind::of(&version.kind)?,
            title: version.title,
            children: parsed(&version.children),
            staff_only: version.staff_only,
            groups: parsed(&version.groups),
        };
        Some((version.key, published))
    };
    Ok(current(database, course_id, true).await?.into_iter().filter_map(entity).collect())
}

/// Writes a new draft down, and gives its number; whether there was no such entity before.
pub async fn save_draft(
    database: &Database,
    course_id: i64,
    key: &str,
    kind: Kind,
    draft: &Draft,
    author: &str,
) -> Result<(i64, bool), sqlx::Error> {
    let saved: (i64, bool) = transaction!(database, transaction => {
        // Of two authors at the same time the second gets the next number.
        sqlx::query("UPDATE courses SET id = id WHERE id = $1").bind(course_id).execute(&mut *transaction).await?;
        let entity: i64 = sqlx::query_scalar(
            "INSERT INTO entities (course_id, key, kind) VALUES ($1, $2, $3)
             ON CONFLICT (course_id, key) DO UPDATE SET key = excluded.key RETURNING id",
        )
        .bind(course_id)
        .bind(key)
        .bind(kind.word())
        .fetch_one(&mut *transaction)
        .await?;
        let number: i64 =
            sqlx::query_scalar("SELECT coalesce(max(number), 0) + 1 FROM entity_versions WHERE entity_id = $1")
                .bind(entity)
                .fetch_one(&mut *transaction)
                .await?;
        sqlx::query(
            "INSERT INTO entity_versions
                (entity_id, number, title, content, children, groups, staff_only, created, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(entity)
        .bind(number)
        .bind(&draft.title)
        .bind(draft.content.to_string())
        .bind(serde_json::json!(draft.children).to_string())
        .bind(serde_json::json!(draft.groups).to_string())
        .bind(draft.staff_only)
        .bind(Utc::now())
        .bind(author)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE entities SET draft = $1 WHERE id = $2")
            .bind(number)
            .bind(entity)
            .execute(&mut *transaction)
            .await?;
        (number, number == 1)
    });
    Ok(saved)
}

/// Takes a draft away; whether there was one. Learners see what is published until that is published, too.
pub async fn remove_draft(database: &Database, course_id: i64, key: &str) -> Result<bool, sqlx::Error> {
    let gone = on!(database, pool => {
        sqlx::query("UPDATE entities SET draft = NULL WHERE course_id = $1 AND key = $2 AND draft IS NOT NULL")
            .bind(course_id)
            .bind(key)
            .execute(pool)
            .await?
            .rows_affected()
    });
    Ok(gone > 0)
}

/// Publishes, and tells of the course; gives the number of the publication, or none if a draft has changed meanwhile.
pub async fn publish(
    database: &Database,
    course: &Course,
    changes: &[Change],
    author: &str,
    message: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let done = apply(database, course.id, changes, Some((author, message))).await?;
    Ok(done.filter(|_| !changes.is_empty()))
}

/// Takes drafts back to what is published; whether none of them has changed meanwhile.
pub async fn discard(database: &Database, course: &Course, changes: &[Change]) -> Result<bool, sqlx::Error> {
    Ok(apply(database, course.id, changes, None).await?.is_some())
}

async fn apply(
    database: &Database,
    course_id: i64,
    changes: &[Change],
    publication: Option<(&str, &str)>,
) -> Result<Option<i64>, sqlx::Error> {
    let statement = if publication.is_some() {
        "UPDATE entities SET published = $1 WHERE course_id = $2 AND key = $3
            AND coalesce(published, 0) = coalesce($4, 0) AND coalesce(draft, 0) = coalesce($1, 0)"
    } else {
        "UPDATE entities SET draft = $1 WHERE course_id = $2 AND key = $3
            AND coalesce(draft, 0) = coalesce($4, 0) AND coalesce(published, 0) = coalesce($1, 0)"
    };
    let number: i64 = transaction!(database, transaction => {
        for change in changes {
            let done = sqlx::query(statement)
                .bind(change.to)
                .bind(course_id)
                .bind(&change.key)
                .bind(change.from)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(None);
            }
        }
        match publication {
            Some((author, message)) => {
                sqlx::query_scalar(
                    "INSERT INTO publications (course_id, published, published_by, message, changes)
                     VALUES ($1, $2, $3, $4, $5) RETURNING id",
                )
                .bind(course_id)
                .bind(Utc::now())
                .bind(author)
                .bind(message)
                .bind(serde_json::json!(changes).to_string())
                .fetch_one(&mut *transaction)
                .await?
            }
            None => 0,
        }
    });
    Ok(Some(number))
}

/// The last hundred publications of a course, newest first.
pub async fn publications(database: &Database, course_id: i64) -> Result<Vec<Publication>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM publications WHERE course_id = $1 ORDER BY id DESC LIMIT 100")
            .bind(course_id)
            .fetch_all(pool)
            .await
    })
}

/// The dates of a course as they are stored.
pub async fn stored_dates(database: &Database, course_id: i64) -> Result<Vec<StoredDate>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM content_dates WHERE course_id = $1 ORDER BY key, field")
            .bind(course_id)
            .fetch_all(pool)
            .await
    })
}

/// The dates of a course by key.
pub async fn dates(database: &Database, course_id: i64) -> Result<BTreeMap<String, Dates>, sqlx::Error> {
    let mut dates: BTreeMap<String, Dates> = BTreeMap::new();
    for stored in stored_dates(database, course_id).await? {
        let rule = stored.rule();
        let of = dates.entry(stored.key).or_default();
        if stored.field == "due" { of.due = rule } else { of.start = rule }
    }
    Ok(dates)
}

/// Replaces the dates of a course.
pub async fn replace_dates(database: &Database, course_id: i64, dates: &[StoredDate]) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query("UPDATE courses SET id = id WHERE id = $1").bind(course_id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM content_dates WHERE course_id = $1").bind(course_id).execute(&mut *transaction).await?;
        for date in dates {
            sqlx::query(
                "INSERT INTO content_dates (course_id, key, field, absolute, relative_seconds)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(course_id)
            .bind(&date.key)
            .bind(&date.field)
            .bind(date.absolute)
            .bind(date.relative_seconds)
            .execute(&mut *transaction)
            .await?;
        }
    });
    Ok(())
}

/// The partitions of a course, by name.
pub async fn partitions(database: &Database, course_id: i64) -> Result<Vec<Partition>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = on!(database, pool => {
        sqlx::query_as("SELECT name, scheme, groups FROM partitions WHERE course_id = $1 ORDER BY name")
            .bind(course_id)
            .fetch_all(pool)
            .await
    })?;
    let partition = |(name, scheme, groups): (String, String, String)| {
        let scheme = serde_json::from_value(Value::String(scheme)).ok()?;
        Some(Partition { name, scheme, groups: parsed(&groups) })
    };
    Ok(rows.into_iter().filter_map(partition).collect())
}

/// Replaces the partitions of a course.
pub async fn replace_partitions(
    database: &Database,
    course_id: i64,
    partitions: &[Partition],
) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query("UPDATE courses SET id = id WHERE id = $1").bind(course_id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM partitions WHERE course_id = $1").bind(course_id).execute(&mut *transaction).await?;
        for partition in partitions {
            let scheme = serde_json::json!(partition.scheme);
            sqlx::query("INSERT INTO partitions (course_id, name, scheme, groups) VALUES ($1, $2, $3, $4)")
                .bind(course_id)
                .bind(&partition.name)
                .bind(scheme.as_str().unwrap_or_default())
                .bind(serde_json::json!(partition.groups).to_string())
                .execute(&mut *transaction)
                .await?;
        }
    });
    Ok(())
}
