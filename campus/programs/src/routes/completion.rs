//! `/api/v1/programs/complete/`: which programs somebody has completed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Caller, Role};
use crate::error::Error;
use crate::extract::Json;
use crate::fields::{self, NAME};
use crate::queries::learner::{self, Earlier};
use crate::queries::revision;
use crate::queries::run_mode::{self, Requirement};
use crate::service::{Service, Shared};

/// At most so many completed courses at a time.
const LONGEST: usize = 10_000;

/// A course and the mode in which somebody completed it.
type Run = (String, String);

/// The active and retired programs each of whose course codes has a run that was completed in its mode; for a program
/// that the learner started with, those of the version of then.
pub async fn show(
    State(service): State<Shared>,
    Caller(person): Caller,
    Json(body): Json,
) -> Result<axum::Json<Value>, Error> {
    let (done, username) = fields::read(&body, |fields| {
        fields.require("completed_courses");
        let runs = fields.list("completed_courses", LONGEST, |fields| {
            fields.require("course_id");
            fields.require("mode");
            fields.text("course_id", NAME).zip(fields.text("mode", NAME))
        });
        let done: HashSet<Run> = runs.unwrap_or_default().into_iter().flatten().collect();
        (done, fields.text("username", NAME))
    })?;
    let username = username.unwrap_or_else(|| person.username.clone());
    if username != person.username && person.role < Role::Administrator {
        return Err(Error::forbidden("Only administrators may ask for somebody else."));
    }
    let requirements = requirements(&service).await?;
    let earlier = learner::earlier(&service.database, &username).await?;
    Ok(axum::Json(json!({ "program_ids": completed(&requirements, &earlier, &done) })))
}

async fn requirements(service: &Service) -> Result<Arc<Vec<Requirement>>, Error> {
    let revision = revision::current(&service.database).await?;
    if let Some(kept) = service.requirements.get("", revision, Instant::now()) {
        return Ok(kept);
    }
    let read = Arc::new(run_mode::requirements(&service.database).await?);
    service.requirements.put(String::new(), revision, Instant::now(), Duration::MAX, 1, Arc::clone(&read));
    Ok(read)
}

fn completed(requirements: &[Requirement], earlier: &[Earlier], done: &HashSet<Run>) -> Vec<i64> {
    let mut programs: BTreeMap<i64, bool> = BTreeMap::new();
    for code in requirements
        .chunk_by(|one, other| (one.program_id, one.course_code_id) == (other.program_id, other.course_code_id))
    {
        let run = |row: &Requirement| row.course_key.clone().zip(row.mode_slug.clone());
        let has_one = code.iter().any(|row| run(row).is_some_and(|run| done.contains(&run)));
        *programs.entry(code[0].program_id).or_insert(true) &= has_one;
    }
    for version in earlier {
        programs.insert(version.program_id, version_is_complete(&version.course_codes, done));
    }
    programs.into_iter().filter_map(|(id, complete)| complete.then_some(id)).collect()
}

#[derive(Deserialize)]
struct CourseCode {
    run_modes: Vec<RunMode>,
}

#[derive(Deserialize)]
struct RunMode {
    course_key: String,
    mode_slug: String,
}

/// A version without courses is as little complete as a program without them.
fn version_is_complete(course_codes: &str, done: &HashSet<Run>) -> bool {
    let codes: Vec<CourseCode> = serde_json::from_str(course_codes).unwrap_or_default();
    let has_one =
        |code: CourseCode| code.run_modes.into_iter().any(|run| done.contains(&(run.course_key, run.mode_slug)));
    !codes.is_empty() && codes.into_iter().all(has_one)
}
