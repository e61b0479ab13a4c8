//! Run modes: the runs and modes of a course code that count for a program.

use either_database::{Database, on, row};

row! {
    /// A course code that a program asks for, with one of the run modes that satisfy it, if it has any.
    #[derive(Debug)]
    pub struct Requirement {
        pub program_id: i64,
        pub course_code_id: i64,
        pub course_key: Option<String>,
        pub mode_slug: Option<String>,
    }
}

/// What the active and retired programs ask for, by program and course code.
pub async fn requirements(database: &Database) -> Result<Vec<Requirement>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT pc.program_id, pc.course_code_id, r.course_key, r.mode_slug
             FROM programs p JOIN program_course_codes pc ON pc.program_id = p.id
             LEFT JOIN run_modes r ON r.program_id = pc.program_id AND r.course_code_id = pc.course_code_id
             WHERE p.status IN ('active', 'retired') ORDER BY pc.program_id, pc.course_code_id",
        )
        .fetch_all(pool)
        .await
    })
}
