//! `/api/v1/course_runs/`: runs of courses, as the learning management system has them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Author;
use crate::course_key;
use crate::error::Error;
use crate::extract::Parameters;
use crate::page::{Page, Paging};
use crate::queries::course_run::{self, CourseRun};
use crate::service::Shared;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    organization: Option<String>,
    /// The key of a course code.
    course_code: Option<String>,
}

/// All runs, with their states.
pub async fn list(
    State(service): State<Shared>,
    _author: Author,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let (organization, number) = (parameters.organization.as_deref(), parameters.course_code.as_deref());
    let count = course_run::count(&service.database, organization, number).await?;
    let runs = course_run::page(&service.database, organization, number, paging.limit(), paging.offset()).await?;
    let now = Utc::now();
    Ok(Json(paging.page(count, runs.iter().map(|run| document(run, now)).collect())?))
}

fn document(run: &CourseRun, now: DateTime<Utc>) -> Value {
    json!({
        "course_key": run.course_key,
        "run_key": course_key::run_of(&run.course_key),
        "organization": run.organization_key,
        "course_code": run.number,
        "name": run.name,
        "start": run.start_date,
        "end": run.end_date,
        "enrollment_start": run.enrollment_start,
        "enrollment_end": run.enrollment_end,
        "run_state": run.dates().state(now),
    })
}
