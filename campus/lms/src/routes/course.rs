//! `/api/courses/`: the catalogue, and its changes by staff.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use either_database::Database;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::auth::{Caller, Staff};
use crate::course_key::CourseKey;
use crate::error::{Error, is_taken};
use crate::extract::{Body, Parameters};
use crate::page::{BaseUrl, Paging};
use crate::patch::Patch;
use crate::queries::course::{self, Course, Filter};
use crate::queries::{organization, user};

const LONGEST_NAME: usize = 255;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    org: Option<String>,
    search_term: Option<String>,
    username: Option<String>,
    mobile: Option<bool>,
}

/// What staff say of a course.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    name: String,
    #[serde(default)]
    short_description: String,
    #[serde(default)]
    effort: Option<String>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    start: Option<DateTime<Utc>>,
    #[serde(default)]
    end: Option<DateTime<Utc>>,
    #[serde(default)]
    enrollment_start: Option<DateTime<Utc>>,
    #[serde(default)]
    enrollment_end: Option<DateTime<Utc>>,
    #[serde(default)]
    pacing: Pacing,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    invitation_only: bool,
    #[serde(default)]
    mobile_available: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pacing {
    #[serde(rename = "self")]
    Own,
    #[default]
    Instructor,
}

/// A course as it is made.
#[derive(Debug, Deserialize)]
pub struct NewCourse {
    id: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl Details {
    fn of(course: &Course) -> Self {
        let course = course.clone();
        Self {
            name: course.name,
            short_description: course.short_description,
            effort: course.effort,
            image: course.image,
            start: course.start_date,
            end: course.end_date,
            enrollment_start: course.enrollment_start,
            enrollment_end: course.enrollment_end,
            pacing: if course.self_paced { Pacing::Own } else { Pacing::Instructor },
            hidden: course.hidden,
            invitation_only: course.invitation_only,
            mobile_available: course.mobile_available,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            return Err(Error::invalid("name", format!("A name has 1 to {LONGEST_NAME} characters.")));
        }
        let is_backwards =
            |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| from.zip(to).is_some_and(|(a, b)| b < a);
        if is_backwards(self.start, self.end) {
            return Err(Error::invalid("end", "A course does not end before it starts."));
        }
        if is_backwards(self.enrollment_start, self.enrollment_end) {
            return Err(Error::invalid("enrollment_end", "Enrollment does not end before it starts."));
        }
        Ok(())
    }

    fn put_into(self, course: Course) -> Course {
        Course {
            name: self.name,
            short_description: self.short_description,
            effort: self.effort,
            image: self.image,
            start_date: self.start,
            end_date: self.end,
            enrollment_start: self.enrollment_start,
            enrollment_end: self.enrollment_end,
            self_paced: self.pacing == Pacing::Own,
            hidden: self.hidden,
            invitation_only: self.invitation_only,
            mobile_available: self.mobile_available,
            ..course
        }
    }
}

/// The courses that the caller, or for staff somebody else, may see; hidden ones are for staff.
pub async fn list(
    State(database): State<Database>,
    caller: Option<Caller>,
    Parameters(parameters): Parameters<ListParameters>,
    BaseUrl(base): BaseUrl,
    paging: Paging,
) -> Result<Json<Value>, Error> {
    let hidden = match (&parameters.username, &caller) {
        (None, None) => false,
        (None, Some(caller)) => caller.0.is_staff,
        (Some(name), Some(caller)) if caller.may_act_for(name) => {
            user::by_username(&database, name).await?.ok_or_else(Error::not_found)?.is_staff
        }
        (Some(_), _) => return Err(Error::forbidden("Only staff may see the courses of somebody else.")),
    };
    let ListParameters { org, search_term, mobile, .. } = parameters;
    let filter = Filter { hidden, org, search_term, mobile };
    let position = paging.position(course::count(&database, &filter).await?)?;
    let courses = course::page(&database, &filter, paging.limit(), paging.offset()).await?;
    let results: Vec<Value> = courses.iter().map(|course| item(course, &base)).collect();
    Ok(Json(json!({ "results": results, "pagination": position })))
}

/// One course; a hidden one for staff only.
pub async fn show(
    State(database): State<Database>,
    caller: Option<Caller>,
    Path(path): Path<String>,
    BaseUrl(base): BaseUrl,
) -> Result<Json<Value>, Error> {
    let course = by_path(&database, &path).await?;
    if course.hidden && !caller.is_some_and(|caller| caller.0.is_staff) {
        return Err(Error::not_found());
    }
    Ok(Json(item(&course, &base)))
}

/// Makes a course. Its organisation and its number are those of its key.
pub async fn create(
    State(database): State<Database>,
    _staff: Staff,
    BaseUrl(base): BaseUrl,
    Body(new): Body<NewCourse>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let id = new.id.ok_or_else(|| Error::required("id"))?;
    let key = CourseKey::parse(&id).ok_or_else(|| Error::invalid("id", "Invalid course key."))?;
    if !new.rest.contains_key("name") {
        return Err(Error::required("name"));
    }
    let details: Details = serde_json::from_value(Value::Object(new.rest))
        .map_err(|error| Error::bad_request(format!("Not a valid course: {error}.")))?;
    details.check()?;
    let org = key.org();
    let organization = organization::id_by_short_name(&database, org).await?;
    let reason = || Error::invalid("id", format!("There is no organization '{org}'."));
    let organization = organization.ok_or_else(reason)?;
    let course = details.put_into(Course::new(&key));
    match course::insert(&database, &course, organization).await {
        Ok(()) => {}
        Err(error) if is_taken(&error) => {
            return Err(Error::conflict("id", format!("The course '{id}' is there already.")));
        }
        Err(error) => return Err(error.into()),
    }
    let course = by_path(&database, &id).await?;
    Ok((StatusCode::CREATED, Json(item(&course, &base))))
}

/// Changes what is said of a course.
pub async fn change(
    State(database): State<Database>,
    _staff: Staff,
    Path(path): Path<String>,
    BaseUrl(base): BaseUrl,
    patch: Patch,
) -> Result<Json<Value>, Error> {
    let course = by_path(&database, &path).await?;
    let details = patch.applied_to(&Details::of(&course))?;
    details.check()?;
    let course = details.put_into(course);
    course::update(&database, &course).await?;
    Ok(Json(item(&course, &base)))
}

async fn by_path(database: &Database, path: &str) -> Result<Course, Error> {
    let (key, _) = CourseKey::split_path(path).filter(|(_, rest)| rest.is_empty()).ok_or_else(Error::not_found)?;
    course::by_key(database, key.as_str()).await?.ok_or_else(Error::not_found)
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
