//! `/api/courses/`: the catalogue.

use axum::Json;
use axum::extract::State;
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::Error;
use crate::extract::Parameters;
use crate::page::{BaseUrl, Paging};
use crate::queries::course::{self, Course, Filter};

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    org: Option<String>,
    search_term: Option<String>,
}

/// The courses; hidden ones for staff only.
pub async fn list(
    State(database): State<Database>,
    caller: Option<Caller>,
    Parameters(parameters): Parameters<ListParameters>,
    BaseUrl(base): BaseUrl,
    paging: Paging,
) -> Result<Json<Value>, Error> {
    let filter = Filter {
        hidden: caller.is_some_and(|caller| caller.0.is_staff),
        org: parameters.org,
        search_term: parameters.search_term,
    };
    let position = paging.position(course::count(&database, &filter).await?)?;
    let courses = course::page(&database, &filter, paging.limit(), paging.offset()).await?;
    let results: Vec<Value> = courses.iter().map(|course| item(course, &base)).collect();
    Ok(Json(json!({ "results": results, "pagination": position })))
}

fn item(course: &Course, base: &str) -> Value {
    json!({
        "id": course.course_key,
        "name": course.name,
        "number": course.number,
        "org": course.org,
        "short_description": course.short_description,
        "start": course.start_date,
        "start_display": course.start_date.map(|start| start.format("%B %-d, %Y").to_string()),
        "start_type": if course.start_date.is_some() { "timestamp" } else { "empty" },
        "end": course.end_date,
        "enrollment_start": course.enrollment_start,
        "enrollment_end": course.enrollment_end,
        "pacing": if course.self_paced { "self" } else { "instructor" },
        "hidden": course.hidden,
        "invitation_only": course.invitation_only,
        "mobile_available": course.mobile_available,
        "effort": course.effort,
        "media": { "course_image": { "uri": course.image } },
        // In the query of a URL a plus sign would mean a space.
        "blocks_url": format!("{base}/api/courses/v1/blocks/?course_id={}", course.course_key.replace('+', "%2B")),
    })
}
