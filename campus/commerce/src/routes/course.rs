//! `/api/v2/courses/`: courses with their seats, and their publication.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use either_database::{Connection, Database, transaction};
use events::publish as tell;
use serde::Deserialize;
use serde_json::{Value, json};
use toggles::Context;
use tower::ServiceExt;

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::Error;
use crate::extract::{Body, Parameters, moment, text};
use crate::features::PUBLISH_ON_SAVE;
use crate::fulfilment::seats_event;
use crate::page::{Page, Paging};
use crate::queries::course::{self, Change, Course, Filter};
use crate::queries::seat::{self, Seat};
use crate::queries::{partner, site};
use crate::service::Service;

/// The ways to take part that can be sold.
const SEAT_TYPES: [&str; 7] = ["audit", "honor", "verified", "professional", "no-id-professional", "credit", "masters"];

const LONGEST: usize = 255;
/// The highest price, in whole units of the currency.
const HIGHEST_PRICE: i64 = 1_000_000_000;
/// At most so many seats.
const MOST_SEATS: usize = 20;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    partner: Option<String>,
    site: Option<String>,
}

/// A course as it is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
struct WantedSeat {
    #[serde(rename = "type")]
    seat_type: Option<String>,
    price: Option<i64>,
    currency: Option<String>,
    expires: Option<DateTime<Utc>>,
}

/// A course, its seats, or its publication: their paths are one route, with other methods for each.
pub async fn answer(State(service): State<Service>, request: Request) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let allowed = match path.rsplit('/').next() {
        Some("seats") => "GET,HEAD",
        Some("publish") => "POST",
        _ => "GET,HEAD,PUT",
    };
    if !allowed.split(',').any(|method| method == request.method().as_str()) {
        let mut refusal = Error::not_allowed().into_response();
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        return refusal;
    }
    let route = get(show).put(replace).post(publish).with_state(service);
    route.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
}

/// All courses.
pub async fn list(
    State(database): State<Database>,
    _caller: Caller,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let known = |field: &str, value: Option<String>| value.map(|value| text(field, Some(&value), LONGEST)).transpose();
    let filter = Filter { partner: known("partner", parameters.partner)?, site: known("site", parameters.site)? };
    let count = course::count(&database, &filter).await?;
    let courses = course::page(&database, &filter, paging.limit(), paging.offset()).await?;
    let seats = seat::of_courses(&database, &courses.iter().map(|course| course.id).collect::<Vec<_>>()).await?;
    let items = courses.iter().map(|course| {
        let seats: Vec<&Seat> = seats.iter().filter(|seat| seat.course_id == course.id).collect();
        item(course, &json!(seats))
    });
    Ok(Json(paging.page(count, items.collect())?))
}

/// One course for `{course}/`, its seats for `{course}/seats`.
async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Value>, Error> {
    let (key, rest) = CourseKey::split_path(&path).ok_or_else(Error::not_found)?;
    let course = course::by_key(&database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    match rest {
        "" => shown(&database, &course).await.map(Json),
        "seats" => Ok(Json(json!(seat::of_course(&database, course.id).await?))),
        _ => Err(Error::not_found()),
    }
}

/// Makes a course.
pub async fn create(
    State(service): State<Service>,
    _staff: Staff,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let id = wanted.id.as_deref().ok_or_else(|| Error::required("id"))?;
    let key = CourseKey::parse(id).ok_or_else(|| Error::invalid("id", "Invalid course key."))?;
    text("id", Some(id), LONGEST)?;
    if course::by_key(&service.0.database, key.as_str()).await?.is_some() {
        return Err(Error::invalid("id", format!("There is a course '{}' already.", key.as_str())));
    }
    Ok((StatusCode::CREATED, Json(save(&service, &key, &wanted).await?)))
}

/// Replaces a course and its seats.
async fn replace(
    State(service): State<Service>,
    _staff: Staff,
    Path(path): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, Error> {
    let (key, "") = CourseKey::split_path(&path).ok_or_else(Error::not_found)? else { return Err(Error::not_found()) };
    if wanted.id.as_deref().is_some_and(|id| id != key.as_str()) {
        return Err(Error::invalid("id", "The key of a course cannot be changed."));
    }
    course::by_key(&service.0.database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    Ok(Json(save(&service, &key, &wanted).await?))
}

/// Has the seats of a course published as its modes, as soon as the learning management system can be reached.
async fn publish(
    State(service): State<Service>,
    _staff: Staff,
    Path(path): Path<String>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let (key, rest) = CourseKey::split_path(&path).ok_or_else(Error::not_found)?;
    if rest != "publish" {
        return Err(Error::not_found());
    }
    let database = &service.0.database;
    course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    transaction!(database, transaction => queue((&mut *transaction).into(), &service, &key).await?);
    let course = course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    Ok((StatusCode::ACCEPTED, Json(shown(database, &course).await?)))
}

async fn queue(mut connection: Connection<'_>, service: &Service, key: &CourseKey) -> Result<(), sqlx::Error> {
    course::queue(connection.reborrow(), key.as_str()).await?;
    tell(connection, &seats_event(&service.0.publisher, key.as_str())).await
}

async fn save(service: &Service, key: &CourseKey, wanted: &Wanted) -> Result<Value, Error> {
    let database = &service.0.database;
    let name = text("name", wanted.name.as_deref(), LONGEST)?;
    let partner_id = match &wanted.partner {
        None => None,
        Some(code) => {
            let absent = || Error::invalid("partner", format!("There is no partner '{code}'."));
            Some(partner::by_code(database, code).await?.ok_or_else(absent)?.id)
        }
    };
    let site_id = match &wanted.site {
        None => None,
        Some(domain) => {
            let absent = || Error::invalid("site", format!("There is no site '{domain}'."));
            Some(site::id_by_domain(database, domain).await?.ok_or_else(absent)?)
        }
    };
    let verification_deadline = moment("verification_deadline", wanted.verification_deadline)?;
    let seats = checked(&wanted.seats)?;
    if verification_deadline.is_some_and(|deadline| seats.iter().any(|seat| seat.expires > Some(deadline))) {
        let reason = "Verification deadline must be after the course mode upgrade deadlines.";
        return Err(Error::invalid("verification_deadline", reason));
    }
    let publishes = service.0.toggles.snapshot().await?.is_on(&PUBLISH_ON_SAVE, &Context::default());
    let change =
        Change { course_key: key.as_str(), name: &name, partner_id, site_id, verification_deadline, seats: &seats };
    transaction!(database, transaction => {
        course::save((&mut *transaction).into(), &change).await?;
        if publishes {
            queue((&mut *transaction).into(), service, key).await?;
        }
    });
    let course = course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)?;
    shown(database, &course).await
}

fn checked(wanted: &[WantedSeat]) -> Result<Vec<Seat>, Error> {
    if wanted.len() > MOST_SEATS {
        return Err(Error::invalid("seats", format!("A course has at most {MOST_SEATS} seats.")));
    }
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
        if price > HIGHEST_PRICE {
            return Err(Error::invalid(field("price"), format!("A price is at most {HIGHEST_PRICE}.")));
        }
        let currency = seat.currency.as_deref().unwrap_or("USD").to_uppercase();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(Error::invalid(field("currency"), "A currency has three letters, as USD."));
        }
        seats.push(Seat {
            course_id: 0,
            seat_type: seat_type.to_owned(),
            sku: String::new(),
            price,
            currency,
            expires: moment(&field("expires"), seat.expires)?,
        });
    }
    Ok(seats)
}

async fn shown(database: &Database, course: &Course) -> Result<Value, Error> {
    Ok(item(course, &json!(seat::of_course(database, course.id).await?)))
}

fn item(course: &Course, seats: &Value) -> Value {
    json!({
        "id": course.course_key,
        "name": course.name,
        "partner": course.partner,
        "site": course.site,
        "verification_deadline": course.verification_deadline,
        "seats": seats,
        "publication": {
            "status": course.publication,
            "published": course.published,
            "error": course.publication_error,
        },
        "created": course.created,
        "modified": course.modified,
    })
}
