//! `/api/v1/programs/complete/`: which programs somebody has completed.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::extract::State;
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::Error;
use crate::extract::Body;
use crate::queries::run_mode::{self, Requirement};

/// The courses that somebody has completed.
#[derive(Deserialize)]
pub struct Completed {
    completed_courses: Option<Vec<CompletedCourse>>,
}

#[derive(Deserialize)]
struct CompletedCourse {
    course_id: Option<String>,
    mode: Option<String>,
}

/// The active and retired programs each of whose course codes has a run that was completed in its mode.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Body(completed): Body<Completed>,
) -> Result<Json<Value>, Error> {
    let courses = completed.completed_courses.ok_or_else(|| Error::required("completed_courses"))?;
    let mut done = HashSet::new();
    for (index, course) in courses.into_iter().enumerate() {
        let missing = |name: &str| Error::required(format!("completed_courses[{index}].{name}"));
        let course_id = course.course_id.ok_or_else(|| missing("course_id"))?;
        done.insert((course_id, course.mode.ok_or_else(|| missing("mode"))?));
    }
    let requirements = run_mode::requirements(&database).await?;
    Ok(Json(json!({ "program_ids": completed_programs(requirements, &done) })))
}

fn completed_programs(requirements: Vec<Requirement>, done: &HashSet<(String, String)>) -> Vec<i64> {
    let mut programs: BTreeMap<i64, BTreeMap<i64, bool>> = BTreeMap::new();
    for requirement in requirements {
        let run = requirement.course_key.zip(requirement.mode_slug);
        let course_codes = programs.entry(requirement.program_id).or_default();
        *course_codes.entry(requirement.course_code_id).or_default() |= run.is_some_and(|run| done.contains(&run));
    }
    let complete = |course_codes: &BTreeMap<i64, bool>| course_codes.values().all(|done| *done);
    programs.into_iter().filter(|(_, course_codes)| complete(course_codes)).map(|(id, _)| id).collect()
}
