//! `/api/v2/courses/`: courses with their seats, and their publication.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::Body;
use crate::lms::Lms;
use crate::page::{Page, Paging};
use crate::publication;
use crate::queries::course::{self, Change, Course};
use crate::queries::partner;
use crate::queries::seat::{self, Seat};
use crate::sku::sku;

/// The ways to take part that can be sold.
const SEAT_TYPES: [&str; 7] = ["audit", "honor", "verified", "professional", "no-id-professional", "credit", "masters"];

/// A course as it is wanted.
#[derive(Deserialize)]
pub struct Wanted {
    id: Option<String>,
    name: Option<String>,
    partner: Option<String>,
    site: Option<String>,
    verification_deadline: Option<DateTime<Utc>>,
    #[serde(default)]
    seats: Vec<WantedSeat>,
}

#[derive(Deserialize)]
struct WantedSeat {
    #[serde(rename = "type")]
    seat_type: Option<String>,
    price: Option<i64>,
    currency: Option<String>,
    expires: Option<DateTime<Utc>>,
}

/// All courses.
pub async fn list(
    State(database): State<Database>,
    _caller: Caller,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let count = course::count(&database).await?;
    let mut items = Vec::new();
    for course in course::page(&database, paging.limit(), paging.offset()).await? {
        items.push(item(&database, &course).await?);
    }
    Ok(Json(paging.page(count, items)?))
}

/// One course for `{course}/`, its seats for `{course}/seats`.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let (key, rest) = CourseKey::split_path(&path).ok_or_else(Error::not_found)?;
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    match rest {
        "" => Ok(Json(item(&database, &course).await?)),
        "seats" => Ok(Json(json!(seat::of_course(&database, course.id).await?))),
        _ => Err(Error::not_found()),
    }
}

/// Makes a course.
pub async fn create(
    State(database): State<Database>,
    _staff: Staff,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let id = wanted.id.as_deref().ok_or_else(|| Error::required("id"))?;
    let key = CourseKey::parse(id).ok_or_else(|| Error::invalid("id", "Invalid course key."))?;
    if course::by_key(&database, key.as_str()).await?.is_some() {
        return Err(Error::invalid("id", format!("There is a course '{}' already.", key.as_str())));
    }
    Ok((StatusCode::CREATED, Json(save(&database, &key, &wanted).await?)))
}

/// Replaces a course and its seats.
pub async fn replace(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, Error> {
    let (key, "") = CourseKey::split_path(&path).ok_or_else(Error::not_found)? else { return Err(Error::not_found()) };
    if wanted.id.as_deref().is_some_and(|id| id != key.as_str()) {
        return Err(Error::invalid("id", "The key of a course cannot be changed."));
    }
    course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    Ok(Json(save(&database, &key, &wanted).await?))
}

/// Publishes the seats of a course as its modes; 502 if the learning management system does not take them.
pub async fn publish(
    State(database): State<Database>,
    State(lms): State<Lms>,
    _staff: Staff,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let (key, rest) = CourseKey::split_path(&path).ok_or_else(Error::not_found)?;
    if rest != "publish" {
        return Err(Error::not_found());
    }
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    let seats = seat::of_course(&database, course.id).await?;
    match publication::send(&lms, course, seats).await {
        Ok(modes) => Ok(Json(json!({ "id": key.as_str(), "modes": modes }))),
        Err(error) => Err(Error::refused(StatusCode::BAD_GATEWAY, format!("The course is not published: {error}."))),
    }
}

async fn save(database: &Database, key: &CourseKey, wanted: &Wanted) -> Result<Value, Error> {
    let name = wanted.name.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| Error::required("name"))?;
    let partner_id = match &wanted.partner {
        None => None,
        Some(code) => {
            let absent = || Error::invalid("partner", format!("There is no partner '{code}'."));
            Some(partner::id_by_code(database, code).await?.ok_or_else(absent)?)
        }
    };
    let site_id = match &wanted.site {
        None => None,
        Some(domain) => {
            let absent = || Error::invalid("site", format!("There is no site '{domain}'."));
            Some(partner::site_id_by_domain(database, domain).await?.ok_or_else(absent)?)
        }
    };
    let verification_deadline = wanted.verification_deadline;
    let seats = checked(key, &wanted.seats)?;
    if verification_deadline.is_some_and(|deadline| seats.iter().any(|seat| seat.expires > Some(deadline))) {
        let reason = "Verification deadline must be after the course mode upgrade deadlines.";
        return Err(Error::invalid("verification_deadline", reason));
    }
    let change = Change { course_key: key.as_str(), name, partner_id, site_id, verification_deadline, seats: &seats };
    course::save(database, &change).await?;
    let course = course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    item(database, &course).await
}

fn checked(key: &CourseKey, wanted: &[WantedSeat]) -> Result<Vec<Seat>, Error> {
    let mut seats: Vec<Seat> = Vec::with_capacity(wanted.len());
    for (index, seat) in wanted.iter().enumerate() {
        let field = |name: &str| format!("seats[{index}].{name}");
        let seat_type = seat.seat_type.as_deref().ok_or_else(|| Error::required(field("type")))?;
        if !SEAT_TYPES.contains(&seat_type) {
            let reason = format!("'{seat_type}' is not one of {}.", SEAT_TYPES.join(", "));
            return Err(Error::invalid(field("type"), reason));
        }
        if seats.iter().any(|other| other.seat_type == seat_type) {
            return Err(Error::invalid(field("type"), format!("The seat '{seat_type}' is given twice.")));
        }
        let price = seat.price.ok_or_else(|| Error::required(field("price")))?;
        if price < 0 {
            return Err(Error::invalid(field("price"), "A price cannot be negative."));
        }
        seats.push(Seat {
            seat_type: seat_type.to_owned(),
            sku: sku(key.as_str(), seat_type),
            price,
            currency: seat.currency.clone().unwrap_or_else(|| "USD".to_owned()).to_uppercase(),
            expires: seat.expires,
        });
    }
    Ok(seats)
}

async fn item(database: &Database, course: &Course) -> Result<Value, Error> {
    Ok(json!({
        "id": course.course_key,
        "name": course.name,
        "partner": course.partner,
        "site": course.site,
        "verification_deadline": course.verification_deadline,
        "seats": seat::of_course(database, course.id).await?,
        "created": course.created,
        "modified": course.modified,
    }))
}
