//! The part of the table of routes that is about the content of courses.

use axum::routing::{delete, get, post, put};
use serde_json::{Value, json};

use crate::openapi::Operation;
use crate::openapi::schema::{boolean, integer, list, moment, named, nullable, object, one_of, partial, slug, text};
use crate::routes::table::{Endpoint, here};
use crate::routes::{content, learner};

/// What authors do, and what learners see. A course key of the old form is written with `%2F` here.
pub fn learning() -> Vec<Endpoint> {
    authors().into_iter().chain(learners()).collect()
}

/// The schemas that have a name.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let version = object([
        ("number", integer()),
        ("title", text()),
        ("content", json!({})),
        ("children", list(text())),
        ("groups", json!({ "type": "object" })),
        ("staff_only", boolean()),
        ("created", moment()),
        ("created_by", text()),
    ]);
    let entity = object([
        ("key", text()),
        ("kind", text()),
        ("draft", nullable(named("EntityVersion"))),
        ("published", nullable(named("EntityVersion"))),
    ]);
    let node = object([
        ("key", text()),
        ("kind", one_of(&["course", "section", "subsection", "unit"])),
        ("title", text()),
        ("start", nullable(moment())),
        ("due", nullable(moment())),
        ("is_available", boolean()),
        ("children", list(named("OutlineNode"))),
    ]);
    let group = partial(1, [("name", text()), ("weight", json!({ "type": "integer", "minimum": 0, "maximum": 1000 }))]);
    let partition = object([("name", text()), ("scheme", one_of(&["hash", "mode"])), ("groups", list(group))]);
    let change = object([("key", text()), ("from", nullable(integer())), ("to", nullable(integer()))]);
    vec![
        ("EntityVersion", version),
        ("Entity", entity),
        ("OutlineNode", node),
        ("Partition", partition),
        ("PublishingChange", change),
    ]
}

fn results(schema: Value) -> Value {
    object([("results", list(schema))])
}

fn authors() -> Vec<Endpoint> {
    const ENTITIES: &str = "/api/learning/v1/courses/{course_id}/entities";
    const ENTITY: &str = "/api/learning/v1/courses/{course_id}/entities/{key}";
    let row = object([
        ("key", text()),
        ("kind", text()),
        ("title", nullable(text())),
        ("draft", nullable(integer())),
        ("published", nullable(integer())),
    ]);
    let wanted = partial(
        2,
        [
            ("kind", one_of(&["course", "section", "subsection", "unit"])),
            ("title", text()),
            ("content", json!({})),
            ("children", list(slug())),
            ("groups", json!({ "type": "object", "additionalProperties": list(text()) })),
            ("staff_only", boolean()),
        ],
    );
    let chosen = || partial(0, [("keys", nullable(list(slug()))), ("message", text())]);
    let publication = object([
        ("publication", integer()),
        ("published", moment()),
        ("published_by", text()),
        ("message", text()),
        ("changes", list(named("PublishingChange"))),
    ]);
    let published = object([("publication", nullable(integer())), ("changes", list(named("PublishingChange")))]);
    vec![
        here(
            Operation::staff("GET", ENTITIES, "What a course is made of.").gives(results(row)).refuses(&[404]),
            get(content::list),
        ),
        here(
            Operation::staff("GET", ENTITY, "A draft, and what is published of it.")
                .gives(named("Entity"))
                .refuses(&[404]),
            get(content::show),
        ),
        here(
            Operation::staff("PUT", ENTITY, "A new version of the draft.")
                .takes_json(wanted)
                .gives(named("Entity"))
                .or_gives(201, named("Entity"))
                .refuses(&[404, 409]),
            put(content::save),
        ),
        here(
            Operation::staff("DELETE", ENTITY, "Takes the draft away.").gives_with(204, None).refuses(&[404]),
            delete(content::remove),
        ),
        here(
            Operation::staff("GET", "/api/learning/v1/courses/{course_id}/entities/{key}/versions", "All versions.")
                .gives(results(named("EntityVersion")))
                .refuses(&[404]),
            get(content::versions),
        ),
        here(
            Operation::staff("POST", "/api/learning/v1/courses/{course_id}/publish", "Publishes drafts.")
                .takes_json(chosen())
                .gives(published)
                .refuses(&[404, 409]),
            post(content::publish),
        ),
        here(
            Operation::staff("POST", "/api/learning/v1/courses/{course_id}/discard", "Takes drafts back.")
                .takes_json(chosen())
                .gives(object([("changes", list(named("PublishingChange")))]))
                .refuses(&[404, 409]),
            post(content::discard),
        ),
        here(
            Operation::staff("GET", "/api/learning/v1/courses/{course_id}/publications", "What was published when.")
                .gives(results(publication))
                .refuses(&[404]),
            get(content::publications),
        ),
    ]
}

fn learners() -> Vec<Endpoint> {
    const DATES: &str = "/api/learning/v1/courses/{course_id}/dates";
    const PARTITIONS: &str = "/api/learning/v1/courses/{course_id}/partitions";
    let unit = object([
        ("key", text()),
        ("title", text()),
        ("version", integer()),
        ("due", nullable(moment())),
        ("content", json!({})),
    ]);
    let date = object([
        ("key", text()),
        ("field", one_of(&["start", "due"])),
        ("date", nullable(moment())),
        ("relative_days", nullable(integer())),
    ]);
    let wanted_date = partial(
        2,
        [
            ("key", slug()),
            ("field", one_of(&["start", "due"])),
            ("absolute", nullable(moment())),
            ("relative_days", nullable(json!({ "type": "integer", "minimum": 0, "maximum": 36_500 }))),
        ],
    );
    let partitions = || object([("partitions", list(named("Partition")))]);
    vec![
        here(
            Operation::user("GET", "/api/learning/v1/courses/{course_id}/outline", "The course as a learner sees it.")
                .query("username", text())
                .gives(named("OutlineNode"))
                .refuses(&[400, 403, 404]),
            get(learner::outline),
        ),
        here(
            Operation::user("GET", "/api/learning/v1/courses/{course_id}/units/{key}", "What a unit shows.")
                .gives(unit)
                .refuses(&[403, 404]),
            get(learner::unit),
        ),
        here(
            Operation::user("GET", "/api/courses/v1/blocks/", "The outline without depth.")
                .query("course_id", text())
                .gives(object([("root", text()), ("blocks", json!({ "type": "object" }))]))
                .refuses(&[400, 403, 404]),
            get(learner::blocks),
        ),
        here(
            Operation::user("GET", DATES, "The dates of a learner.")
                .query("username", text())
                .gives(object([("start", nullable(moment())), ("dates", list(date))]))
                .refuses(&[400, 403, 404]),
            get(learner::dates),
        ),
        here(
            Operation::staff("PUT", DATES, "Replaces the dates.")
                .takes_json(object([("dates", list(wanted_date))]))
                .gives(object([("count", integer())]))
                .refuses(&[404]),
            put(learner::replace_dates),
        ),
        here(
            Operation::staff("GET", PARTITIONS, "How learners are divided.").gives(partitions()).refuses(&[404]),
            get(learner::partitions),
        ),
        here(
            Operation::staff("PUT", PARTITIONS, "Replaces how learners are divided.")
                .takes_json(partitions())
                .gives(partitions())
                .refuses(&[404]),
            put(learner::replace_partitions),
        ),
        here(
            Operation::user("GET", "/api/learning/v1/courses/{course_id}/groups", "The groups of a learner.")
                .query("username", text())
                .gives(object([("groups", json!({ "type": "object" }))]))
                .refuses(&[400, 403, 404]),
            get(learner::groups),
        ),
    ]
}
