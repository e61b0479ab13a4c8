//! Migrations: one step of a schema, written for each engine, applied once and recorded in the database.

use std::borrow::Cow;
use std::collections::HashSet;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, MigrationType, Migrator};

use crate::Database;

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Orders the steps; never reused.
    pub version: i64,
    /// A few words for the log.
    pub name: &'static str,
    /// The statements for SQLite.
    pub sqlite: &'static str,
    /// The statements for PostgreSQL.
    pub postgres: &'static str,
}

impl Migration {
    fn sql(&self, database: &Database) -> &'static str {
        match database {
            Database::Sqlite(_) => self.sqlite,
            Database::Postgres(_) => self.postgres,
        }
    }
}

impl Database {
    /// Applies the steps that this database has not seen, in order, and returns them. Run twice, the second does nothing.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<Migration>, MigrateError> {
        let migrator = Migrator::with_migrations(
            migrations
                .iter()
                .map(|migration| {
                    sqlx::migrate::Migration::new(
                        migration.version,
                        Cow::Borrowed(migration.name),
                        MigrationType::Simple,
                        migration.sql(self).into_sql_str(),
                        false,
                    )
                })
                .collect(),
        );
        let before: HashSet<i64> = crate::on!(self, pool => {
            let mut connection = pool.acquire().await?;
            connection.ensure_migrations_table(&migrator.table_name).await?;
            let applied = connection.list_applied_migrations(&migrator.table_name).await?;
            drop(connection);
            migrator.run(pool).await?;
            applied.into_iter().map(|migration| migration.version).collect()
        });
        Ok(migrations.iter().filter(|migration| !before.contains(&migration.version)).copied().collect())
    }
}
