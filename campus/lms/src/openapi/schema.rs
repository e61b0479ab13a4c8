//! The schemas of what is sent and answered.

use chrono::{Datelike, Utc};
use serde_json::{Map, Value, json};

use crate::routes::account::{FIRST_YEAR, LEVELS_OF_EDUCATION};

/// A text.
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// A text of 1 to 255 characters.
pub fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 255 })
}

/// A whole number.
pub fn integer() -> Value {
    json!({ "type": "integer" })
}

/// A price in whole units of its currency.
pub fn price() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX })
}

/// A currency.
pub fn currency() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z]{3}$" })
}

/// A word for a mode.
pub fn slug() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$" })
}

/// Yes or no.
pub fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A moment, as RFC 3339 writes it.
pub fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// The key of a course, in the new or in the old form.
pub fn course_id() -> Value {
    json!({ "type": "string", "pattern": "^(course-v1:[A-Za-z0-9_.~-]+\\+[A-Za-z0-9_.~-]+\\+[A-Za-z0-9_.~-]+|[A-Za-z0-9_.~-]+/[A-Za-z0-9_.~-]+/[A-Za-z0-9_.~-]+)$" })
}

/// That, or nothing.
pub fn nullable(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// A list of these.
pub fn list(schema: Value) -> Value {
    json!({ "type": "array", "items": schema })
}

/// One of these texts.
pub fn one_of(texts: &[&str]) -> Value {
    json!({ "type": "string", "enum": texts })
}

/// An object that has all of these members, and no others.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": Map::from_iter(members.map(own)), "required": names, "additionalProperties": false })
}

/// An object that may have these members, and no others; the first `required` of them it has.
pub fn partial<const N: usize>(required: usize, members: [(&str, Value); N]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).take(required).collect();
    json!({ "type": "object", "properties": Map::from_iter(members.map(own)), "required": names, "additionalProperties": false })
}

/// The same, and it may have further members, which are passed over: clients of others send some.
pub fn lenient(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.remove("additionalProperties");
    }
    schema
}

fn own((name, schema): (&str, Value)) -> (String, Value) {
    (name.to_owned(), schema)
}

/// What is defined under this name.
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A page of these.
pub fn page(schema: Value) -> Value {
    object([
        ("count", integer()),
        ("num_pages", integer()),
        ("next", nullable(text())),
        ("previous", nullable(text())),
        ("results", list(schema)),
    ])
}

/// All that have a name.
pub fn all() -> Value {
    json!({
        "Problem": problem(),
        "Course": course(),
        "CoursePage": object([("results", list(named("Course"))), ("pagination", position())]),
        "CourseChange": course_change(0),
        "NewCourse": new_course(),
        "CourseMode": course_mode(),
        "CourseModeChange": mode_change(),
        "NewCourseMode": new_mode(),
        "Enrollment": enrollment(),
        "EnrollmentRow": enrollment_row(),
        "EnrollmentCourse": enrollment_course(),
        "NewEnrollment": new_enrollment(),
        "PublishedCourse": published_course(),
        "Publication": publication(),
        "Organization": organization(),
        "Account": account(),
        "AccountChange": account_change(),
        "Registration": registration(),
    })
}

fn problem() -> Value {
    object([
        ("type", text()),
        ("title", text()),
        ("status", integer()),
        ("detail", text()),
        ("field", nullable(text())),
        ("reason", text()),
    ])
}

fn position() -> Value {
    object([("count", integer()), ("num_pages", integer()), ("next", nullable(text())), ("previous", nullable(text()))])
}

fn pacing() -> Value {
    one_of(&["self", "instructor"])
}

fn course() -> Value {
    object([
        ("id", text()),
        ("name", text()),
        ("number", text()),
        ("org", text()),
        ("short_description", text()),
        ("start", nullable(moment())),
        ("start_display", nullable(text())),
        ("start_type", one_of(&["timestamp", "empty"])),
        ("end", nullable(moment())),
        ("enrollment_start", nullable(moment())),
        ("enrollment_end", nullable(moment())),
        ("pacing", pacing()),
        ("hidden", boolean()),
        ("invitation_only", boolean()),
        ("mobile_available", boolean()),
        ("effort", nullable(text())),
        ("media", object([("course_image", object([("uri", nullable(text()))]))])),
        ("blocks_url", text()),
    ])
}

fn course_change(required: usize) -> Value {
    partial(
        required,
        [
            ("name", name()),
            ("short_description", text()),
            ("effort", nullable(text())),
            ("image", nullable(text())),
            ("start", nullable(moment())),
            ("end", nullable(moment())),
            ("enrollment_start", nullable(moment())),
            ("enrollment_end", nullable(moment())),
            ("pacing", pacing()),
            ("hidden", boolean()),
            ("invitation_only", boolean()),
            ("mobile_available", boolean()),
        ],
    )
}

fn new_course() -> Value {
    let mut schema = course_change(1);
    schema["properties"]["id"] = course_id();
    schema["required"] = json!(["id", "name"]);
    schema
}

fn course_mode() -> Value {
    object([
        ("course_id", text()),
        ("mode_slug", text()),
        ("mode_display_name", text()),
        ("currency", text()),
        ("min_price", integer()),
        ("expiration_datetime", nullable(moment())),
        ("description", nullable(text())),
        ("sku", nullable(text())),
        ("bulk_sku", nullable(text())),
    ])
}

fn mode_change() -> Value {
    partial(
        0,
        [
            ("mode_display_name", name()),
            ("currency", currency()),
            ("min_price", price()),
            ("expiration_datetime", nullable(moment())),
            ("description", nullable(text())),
            ("sku", nullable(text())),
            ("bulk_sku", nullable(text())),
        ],
    )
}

fn new_mode() -> Value {
    let mut schema = mode_change();
    schema["properties"]["mode_slug"] = slug();
    schema["properties"]["course_id"] = course_id();
    schema["required"] = json!(["mode_slug"]);
    schema
}

fn enrollment_course() -> Value {
    let mode = object([
        ("slug", text()),
        ("name", text()),
        ("min_price", integer()),
        ("suggested_prices", text()),
        ("currency", text()),
        ("expiration_datetime", nullable(moment())),
        ("description", nullable(text())),
        ("sku", nullable(text())),
        ("bulk_sku", nullable(text())),
    ]);
    object([
        ("course_id", text()),
        ("course_name", text()),
        ("enrollment_start", nullable(moment())),
        ("enrollment_end", nullable(moment())),
        ("course_start", nullable(moment())),
        ("course_end", nullable(moment())),
        ("invite_only", boolean()),
        ("course_modes", list(mode)),
        ("pacing_type", one_of(&["Self Paced", "Instructor Paced"])),
    ])
}

fn enrollment() -> Value {
    object([
        ("created", moment()),
        ("mode", text()),
        ("is_active", boolean()),
        ("user", text()),
        ("course_details", named("EnrollmentCourse")),
    ])
}

fn enrollment_row() -> Value {
    object([("created", moment()), ("mode", text()), ("is_active", boolean()), ("user", text()), ("course_id", text())])
}

fn new_enrollment() -> Value {
    let attribute = lenient(object([("namespace", text()), ("name", text()), ("value", text())]));
    lenient(partial(
        1,
        [
            ("course_details", lenient(partial(1, [("course_id", text())]))),
            ("user", nullable(text())),
            ("mode", nullable(text())),
            ("is_active", nullable(boolean())),
            ("enrollment_attributes", list(attribute)),
        ],
    ))
}

fn published_course() -> Value {
    let mode = object([
        ("name", text()),
        ("currency", text()),
        ("price", integer()),
        ("sku", nullable(text())),
        ("bulk_sku", nullable(text())),
        ("expires", nullable(moment())),
    ]);
    object([("id", text()), ("name", text()), ("verification_deadline", nullable(moment())), ("modes", list(mode))])
}

fn publication() -> Value {
    let mode = lenient(partial(
        2,
        [
            ("name", slug()),
            ("price", price()),
            ("currency", nullable(currency())),
            ("sku", nullable(text())),
            ("bulk_sku", nullable(text())),
            ("expires", nullable(moment())),
        ],
    ));
    lenient(partial(
        1,
        [
            ("modes", list(mode)),
            ("verification_deadline", nullable(moment())),
            ("id", text()),
            ("name", nullable(text())),
        ],
    ))
}

fn organization() -> Value {
    object([
        ("id", integer()),
        ("name", text()),
        ("short_name", text()),
        ("description", text()),
        ("logo", nullable(text())),
        ("active", boolean()),
        ("created", moment()),
        ("modified", moment()),
    ])
}

fn account() -> Value {
    partial(
        1,
        [
            ("username", text()),
            ("email", text()),
            ("name", text()),
            ("is_staff", boolean()),
            ("is_active", boolean()),
            ("date_joined", moment()),
            ("bio", nullable(text())),
            ("country", nullable(text())),
            ("level_of_education", nullable(text())),
            ("goals", nullable(text())),
            ("year_of_birth", nullable(integer())),
        ],
    )
}

fn year() -> Value {
    json!({ "type": "integer", "minimum": FIRST_YEAR, "maximum": Utc::now().year() })
}

fn country() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z]{2}$" })
}

fn account_change() -> Value {
    partial(
        0,
        [
            ("name", name()),
            ("bio", nullable(json!({ "type": "string", "maxLength": 3000 }))),
            ("country", nullable(country())),
            ("level_of_education", nullable(one_of(&LEVELS_OF_EDUCATION))),
            ("goals", nullable(json!({ "type": "string", "maxLength": 3000 }))),
            ("year_of_birth", nullable(year())),
        ],
    )
}

fn registration() -> Value {
    lenient(partial(
        4,
        [
            ("username", json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{2,30}$" })),
            ("email", json!({ "type": "string", "pattern": "^[a-z0-9]{1,30}@[a-z0-9]{1,30}\\.[a-z]{2,10}$" })),
            ("password", json!({ "type": "string", "minLength": 8, "maxLength": 1000 })),
            ("name", name()),
            ("country", nullable(country())),
            ("level_of_education", nullable(one_of(&LEVELS_OF_EDUCATION))),
            ("goals", nullable(json!({ "type": "string", "maxLength": 3000 }))),
            ("year_of_birth", nullable(year())),
        ],
    ))
}
