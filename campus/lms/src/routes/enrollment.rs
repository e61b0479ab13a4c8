//! `/api/enrollment/`: enrolments, and what can be enrolled in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};
use toggles::Context;

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::{Body, Parameters};
use crate::filters::{self, Passed};
use crate::page::{Page, Paging};
use crate::queries::course::{self, Course};
use crate::queries::course_mode::{self, CourseMode};
use crate::queries::enrollment::{self, Attribute, Change, Enrollment};
use crate::queries::user;
use crate::rate::Counted;
use crate::service::Service;
use crate::switches;

/// The modes that learners may choose for themselves; the others are given by staff, mostly after a payment.
const FREE_MODES: [&str; 2] = ["audit", "honor"];

/// Whose enrolments are listed.
#[derive(Deserialize)]
pub struct OwnParameters {
    user: Option<String>,
}

/// Which enrolments are listed.
#[derive(Deserialize)]
pub struct ListParameters {
    course_id: Option<String>,
    username: Option<String>,
}

/// Whether expired modes are shown.
#[derive(Deserialize)]
pub struct CourseParameters {
    include_expired: Option<u8>,
}

/// An enrolment as it is wanted.
#[derive(Deserialize)]
pub struct Wanted {
    user: Option<String>,
    mode: Option<String>,
    is_active: Option<bool>,
    course_details: Option<WantedCourse>,
    #[serde(default)]
    enrollment_attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct WantedCourse {
    course_id: Option<String>,
}

/// The active enrolments of one user: the caller's own, or any for staff.
pub async fn list_own(
    State(database): State<Database>,
    caller: Caller,
    Parameters(parameters): Parameters<OwnParameters>,
) -> Result<Json<Vec<Value>>, Error> {
    let username = parameters.user.as_ref().unwrap_or(&caller.0.username);
    if !caller.may_act_for(username) {
        return Err(Error::not_found());
    }
    let mut items = Vec::new();
    for enrollment in enrollment::active_of_user(&database, username).await? {
        items.push(item(&database, &enrollment).await?);
    }
    Ok(Json(items))
}

/// One enrolment, or null; another's is not found, except for staff.
pub async fn show(
    State(database): State<Database>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Option<Value>>, Error> {
    let (username, course_id) = path.split_once(',').unwrap_or((caller.0.username.as_str(), path.as_str()));
    if !caller.may_act_for(username) {
        return Err(Error::not_found());
    }
    let course = course_for_enrollment(&database, course_id).await?;
    Ok(Json(match enrollment::find(&database, username, &course.course_key).await? {
        Some(enrollment) => Some(item(&database, &enrollment).await?),
        None => None,
    }))
}

/// All enrolments, for staff.
pub async fn list(
    State(database): State<Database>,
    _staff: Staff,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Enrollment>>, Error> {
    let (course_key, username) = (parameters.course_id.as_deref(), parameters.username.as_deref());
    if course_key.is_some_and(|key| CourseKey::parse(key).is_none()) {
        return Err(Error::invalid("course_id", "Invalid course key."));
    }
    let count = enrollment::count(&database, course_key, username).await?;
    let enrollments = enrollment::page(&database, course_key, username, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, enrollments)?))
}

/// What one can enrol in, for everybody.
pub async fn show_course(
    State(database): State<Database>,
    _anybody: Option<Caller>,
    Path(path): Path<String>,
    Parameters(parameters): Parameters<CourseParameters>,
) -> Result<Json<Value>, Error> {
    let course = course_for_enrollment(&database, path.trim_end_matches('/')).await?;
    let include_expired = parameters.include_expired.is_some_and(|flag| flag != 0);
    Ok(Json(details(&database, &course, include_expired).await?))
}

/// Enrols, changes an enrolment, or ends it.
pub async fn save(
    State(service): State<Service>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, Error> {
    service.0.limiter.count(Counted::Enroll(caller.0.id), caller.0.is_staff).map_err(Error::TooMany)?;
    let database = service.0.database.clone();
    let course_id = wanted.course_details.and_then(|details| details.course_id);
    let course_id = course_id.ok_or_else(|| Error::required("course_details.course_id"))?;
    let username = wanted.user.unwrap_or_else(|| caller.0.username.clone());
    if !caller.may_act_for(&username) {
        return Err(Error::not_found());
    }
    let is_staff = caller.0.is_staff;
    if let Some(mode) = wanted.mode.as_deref().filter(|mode| !is_staff && !FREE_MODES.contains(mode)) {
        return Err(Error::forbidden(format!("Only staff may enroll somebody in the mode '{mode}'.")));
    }
    if !is_staff && !wanted.enrollment_attributes.is_empty() {
        return Err(Error::forbidden("Only staff may set attributes of an enrollment."));
    }
    let course = course_for_enrollment(&database, &course_id).await?;
    let user = user::by_username(&database, &username)
        .await?
        .ok_or_else(|| Error::refused(StatusCode::NOT_ACCEPTABLE, format!("There is no user '{username}'.")))?;

    let existing = enrollment::find(&database, &username, &course.course_key).await?;
    let now = Utc::now();
    let is_active = wanted.is_active.unwrap_or(true);
    if existing.is_none() && !is_staff && !is_open(&course, now) {
        return Err(Error::bad_request(format!("The course '{}' is closed for enrollment.", course.course_key)));
    }
    if existing.is_none() && !is_staff && !may_enroll_themselves(&service, &username, &course).await? {
        return Err(Error::forbidden("Learners cannot enroll themselves here."));
    }
    let mode = match (wanted.mode, &existing) {
        // A learner's wish counts at the beginning; afterwards it could lose what was paid for.
        (wanted, Some(existing)) if wanted.is_none() || !is_staff => existing.mode.clone(),
        (wanted, _) => {
            // Who leaves may leave from a mode that nobody can join any more.
            let available = modes(&database, &course, !is_active).await?;
            available_mode(wanted, &available, &course.course_key)?
        }
    };
    let filter = if is_active { filters::ENROLLMENT } else { filters::UNENROLLMENT };
    let data = json!({ "username": username, "email": user.email, "course_id": course.course_key, "mode": mode });
    let mode = match service.0.filters.run(filter, data)? {
        Passed::On(data) => data["mode"].as_str().map_or(mode, str::to_owned),
        Passed::Answer(answer) => return Ok(Json(answer)),
    };
    let change =
        Change { user: &user, course: &course, mode: &mode, is_active, attributes: &wanted.enrollment_attributes };
    enrollment::save(&database, &change).await?;
    let saved = enrollment::find(&database, &username, &course.course_key).await?.ok_or_else(Error::not_found)?;
    Ok(Json(item(&database, &saved).await?))
}

async fn may_enroll_themselves(service: &Service, username: &str, course: &Course) -> Result<bool, Error> {
    let context = Context {
        user: Some(username.to_owned()),
        course: Some(course.course_key.clone()),
        organization: Some(course.org.clone()),
        ..Context::default()
    };
    Ok(service.0.toggles.snapshot().await?.is_on(&switches::SELF_ENROLLMENT, &context))
}

fn is_open(course: &Course, now: DateTime<Utc>) -> bool {
    !course.invitation_only
        && course.enrollment_start.is_none_or(|start| start <= now)
        && course.enrollment_end.is_none_or(|end| now < end)
}

/// The wanted mode, or else the default one, or honor where that one is not offered; an error if it is not available.
fn available_mode(wanted: Option<String>, available: &[CourseMode], course_key: &str) -> Result<String, Error> {
    let offered = |slug: &str| available.iter().any(|mode| mode.slug == slug);
    let free = || FREE_MODES.into_iter().find(|slug| offered(slug)).unwrap_or(CourseMode::DEFAULT_SLUG).to_owned();
    let mode = wanted.unwrap_or_else(free);
    if offered(&mode) {
        return Ok(mode);
    }
    Err(Error::bad_request(format!(
        "The [{mode}] course mode is expired or otherwise unavailable for course run [{course_key}]."
    )))
}

async fn course_for_enrollment(database: &Database, course_id: &str) -> Result<Course, Error> {
    let found = match CourseKey::parse(course_id) {
        Some(key) => course::by_key(database, key.as_str()).await?,
        None => None,
    };
    found.ok_or_else(|| Error::bad_request(format!("No course '{course_id}' found for enrollment")))
}

async fn modes(database: &Database, course: &Course, include_expired: bool) -> Result<Vec<CourseMode>, Error> {
    let mut modes = course_mode::of_course(database, course.id).await?;
    if modes.is_empty() {
        modes.push(CourseMode::default_mode());
    }
    let now = Utc::now();
    modes.retain(|mode| include_expired || !mode.is_expired(now));
    Ok(modes)
}

async fn item(database: &Database, enrollment: &Enrollment) -> Result<Value, Error> {
    let course = course_for_enrollment(database, &enrollment.course_key).await?;
    Ok(json!({
        "created": enrollment.created,
        "mode": enrollment.mode,
        "is_active": enrollment.is_active,
        "user": enrollment.username,
        "course_details": details(database, &course, false).await?,
    }))
}

async fn details(database: &Database, course: &Course, include_expired: bool) -> Result<Value, Error> {
    let modes = modes(database, course, include_expired).await?;
    let modes: Vec<Value> = modes
        .iter()
        .map(|mode| {
            json!({
                "slug": mode.slug,
                "name": mode.display_name,
                "min_price": mode.min_price,
                "suggested_prices": mode.suggested_prices,
                "currency": mode.currency,
                "expiration_datetime": mode.expiration_datetime,
                "description": mode.description,
                "sku": mode.sku,
                "bulk_sku": mode.bulk_sku,
            })
        })
        .collect();
    Ok(json!({
        "course_id": course.course_key,
        "course_name": course.name,
        "enrollment_start": course.enrollment_start,
        "enrollment_end": course.enrollment_end,
        "course_start": course.start_date,
        "course_end": course.end_date,
        "invite_only": course.invitation_only,
        "course_modes": modes,
        "pacing_type": if course.self_paced { "Self Paced" } else { "Instructor Paced" },
    }))
}
