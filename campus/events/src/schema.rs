//! The tables, as migrations of the service that uses them.

use either_database::Migration;

/// The tables of a service that publishes, as a step of its schema.
pub const fn outbox_migration(version: i64) -> Migration {
    Migration {
        version,
        name: "outbox of events",
        sqlite: include_str!("../migrations/outbox_sqlite.sql"),
        postgres: include_str!("../migrations/outbox_postgres.sql"),
    }
}

/// The tables of a service that consumes, as a step of its schema.
pub const fn inbox_migration(version: i64) -> Migration {
    Migration {
        version,
        name: "inbox of events",
        sqlite: include_str!("../migrations/inbox_sqlite.sql"),
        postgres: include_str!("../migrations/inbox_postgres.sql"),
    }
}
