//! `/api/course_modes/`: the modes of a course, or one of them.

use axum::Json;
use axum::extract::{Path, State};
use either_database::Database;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::queries::course;
use crate::queries::course_mode::{self, CourseMode};

/// A list for `{course}/`, one mode for `{course}/{mode}`.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let (key, slug) = CourseKey::split_path(&path).ok_or_else(Error::not_found)?;
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    let modes = course_mode::of_course(&database, course.id).await?;
    if slug.is_empty() {
        return Ok(Json(modes.iter().map(|mode| item(&key, mode)).collect()));
    }
    let mode = modes.iter().find(|mode| mode.slug == slug).ok_or_else(Error::not_found)?;
    Ok(Json(item(&key, mode)))
}

fn item(key: &CourseKey, mode: &CourseMode) -> Value {
    json!({
        "course_id": key.as_str(),
        "mode_slug": mode.slug,
        "mode_display_name": mode.display_name,
        "currency": mode.currency,
        "min_price": mode.min_price,
        "expiration_datetime": mode.expiration_datetime,
        "description": mode.description,
        "sku": mode.sku,
        "bulk_sku": mode.bulk_sku,
    })
}
