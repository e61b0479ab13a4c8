//! `/api/commerce/`: the modes of a course as the commerce service sees and publishes them.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::Body;
use crate::queries::course::{self, Course};
use crate::queries::course_mode::{self, CourseMode, display_name};
use crate::routes::course_mode::{check_currency, check_price, is_slug};

/// What is published: the modes are all that the course will have.
#[derive(Deserialize)]
pub struct Publication {
    verification_deadline: Option<DateTime<Utc>>,
    modes: Option<Vec<PublishedMode>>,
}

#[derive(Deserialize)]
struct PublishedMode {
    name: Option<String>,
    currency: Option<String>,
    price: Option<i64>,
    sku: Option<String>,
    bulk_sku: Option<String>,
    expires: Option<DateTime<Utc>>,
}

/// One course with its modes.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let key = key(&path).ok_or_else(Error::not_found)?;
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    Ok(Json(item(&database, &course).await?))
}

/// Replaces the modes of a course.
pub async fn replace(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
    Body(publication): Body<Publication>,
) -> Result<Json<Value>, Error> {
    let absent = || Error::bad_request(format!("Course {} does not exist.", path.trim_end_matches('/')));
    let key = key(&path).ok_or_else(absent)?;
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(absent)?;

    let modes = checked(publication.modes.ok_or_else(|| Error::required("modes"))?)?;
    let deadline = publication.verification_deadline;
    if deadline.is_some_and(|deadline| modes.iter().any(|mode| mode.expiration_datetime > Some(deadline))) {
        let reason = "Verification deadline must be after the course mode upgrade deadlines.";
        return Err(Error::invalid("verification_deadline", reason));
    }
    let course = Course { verification_deadline: deadline, ..course };
    course_mode::replace(&database, &course, &modes, deadline).await?;
    Ok(Json(item(&database, &course).await?))
}

fn key(path: &str) -> Option<CourseKey> {
    CourseKey::split_path(path).filter(|(_, rest)| rest.is_empty()).map(|(key, _)| key)
}

fn checked(published: Vec<PublishedMode>) -> Result<Vec<CourseMode>, Error> {
    let mut modes: Vec<CourseMode> = Vec::with_capacity(published.len());
    for (index, mode) in published.into_iter().enumerate() {
        let field = |name: &str| format!("modes[{index}].{name}");
        let slug = mode.name.filter(|name| !name.is_empty()).ok_or_else(|| Error::required(field("name")))?;
        let min_price = mode.price.ok_or_else(|| Error::required(field("price")))?;
        check_price(min_price).map_err(|reason| Error::invalid(field("price"), reason))?;
        let currency = mode.currency.as_deref().unwrap_or("usd");
        let currency = check_currency(currency).map_err(|reason| Error::invalid(field("currency"), reason))?;
        if !is_slug(&slug) {
            let reason = "A mode is a word of letters, digits, hyphens and underscores.";
            return Err(Error::invalid(field("name"), reason));
        }
        if modes.iter().any(|other| other.slug == slug) {
            return Err(Error::invalid(field("name"), format!("The mode '{slug}' is given twice.")));
        }
        modes.push(CourseMode {
            display_name: display_name(&slug),
            slug,
            min_price,
            currency,
            expiration_datetime: mode.expires,
            sku: mode.sku,
            bulk_sku: mode.bulk_sku,
            ..CourseMode::default_mode()
        });
    }
    Ok(modes)
}

async fn item(database: &Database, course: &Course) -> Result<Value, Error> {
    let modes = course_mode::of_course(database, course.id).await?;
    let modes: Vec<Value> = modes
        .iter()
        .map(|mode| {
            json!({
                "name": mode.slug,
                "currency": mode.currency,
                "price": mode.min_price,
                "sku": mode.sku,
                "bulk_sku": mode.bulk_sku,
                "expires": mode.expiration_datetime,
            })
        })
        .collect();
    Ok(json!({
        "id": course.course_key,
        "name": course.name,
        "verification_deadline": course.verification_deadline,
        "modes": modes,
    }))
}
