//! `/api/learning/`: a course as a learner has it, and by which dates and groups.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, TimeDelta, Utc};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::auth::{Caller, Staff};
use crate::error::Error;
use crate::extract::{Body, Parameters};
use crate::learning::navigation::{self, Learner, Node};
use crate::learning::partitioning::Partition;
use crate::learning::publishing::Kind;
use crate::learning::scheduling;
use crate::queries::content::{self, StoredDate, parsed};
use crate::queries::course::Course;
use crate::queries::{enrollment, user};
use crate::routes::content::course_of;
use crate::service::Service;

const DAY: i64 = 24 * 60 * 60;
/// Nobody plans further than a hundred years.
const MOST_DAYS: i64 = 36_500;

/// For whom something is asked; staff may ask for others.
#[derive(Debug, Deserialize)]
pub struct Whose {
    username: Option<String>,
}

/// Of which course the blocks are wanted.
#[derive(Debug, Deserialize)]
pub struct BlocksParameters {
    course_id: Option<String>,
}

/// The dates that a course shall have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedDates {
    dates: Vec<WantedDate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedDate {
    key: String,
    field: String,
    absolute: Option<DateTime<Utc>>,
    relative_days: Option<i64>,
}

/// The partitions that a course shall have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedPartitions {
    partitions: Vec<Partition>,
}

/// Who learns, and how.
struct Participant {
    learner: Learner,
    groups: BTreeMap<String, Option<String>>,
}

/// The outline, as the learner sees it.
pub async fn outline(
    State(service): State<Service>,
    caller: Caller,
    Path(course_id): Path<String>,
    Parameters(whose): Parameters<Whose>,
) -> Result<Json<Node>, Error> {
    let database = &service.0.database;
    let course = course_of(database, &course_id).await?;
    let participant = participant(database, &course, &caller, whose.username).await?;
    outline_of(&service, &course, &participant.learner).await.map(Json)
}

/// The content of a unit that the learner can open now.
pub async fn unit(
    State(service): State<Service>,
    caller: Caller,
    Path((course_id, key)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let database = &service.0.database;
    let course = course_of(database, &course_id).await?;
    let participant = participant(database, &course, &caller, None).await?;
    let outline = outline_of(&service, &course, &participant.learner).await?;
    let node = outline.find(&key).filter(|node| node.kind == Kind::Unit).ok_or_else(Error::not_found)?;
    if !node.is_available {
        return Err(Error::forbidden("This has not begun yet."));
    }
    let published = content::current(database, course.id, true).await?;
    let version = published.into_iter().find(|version| version.key == key).ok_or_else(Error::not_found)?;
    Ok(Json(json!({
        "key": key,
        "title": version.title,
        "version": version.number,
        "due": node.due,
        "content": parsed::<Value>(&version.content),
    })))
}

/// The outline without depth: each block with the names of those below it.
pub async fn blocks(
    State(service): State<Service>,
    caller: Caller,
    Parameters(parameters): Parameters<BlocksParameters>,
) -> Result<Json<Value>, Error> {
    let database = &service.0.database;
    let course_id = parameters.course_id.ok_or_else(|| Error::required("course_id"))?;
    let course = course_of(database, &course_id).await?;
    let participant = participant(database, &course, &caller, None).await?;
    let outline = outline_of(&service, &course, &participant.learner).await?;
    let mut blocks = Map::new();
    flatten(&outline, &mut blocks);
    Ok(Json(json!({ "root": outline.key, "blocks": blocks })))
}

fn flatten(node: &Node, blocks: &mut Map<String, Value>) {
    let children: Vec<&str> = node.children.iter().map(|child| child.key.as_str()).collect();
    let block = json!({ "id": node.key, "type": node.kind, "display_name": node.title, "children": children });
    blocks.insert(node.key.clone(), block);
    node.children.iter().for_each(|child| flatten(child, blocks));
}

/// The dates, as moments for the learner.
pub async fn dates(
    State(database): State<Database>,
    caller: Caller,
    Path(course_id): Path<String>,
    Parameters(whose): Parameters<Whose>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let participant = participant(&database, &course, &caller, whose.username).await?;
    let start = participant.learner.start;
    let stored = content::stored_dates(&database, course.id).await?;
    let item = |stored: &StoredDate| {
        let date = stored.rule().and_then(|rule| rule.resolve(start));
        json!({
            "key": stored.key,
            "field": stored.field,
            "date": date,
            "relative_days": stored.relative_seconds.map(|seconds| seconds / DAY),
        })
    };
    Ok(Json(json!({ "start": start, "dates": stored.iter().map(item).collect::<Vec<_>>() })))
}

/// Replaces the dates.
pub async fn replace_dates(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
    Body(wanted): Body<WantedDates>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let heads = content::heads(&database, course.id).await?;
    let mut dates: Vec<StoredDate> = Vec::new();
    for (index, date) in wanted.dates.into_iter().enumerate() {
        let field = |name: &str| format!("dates[{index}].{name}");
        if !heads.contains_key(&date.key) {
            return Err(Error::invalid(field("key"), format!("There is no '{}'.", date.key)));
        }
        if date.field != "start" && date.field != "due" {
            return Err(Error::invalid(field("field"), "One of start, due."));
        }
        if date.absolute.is_some() == date.relative_days.is_some() {
            return Err(Error::invalid(
                field("absolute"),
                "A date is either absolute, or relative_days after a start.",
            ));
        }
        if date.relative_days.is_some_and(|days| !(0..=MOST_DAYS).contains(&days)) {
            return Err(Error::invalid(field("relative_days"), format!("From 0 to {MOST_DAYS}.")));
        }
        if dates.iter().any(|other| other.key == date.key && other.field == date.field) {
            return Err(Error::invalid(field("field"), "This date is given twice."));
        }
        let relative_seconds = date.relative_days.map(|days| TimeDelta::days(days).num_seconds());
        dates.push(StoredDate { key: date.key, field: date.field, absolute: date.absolute, relative_seconds });
    }
    content::replace_dates(&database, course.id, &dates).await?;
    Ok(Json(json!({ "count": dates.len() })))
}

/// The partitions, for staff.
pub async fn partitions(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    Ok(Json(json!({ "partitions": content::partitions(&database, course.id).await? })))
}

/// Replaces the partitions. Who was in a group stays in it as long as names and weights stay.
pub async fn replace_partitions(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
    Body(wanted): Body<WantedPartitions>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    for (index, partition) in wanted.partitions.iter().enumerate() {
        if let Some(problem) = partition.problem() {
            return Err(Error::invalid(format!("partitions[{index}]"), problem));
        }
        if wanted.partitions[..index].iter().any(|other| other.name == partition.name) {
            return Err(Error::invalid(format!("partitions[{index}].name"), "This partition is given twice."));
        }
    }
    content::replace_partitions(&database, course.id, &wanted.partitions).await?;
    Ok(Json(json!({ "partitions": content::partitions(&database, course.id).await? })))
}

/// The groups of the learner.
pub async fn groups(
    State(database): State<Database>,
    caller: Caller,
    Path(course_id): Path<String>,
    Parameters(whose): Parameters<Whose>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let participant = participant(&database, &course, &caller, whose.username).await?;
    Ok(Json(json!({ "groups": participant.groups })))
}

async fn outline_of(service: &Service, course: &Course, learner: &Learner) -> Result<Node, Error> {
    let database = &service.0.database;
    let published = content::published(database, course.id).await?;
    let dates = content::dates(database, course.id).await?;
    navigation::outline(&published, &dates, &service.0.processors, learner).ok_or_else(Error::not_found)
}

/// The learner who is asked for: somebody who is enrolled, or staff, who see a course without that.
async fn participant(
    database: &Database,
    course: &Course,
    caller: &Caller,
    username: Option<String>,
) -> Result<Participant, Error> {
    let username = username.unwrap_or_else(|| caller.0.username.clone());
    if !caller.may_act_for(&username) {
        return Err(Error::not_found());
    }
    let user = user::by_username(database, &username).await?.ok_or_else(Error::not_found)?;
    let enrollment = enrollment::find(database, &username, &course.course_key).await?;
    let enrollment = enrollment.filter(|enrollment| enrollment.is_active);
    if enrollment.is_none() && !user.is_staff {
        return Err(Error::forbidden("Only who is enrolled sees the course."));
    }
    let mode = enrollment.as_ref().map(|enrollment| enrollment.mode.as_str());
    let partitions = content::partitions(database, course.id).await?;
    let group =
        |partition: &Partition| (partition.name.clone(), partition.group_of(&username, mode).map(str::to_owned));
    let groups: BTreeMap<String, Option<String>> = partitions.iter().map(group).collect();
    let learner = Learner {
        is_staff: user.is_staff,
        start: enrollment.as_ref().map(|enrollment| scheduling::start_of(enrollment.created, course.start_date)),
        groups: groups.iter().filter_map(|(name, group)| Some((name.clone(), group.clone()?))).collect(),
        now: Utc::now(),
    };
    Ok(Participant { learner, groups })
}
