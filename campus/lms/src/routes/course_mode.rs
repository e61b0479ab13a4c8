//! `/api/course_modes/`: the modes of a course, or one of them.

use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use either_database::Database;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::Body;
use crate::patch::Patch;
use crate::queries::course::{self, Course};
use crate::queries::course_mode::{self, CourseMode, display_name};

const LONGEST: usize = 255;
/// What can be done with the list of modes, and with one of them: both have one route.
const OF_LIST: &str = "GET, POST";
const OF_ONE: &str = "GET, PATCH, DELETE";

/// What can be changed of a mode: all but the course and the word for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    mode_display_name: String,
    currency: String,
    min_price: i64,
    expiration_datetime: Option<DateTime<Utc>>,
    description: Option<String>,
    sku: Option<String>,
    bulk_sku: Option<String>,
}

impl Terms {
    fn of(mode: &CourseMode) -> Self {
        let mode = mode.clone();
        Self {
            mode_display_name: mode.display_name,
            currency: mode.currency,
            min_price: mode.min_price,
            expiration_datetime: mode.expiration_datetime,
            description: mode.description,
            sku: mode.sku,
            bulk_sku: mode.bulk_sku,
        }
    }

    fn put_into(self, mode: CourseMode) -> Result<CourseMode, Error> {
        if self.mode_display_name.is_empty() || self.mode_display_name.chars().count() > LONGEST {
            return Err(Error::invalid("mode_display_name", format!("A name has 1 to {LONGEST} characters.")));
        }
        check_price(self.min_price).map_err(|reason| Error::invalid("min_price", reason))?;
        let currency = check_currency(&self.currency).map_err(|reason| Error::invalid("currency", reason))?;
        Ok(CourseMode {
            display_name: self.mode_display_name,
            currency,
            min_price: self.min_price,
            expiration_datetime: self.expiration_datetime,
            description: self.description,
            sku: self.sku,
            bulk_sku: self.bulk_sku,
            ..mode
        })
    }
}

/// Whether a price can be one.
pub fn check_price(price: i64) -> Result<(), &'static str> {
    if price < 0 { Err("A price cannot be negative.") } else { Ok(()) }
}

/// A currency as it is kept: three small letters.
pub fn check_currency(currency: &str) -> Result<String, &'static str> {
    let is_currency = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_currency { Ok(currency.to_lowercase()) } else { Err("A currency is three letters, as in ISO 4217.") }
}

/// Whether a mode may be called so.
pub fn is_slug(slug: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !slug.is_empty() && slug.len() <= 100 && slug.chars().all(good)
}

/// A list for `{course}/`, one mode for `{course}/{mode}`.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let (key, course, slug) = found(&database, &path).await?;
    let modes = course_mode::of_course(&database, course.id).await?;
    if slug.is_empty() {
        return Ok(Json(modes.iter().map(|mode| item(&key, mode)).collect()));
    }
    let mode = modes.iter().find(|mode| mode.slug == slug).ok_or_else(Error::not_found)?;
    Ok(Json(item(&key, mode)))
}

/// A new mode of a course: `mode_slug`, and the rest as it can be changed later.
pub async fn create(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Error> {
    if is_mode(&path) {
        return Err(Error::NotAllowed(OF_ONE));
    }
    let Body(new) = Body::<Map<String, Value>>::from_request(request, &()).await?;
    let (key, course, _) = found(&database, &path).await?;
    let slug =
        new.get("mode_slug").ok_or_else(|| Error::required("mode_slug"))?.as_str().unwrap_or_default().to_owned();
    if !is_slug(&slug) {
        return Err(Error::invalid("mode_slug", "A mode is a word of letters, digits, hyphens and underscores."));
    }
    if new.get("course_id").is_some_and(|course| course != key.as_str()) {
        return Err(Error::invalid("course_id", "This is not the course of the address."));
    }
    let mut terms = new;
    terms.retain(|name, _| name != "mode_slug" && name != "course_id");
    let plain = CourseMode { display_name: display_name(&slug), slug, ..CourseMode::default_mode() };
    let mode = Patch::of(terms).applied_to(&Terms::of(&plain))?.put_into(plain)?;
    if course_mode::of_course(&database, course.id).await?.iter().any(|other| other.slug == mode.slug) {
        return Err(Error::conflict("mode_slug", format!("The course has the mode '{}' already.", mode.slug)));
    }
    course_mode::save(&database, &course, &mode).await?;
    Ok((StatusCode::CREATED, Json(item(&key, &mode))))
}

/// Changes a mode.
pub async fn change(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
    request: Request,
) -> Result<Json<Value>, Error> {
    if !is_mode(&path) {
        return Err(Error::NotAllowed(OF_LIST));
    }
    let patch = Patch::from_request(request, &()).await?;
    let (key, course, slug) = found(&database, &path).await?;
    let modes = course_mode::of_course(&database, course.id).await?;
    let mode = modes.into_iter().find(|mode| mode.slug == slug).ok_or_else(Error::not_found)?;
    let mode = patch.applied_to(&Terms::of(&mode))?.put_into(mode)?;
    course_mode::save(&database, &course, &mode).await?;
    Ok(Json(item(&key, &mode)))
}

/// Takes a mode away. Who is enrolled in it stays so.
pub async fn remove(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
) -> Result<StatusCode, Error> {
    if !is_mode(&path) {
        return Err(Error::NotAllowed(OF_LIST));
    }
    let (_, course, slug) = found(&database, &path).await?;
    let was_there = course_mode::remove(&database, &course, &slug).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::not_found()) }
}

/// Says what can be done here.
pub async fn methods(Path(path): Path<String>) -> Error {
    Error::NotAllowed(if is_mode(&path) { OF_ONE } else { OF_LIST })
}

/// Whether the address is that of one mode. What is not even a key of a course may be either.
fn is_mode(path: &str) -> bool {
    CourseKey::split_path(path).map_or(path.trim_matches('/').contains('/'), |(_, rest)| !rest.is_empty())
}

async fn found(database: &Database, path: &str) -> Result<(CourseKey, Course, String), Error> {
    let (key, slug) = CourseKey::split_path(path).ok_or_else(Error::not_found)?;
    let course = course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    Ok((key, course, slug.to_owned()))
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
