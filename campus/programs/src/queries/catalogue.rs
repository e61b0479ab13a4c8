//! The copies of organisations, courses and runs, read and written all at once.

use std::collections::HashMap;

use chrono::Utc;
use either_database::{Database, on, row, transaction};
use sqlx::QueryBuilder;

use super::{course_run, organization};
use crate::catalogue::{Changes, Copies};

/// So many rows go into one statement: the engines take 32,766 parameters and more.
const ROWS: usize = 1000;

row! {
    struct Code {
        organization: String,
        key: String,
    }
}

row! {
    struct Numbered {
        id: i64,
        key: String,
    }
}

/// What is here.
pub async fn copies(database: &Database) -> Result<Copies, sqlx::Error> {
    let codes: Vec<Code> = on!(database, pool => {
        sqlx::query_as(
            "SELECT o.key AS organization, c.key FROM course_codes c JOIN organizations o ON o.id = c.organization_id",
        )
        .fetch_all(pool)
        .await
    })?;
    let organizations = organization::all(database).await?;
    let runs = course_run::all(database).await?;
    Ok(Copies {
        organizations: organizations.into_iter().map(|one| (one.key, one.display_name)).collect(),
        course_codes: codes.into_iter().map(|code| (code.organization, code.key)).collect(),
        runs: runs.into_iter().map(|run| (run.course_key.clone(), run)).collect(),
    })
}

/// What is here of one run, and of what it needs: its organisation and its course code, if they are given.
pub async fn copies_of(
    database: &Database,
    course_key: &str,
    needs: Option<(&str, &str)>,
) -> Result<Copies, sqlx::Error> {
    let run = course_run::find(database, course_key).await?;
    let (organization, number) = needs.unzip();
    let organizations: Vec<organization::Organization> = on!(database, pool => {
        sqlx::query_as("SELECT key, display_name FROM organizations WHERE key = $1")
            .bind(organization)
            .fetch_all(pool)
            .await
    })?;
    let codes: Vec<Code> = on!(database, pool => {
        sqlx::query_as(
            "SELECT o.key AS organization, c.key FROM course_codes c JOIN organizations o ON o.id = c.organization_id
             WHERE o.key = $1 AND c.key = $2",
        )
        .bind(organization)
        .bind(number)
        .fetch_all(pool)
        .await
    })?;
    Ok(Copies {
        organizations: organizations.into_iter().map(|one| (one.key, one.display_name)).collect(),
        course_codes: codes.into_iter().map(|code| (code.organization, code.key)).collect(),
        runs: run.into_iter().map(|run| (run.course_key.clone(), run)).collect(),
    })
}

/// Writes the changes: all of them, or none.
pub async fn write(database: &Database, changes: &Changes) -> Result<(), sqlx::Error> {
    let now = Utc::now();
    transaction!(database, transaction => {
        sqlx::query("UPDATE catalogue_revision SET number = number + 1").execute(&mut *transaction).await?;
        let organizations: Vec<_> =
            changes.new_organizations.iter().chain(&changes.renamed_organizations).collect();
        for chunk in organizations.chunks(ROWS) {
            let mut query = QueryBuilder::new("INSERT INTO organizations (key, display_name, created, modified) ");
            query.push_values(chunk, |mut row, organization| {
                row.push_bind(&organization.key).push_bind(&organization.display_name).push_bind(now).push_bind(now);
            });
            query.push(
                " ON CONFLICT (key) DO UPDATE SET display_name = excluded.display_name, modified = excluded.modified",
            );
            query.build().execute(&mut *transaction).await?;
        }

        let numbered: Vec<Numbered> =
            sqlx::query_as("SELECT id, key FROM organizations").fetch_all(&mut *transaction).await?;
        let ids: HashMap<String, i64> = numbered.into_iter().map(|one| (one.key, one.id)).collect();
        for chunk in changes.new_course_codes.chunks(ROWS) {
            let mut query = QueryBuilder::new("INSERT INTO course_codes (organization_id, key, display_name) ");
            query.push_values(chunk, |mut row, code| {
                row.push_bind(ids.get(&code.organization)).push_bind(&code.key).push_bind(&code.display_name);
            });
            query.push(" ON CONFLICT (organization_id, key) DO NOTHING");
            query.build().execute(&mut *transaction).await?;
        }

        let runs: Vec<_> = changes.new_runs.iter().chain(&changes.changed_runs).collect();
        for chunk in runs.chunks(ROWS) {
            let mut query = QueryBuilder::new(
                "INSERT INTO course_runs (course_key, organization_id, number, name, start_date, end_date,
                     enrollment_start, enrollment_end, withdrawn, modified) ",
            );
            query.push_values(chunk, |mut row, run| {
                row.push_bind(&run.course_key)
                    .push_bind(ids.get(&run.organization_key))
                    .push_bind(&run.number)
                    .push_bind(&run.name)
                    .push_bind(run.start_date)
                    .push_bind(run.end_date)
                    .push_bind(run.enrollment_start)
                    .push_bind(run.enrollment_end)
                    .push_bind(run.withdrawn)
                    .push_bind(now);
            });
            query.push(
                " ON CONFLICT (course_key) DO UPDATE SET organization_id = excluded.organization_id,
                 number = excluded.number, name = excluded.name, start_date = excluded.start_date,
                 end_date = excluded.end_date, enrollment_start = excluded.enrollment_start,
                 enrollment_end = excluded.enrollment_end, withdrawn = excluded.withdrawn, modified = excluded.modified",
            );
            query.build().execute(&mut *transaction).await?;
        }
        for chunk in changes.withdrawn_runs.chunks(ROWS) {
            let mut query = QueryBuilder::new("UPDATE course_runs SET withdrawn = TRUE, modified = ");
            query.push_bind(now);
            query.push(" WHERE course_key IN (");
            let mut keys = query.separated(", ");
            for key in chunk {
                keys.push_bind(key);
            }
            query.push(")");
            query.build().execute(&mut *transaction).await?;
        }
    });
    Ok(())
}
