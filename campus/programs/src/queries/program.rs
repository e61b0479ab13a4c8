//! Programs.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

row! {
    /// A program, with its organisation and the banner that it has or gets by default.
    #[derive(Debug)]
    pub struct Program {
        pub id: i64,
        pub uuid: String,
        pub name: String,
        pub subtitle: String,
        pub category: String,
        pub status: String,
        pub marketing_slug: String,
        pub banner_image: Option<String>,
        pub organization_key: Option<String>,
        pub organization_name: Option<String>,
        pub created: DateTime<Utc>,
        pub modified: DateTime<Utc>,
    }
}

/// Which programs are wanted. Deleted ones never are.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those that are not published too.
    pub unpublished: bool,
    /// In this status.
    pub status: Option<String>,
    /// Of this organisation.
    pub organization: Option<String>,
    /// This one.
    pub id: Option<i64>,
}

macro_rules! matching {
    ($columns:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM programs p LEFT JOIN organizations o ON o.id = p.organization_id",
            " WHERE p.status <> 'deleted' AND ($1 OR p.status <> 'unpublished') AND ($2 IS NULL OR p.status = $2)",
            " AND ($3 IS NULL OR o.key = $3) AND ($4 IS NULL OR p.id = $4) ",
            $tail
        )
    };
}

/// How many match.
pub async fn count(database: &Database, filter: &Filter) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(matching!("count(*)", ""))
            .bind(filter.unpublished)
            .bind(&filter.status)
            .bind(&filter.organization)
            .bind(filter.id)
            .fetch_one(pool)
            .await
    })
}

/// A page of those that match, oldest first.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Program>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(matching!(
            "p.id, CAST(p.uuid AS TEXT) AS uuid, p.name, p.subtitle, p.category, p.status, p.marketing_slug,
             COALESCE(p.banner_image, (SELECT banner_image FROM program_defaults)) AS banner_image,
             o.key AS organization_key, o.display_name AS organization_name, p.created, p.modified",
            "ORDER BY p.id LIMIT $5 OFFSET $6"
        ))
        .bind(filter.unpublished)
        .bind(&filter.status)
        .bind(&filter.organization)
        .bind(filter.id)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// The one that matches; the filter names its id.
pub async fn one(database: &Database, filter: &Filter) -> Result<Option<Program>, sqlx::Error> {
    Ok(page(database, filter, 1, 0).await?.pop())
}
