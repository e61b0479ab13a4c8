//! The schema, step by step, for each engine.

use either_database::{Database, Migration, OpenError, Options, on};

macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../migrations/postgres/", $file)),
        }
    };
}

/// All steps in order. One that was released is never changed.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "organizations, course codes and course runs", "0001_catalogue.sql"),
    migration!(2, "programs, banners and run modes", "0002_programs.sql"),
    migration!(3, "users, versions, learners and history", "0003_people.sql"),
    migration!(4, "the revision of what is shown", "0004_revision.sql"),
    events::inbox_migration(5),
];

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses a statement.
    #[error("cannot migrate the database")]
    Apply(#[from] sqlx::migrate::MigrateError),
}

/// Applies what the database has not seen, and returns it; a missing SQLite file is made.
pub async fn migrate(database_url: &str) -> Result<Vec<Migration>, MigrateError> {
    let database = Database::open(database_url, Options { connections: 1, create_file: true })?;
    let applied = database.migrate(MIGRATIONS).await;
    database.close().await;
    Ok(applied?)
}

/// Whether this version of the program can work with the schema of the database: it has all steps, perhaps later ones.
pub async fn is_current(database: &Database) -> Result<bool, sqlx::Error> {
    let newest: Option<i64> = on!(database, pool => {
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(pool).await
    })?;
    Ok(newest >= MIGRATIONS.last().map(|migration| migration.version))
}
