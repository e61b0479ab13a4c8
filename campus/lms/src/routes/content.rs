//! `/api/learning/`: what a course is made of, as its authors work on it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Staff;
use crate::error::Error;
use crate::extract::Body;
use crate::learning::publishing::{self, Change, Kind, ROOT};
use crate::queries::content::{self, Draft, Version, parsed};
use crate::queries::course::{self, Course};
use crate::routes::course_mode::is_slug;

const LONGEST_TITLE: usize = 255;

/// An entity as an author wants it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kind: Option<String>,
    title: Option<String>,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    children: Vec<String>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    staff_only: bool,
}

/// What is published, or discarded: these with all below them, or everything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    keys: Option<Vec<String>>,
    #[serde(default)]
    message: String,
}

/// The course of an address.
pub async fn course_of(database: &Database, course_id: &str) -> Result<Course, Error> {
    course::by_key(database, course_id).await?.ok_or_else(Error::not_found)
}

/// All entities, as authors see them.
pub async fn list(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let drafts = content::current(&database, course.id, false).await?;
    let titles: BTreeMap<&str, &str> = drafts.iter().map(|draft| (draft.key.as_str(), draft.title.as_str())).collect();
    let pointers = content::pointers(&database, course.id).await?;
    let item = |pointer: &content::Pointer| {
        json!({
            "key": pointer.key,
            "kind": pointer.kind,
            "title": titles.get(pointer.key.as_str()),
            "draft": pointer.draft,
            "published": pointer.published,
        })
    };
    Ok(Json(json!({ "results": pointers.iter().map(item).collect::<Vec<_>>() })))
}

/// One entity: its draft, and what is published of it.
pub async fn show(
    State(database): State<Database>,
    _staff: Staff,
    Path((course_id, key)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    Ok(Json(entity(&database, &course, &key).await?))
}

/// All versions of one entity.
pub async fn versions(
    State(database): State<Database>,
    _staff: Staff,
    Path((course_id, key)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let versions = content::versions(&database, course.id, &key).await?;
    if versions.is_empty() {
        return Err(Error::not_found());
    }
    Ok(Json(json!({ "results": versions.iter().map(version).collect::<Vec<_>>() })))
}

/// Makes a new version of an entity. What is below it has to be there, and of the kind that belongs there.
pub async fn save(
    State(database): State<Database>,
    Staff(author): Staff,
    Path((course_id, key)): Path<(String, String)>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let course = course_of(&database, &course_id).await?;
    if !is_slug(&key) {
        return Err(Error::invalid("key", "A key is a word of letters, digits, hyphens and underscores."));
    }
    let word = wanted.kind.ok_or_else(|| Error::required("kind"))?;
    let one_of = || Error::invalid("kind", "One of course, section, subsection, unit.");
    let kind = Kind::of(&word).ok_or_else(one_of)?;
    if (kind == Kind::Course) != (key == ROOT) {
        return Err(Error::invalid("kind", format!("The course itself, and nothing else, has the key '{ROOT}'.")));
    }
    let title = wanted.title.ok_or_else(|| Error::required("title"))?;
    if title.trim().is_empty() || title.chars().count() > LONGEST_TITLE {
        return Err(Error::invalid("title", format!("A title has 1 to {LONGEST_TITLE} characters.")));
    }
    let heads = content::heads(&database, course.id).await?;
    if heads.get(&key).is_some_and(|head| head.kind != kind) {
        return Err(Error::conflict("kind", format!("'{key}' is something else already.")));
    }
    for (index, child) in wanted.children.iter().enumerate() {
        let field = format!("children[{index}]");
        let below = heads.get(child).filter(|head| head.draft.is_some()).map(|head| head.kind);
        match (below, kind.below()) {
            (None, _) => return Err(Error::invalid(field, format!("There is no '{child}' yet."))),
            (Some(is), Some(wants)) if is == wants => (),
            (Some(is), _) => {
                let reason = format!("A {} does not stand directly below a {}.", is.word(), kind.word());
                return Err(Error::invalid(field, reason));
            }
        }
    }
    if wanted.children.iter().collect::<BTreeSet<_>>().len() < wanted.children.len() {
        return Err(Error::invalid("children", "Each stands there once."));
    }
    let Wanted { content, children, groups, staff_only, .. } = wanted;
    let draft = Draft { title, content, children, groups, staff_only };
    let (_, is_new) = content::save_draft(&database, course.id, &key, kind, &draft, &author.username).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(entity(&database, &course, &key).await?)))
}

/// Takes a draft away.
pub async fn remove(
    State(database): State<Database>,
    _staff: Staff,
    Path((course_id, key)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let course = course_of(&database, &course_id).await?;
    let was_there = content::remove_draft(&database, course.id, &key).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::not_found()) }
}

/// Publishes.
pub async fn publish(
    State(database): State<Database>,
    Staff(author): Staff,
    Path(course_id): Path<String>,
    Body(chosen): Body<Chosen>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let heads = content::heads(&database, course.id).await?;
    let changes = publishing::to_publish(&heads, chosen.keys.as_deref()).map_err(|key| unknown(&key))?;
    if changes.is_empty() {
        return Ok(Json(json!({ "publication": null, "changes": [] })));
    }
    let number = content::publish(&database, &course, &changes, &author.username, &chosen.message).await?;
    let number = number.ok_or_else(changed_meanwhile)?;
    Ok(Json(json!({ "publication": number, "changes": changes })))
}

/// Takes drafts back to what is published.
pub async fn discard(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
    Body(chosen): Body<Chosen>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let heads = content::heads(&database, course.id).await?;
    let changes = publishing::to_discard(&heads, chosen.keys.as_deref()).map_err(|key| unknown(&key))?;
    if !content::discard(&database, &course, &changes).await? {
        return Err(changed_meanwhile());
    }
    Ok(Json(json!({ "changes": changes })))
}

/// What was published when.
pub async fn publications(
    State(database): State<Database>,
    _staff: Staff,
    Path(course_id): Path<String>,
) -> Result<Json<Value>, Error> {
    let course = course_of(&database, &course_id).await?;
    let publications = content::publications(&database, course.id).await?;
    let item = |publication: &content::Publication| {
        json!({
            "publication": publication.id,
            "published": publication.published,
            "published_by": publication.published_by,
            "message": publication.message,
            "changes": parsed::<Vec<Change>>(&publication.changes),
        })
    };
    Ok(Json(json!({ "results": publications.iter().map(item).collect::<Vec<_>>() })))
}

fn unknown(key: &str) -> Error {
    Error::invalid("keys", format!("There is no '{key}'."))
}

fn changed_meanwhile() -> Error {
    Error::refused(StatusCode::CONFLICT, "Somebody has changed the course meanwhile. Look again, and repeat it.")
}

async fn entity(database: &Database, course: &Course, key: &str) -> Result<Value, Error> {
    let pointers = content::pointers(database, course.id).await?;
    let pointer = pointers.into_iter().find(|pointer| pointer.key == key).ok_or_else(Error::not_found)?;
    let versions = content::versions(database, course.id, key).await?;
    let of = |number: Option<i64>| versions.iter().find(|version| Some(version.number) == number).map(version);
    Ok(json!({
        "key": pointer.key,
        "kind": pointer.kind,
        "draft": of(pointer.draft),
        "published": of(pointer.published),
    }))
}

fn version(version: &Version) -> Value {
    json!({
        "number": version.number,
        "title": version.title,
        "content": parsed::<Value>(&version.content),
        "children": parsed::<Vec<String>>(&version.children),
        "groups": parsed::<BTreeMap<String, Vec<String>>>(&version.groups),
        "staff_only": version.staff_only,
        "created": version.created,
        "created_by": version.created_by,
    })
}
