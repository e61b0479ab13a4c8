//! Programs.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

use crate::slug::Reference;

row! {
    /// A program, with its organisation and the banner that it has or gets by default.
    #[derive(Debug)]
    pub struct Program {
        /// How many there are in the list that this one was found in.
        pub total: i64,
        pub id: i64,
        pub uuid: String,
        pub slug: String,
        pub name: String,
        pub subtitle: String,
        pub category: String,
        pub status: String,
        pub marketing_slug: String,
        pub site: String,
        pub banner_image: Option<String>,
        pub organization_key: Option<String>,
        pub organization_name: Option<String>,
        pub author: String,
        pub version: i32,
        pub version_author: String,
        pub version_created: DateTime<Utc>,
        pub created: DateTime<Utc>,
        pub modified: DateTime<Utc>,
    }
}

row! {
    /// A course code of a program with one of its run modes, if it has any, and what is known of that run.
    #[derive(Debug)]
    pub struct CourseRow {
        pub program_id: i64,
        pub position: i32,
        pub key: String,
        pub display_name: String,
        pub organization_key: String,
        pub organization_name: String,
        pub course_key: Option<String>,
        pub mode_slug: Option<String>,
        pub sku: Option<String>,
        pub start_date: Option<DateTime<Utc>>,
        pub lms_url: Option<String>,
        pub run_known: bool,
        pub run_start: Option<DateTime<Utc>>,
        pub run_end: Option<DateTime<Utc>>,
        pub run_enrollment_start: Option<DateTime<Utc>>,
        pub run_enrollment_end: Option<DateTime<Utc>>,
        pub run_withdrawn: bool,
    }
}

/// Which programs are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those that are deleted, and no others.
    pub deleted: bool,
    /// Those that are not published too.
    pub unpublished: bool,
    /// In this status.
    pub status: Option<String>,
    /// Of this organisation.
    pub organization: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// This one.
    pub reference: Option<Reference>,
}

impl Filter {
    fn id(&self) -> Option<i64> {
        match &self.reference {
            Some(Reference::Id(id)) => Some(*id),
            _ => None,
        }
    }

    fn slug(&self) -> Option<&str> {
        match &self.reference {
            Some(Reference::Slug(slug)) => Some(slug),
            _ => None,
        }
    }

    fn uuid(&self) -> Option<&str> {
        match &self.reference {
            Some(Reference::Uuid(uuid)) => Some(uuid),
            _ => None,
        }
    }
}

macro_rules! columns {
    () => {
        "p.id, CAST(p.uuid AS TEXT) AS uuid, p.slug, p.name, p.subtitle, p.category, p.status, p.marketing_slug, p.site,
         COALESCE(p.banner_image, (SELECT banner_image FROM program_defaults)) AS banner_image,
         o.key AS organization_key, o.display_name AS organization_name,
         p.author, p.version, p.version_author, p.version_created, p.created, p.modified"
    };
}

macro_rules! matching {
    ($columns:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM programs p LEFT JOIN organizations o ON o.id = p.organization_id",
            " WHERE (p.status = 'deleted') = $1 AND ($2 OR p.status <> 'unpublished')",
            " AND ($3 IS NULL OR p.status = $3) AND ($4 IS NULL OR o.key = $4) AND ($5 IS NULL OR p.site = $5)",
            " AND ($6 IS NULL OR p.id = $6) AND ($7 IS NULL OR p.slug = $7)",
            " AND ($8 IS NULL OR CAST(p.uuid AS TEXT) = $8) ORDER BY p.id LIMIT $9 OFFSET $10"
        )
    };
}

/// What is asked of the courses of programs; `$of` says which programs.
macro_rules! course_rows {
    ($of:expr) => {
        concat!(
            "SELECT pc.program_id, pc.position, c.key, c.display_name,
                co.key AS organization_key, co.display_name AS organization_name,
                r.course_key, r.mode_slug, r.sku, r.start_date, r.lms_url,
                cr.id IS NOT NULL AS run_known, cr.start_date AS run_start, cr.end_date AS run_end,
                cr.enrollment_start AS run_enrollment_start, cr.enrollment_end AS run_enrollment_end,
                COALESCE(cr.withdrawn, FALSE) AS run_withdrawn
             FROM program_course_codes pc
             JOIN course_codes c ON c.id = pc.course_code_id
             JOIN organizations co ON co.id = c.organization_id
             LEFT JOIN run_modes r ON r.program_id = pc.program_id AND r.course_code_id = pc.course_code_id
             LEFT JOIN course_runs cr ON cr.course_key = r.course_key
             WHERE pc.program_id ",
            $of,
            " ORDER BY pc.program_id, pc.position"
        )
    };
}
pub(super) use {columns, course_rows};

/// A page of those that match, oldest first.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Program>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(matching!(concat!("count(*) OVER () AS total, ", columns!())))
            .bind(filter.deleted)
            .bind(filter.unpublished)
            .bind(&filter.status)
            .bind(&filter.organization)
            .bind(&filter.site)
            .bind(filter.id())
            .bind(filter.slug())
            .bind(filter.uuid())
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The course codes and run modes of the same page, in the order of the programs and of their positions.
pub async fn courses(
    database: &Database,
    filter: &Filter,
    limit: i64,
    offset: i64,
) -> Result<Vec<CourseRow>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(course_rows!(concat!("IN (", matching!("p.id"), ")")))
            .bind(filter.deleted)
            .bind(filter.unpublished)
            .bind(&filter.status)
            .bind(&filter.organization)
            .bind(&filter.site)
            .bind(filter.id())
            .bind(filter.slug())
            .bind(filter.uuid())
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}
