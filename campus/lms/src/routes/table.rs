//! Which address is answered by what, and what is said of it in the description of the interface.

use axum::routing::{MethodRouter, delete, get, patch, post, put};
use serde_json::json;

use crate::openapi::Operation;
use crate::openapi::schema::{boolean, integer, list, named, nullable, object, one_of, page, partial, text};
use crate::routes::{
    account, commerce, course, course_mode, enrollment, health, learning_table, oauth, organization, registration,
};
use crate::service::Service;

/// One operation, and who answers it.
pub struct Endpoint {
    /// The address as the router writes it.
    pub route: &'static str,
    /// What is said of it.
    pub operation: Operation,
    /// Who answers; nobody here for what another operation's handler or another router answers.
    pub handler: Option<MethodRouter<Service>>,
}

fn at(route: &'static str, operation: Operation, handler: MethodRouter<Service>) -> Endpoint {
    Endpoint { route, operation, handler: Some(handler) }
}

pub fn here(operation: Operation, handler: MethodRouter<Service>) -> Endpoint {
    Endpoint { route: operation.path(), operation, handler: Some(handler) }
}

fn elsewhere(operation: Operation) -> Endpoint {
    Endpoint { route: operation.path(), operation, handler: None }
}

/// All of them. Routes with a course key end in a wildcard, since a key of the old form has slashes.
pub fn endpoints() -> Vec<Endpoint> {
    [service(), identity(), catalogue(), modes(), enrollments(), shared(), learning_table::learning()]
        .into_iter()
        .flatten()
        .collect()
}

fn service() -> Vec<Endpoint> {
    let sql = object([("sql", object([("status", boolean()), ("message", text())]))]);
    vec![
        here(
            Operation::open("GET", "/heartbeat", "Whether the service can do its work.")
                .gives(sql.clone())
                .refuses_as(&[503], sql),
            get(health::heartbeat),
        ),
        here(
            Operation::open("GET", "/health/live", "Whether the service lives.")
                .gives(object([("status", one_of(&["alive"]))])),
            get(health::live),
        ),
    ]
}

fn identity() -> Vec<Endpoint> {
    let key =
        object([("kty", text()), ("crv", text()), ("kid", text()), ("alg", text()), ("use", text()), ("x", text())]);
    let form = json!({
        "type": "object",
        "properties": {
            "grant_type": one_of(&["client_credentials", "password", "refresh_token"]),
            "client_id": text(),
            "client_secret": text(),
            "token_type": one_of(&["jwt", "bearer"]),
            "scope": text(),
            "username": text(),
            "password": text(),
            "refresh_token": text(),
        },
        "required": ["grant_type"],
    });
    let token = partial(
        4,
        [
            ("access_token", text()),
            ("expires_in", integer()),
            ("token_type", one_of(&["JWT", "Bearer"])),
            ("scope", text()),
            ("refresh_token", text()),
        ],
    );
    vec![
        here(
            Operation::open("POST", "/oauth2/access_token", "A token, for credentials.")
                .takes("application/x-www-form-urlencoded", form)
                .gives(token)
                .refuses_as(&[400, 401], object([("error", text()), ("error_description", text())]))
                .refuses(&[429, 503]),
            post(oauth::access_token),
        ),
        here(
            Operation::open("GET", "/oauth2/jwks", "The keys that tokens are checked with.")
                .gives(object([("keys", list(key))])),
            get(oauth::keys),
        ),
        here(
            Operation::open("GET", "/.well-known/oauth-authorization-server/oauth2", "What there is of OAuth 2.")
                .gives(json!({ "type": "object" })),
            get(oauth::metadata),
        ),
        here(
            Operation::open("POST", "/api/user/v1/account/registration/", "Somebody becomes a user.")
                .takes_json(named("Registration"))
                .gives(object([("success", boolean()), ("username", text()), ("email", text())]))
                .refuses(&[403, 409, 429, 503]),
            post(registration::register),
        ),
        here(
            Operation::user("GET", "/api/user/v1/accounts/{username}", "What is known about a user.")
                .gives(named("Account"))
                .refuses(&[404]),
            get(account::show),
        ),
        here(
            Operation::user("PATCH", "/api/user/v1/accounts/{username}", "Changes what a user says of themselves.")
                .takes_patch(named("AccountChange"))
                .gives(named("Account"))
                .refuses(&[404]),
            patch(account::change),
        ),
    ]
}

fn catalogue() -> Vec<Endpoint> {
    vec![
        here(
            Operation::anybody("GET", "/api/courses/v1/courses/", "The courses.")
                .query("org", text())
                .query("search_term", text())
                .query("username", text())
                .query("mobile", boolean())
                .paged()
                .refuses(&[403])
                .gives(named("CoursePage")),
            get(course::list),
        ),
        here(
            Operation::staff("POST", "/api/courses/v1/courses/", "Makes a course.")
                .takes_json(named("NewCourse"))
                .gives_with(201, Some(named("Course")))
                .refuses(&[409]),
            post(course::create),
        ),
        at(
            "/api/courses/v1/courses/{*course}",
            Operation::anybody("GET", "/api/courses/v1/courses/{course_id}", "One course.")
                .gives(named("Course"))
                .refuses(&[404]),
            get(course::show),
        ),
        at(
            "/api/courses/v1/courses/{*course}",
            Operation::staff("PATCH", "/api/courses/v1/courses/{course_id}", "Changes what is said of a course.")
                .takes_patch(named("CourseChange"))
                .gives(named("Course"))
                .refuses(&[404]),
            patch(course::change),
        ),
        here(
            Operation::user("GET", "/api/organizations/v0/organizations/", "The active organisations.")
                .paged()
                .gives(page(named("Organization"))),
            get(organization::list),
        ),
        at(
            "/api/organizations/v0/organizations/{*short_name}",
            Operation::user("GET", "/api/organizations/v0/organizations/{short_name}/", "One organisation.")
                .gives(named("Organization"))
                .refuses(&[404]),
            get(organization::show),
        ),
    ]
}

fn modes() -> Vec<Endpoint> {
    const LIST: &str = "/api/course_modes/v1/courses/{course_id}/";
    const ONE: &str = "/api/course_modes/v1/courses/{course_id}/{mode_slug}";
    const ROUTE: &str = "/api/course_modes/v1/courses/{*course_and_mode}";
    const COMMERCE: &str = "/api/commerce/v1/courses/{course_id}/";
    vec![
        at(
            ROUTE,
            Operation::user("GET", LIST, "The modes of a course.").gives(list(named("CourseMode"))).refuses(&[404]),
            get(course_mode::show).options(course_mode::methods),
        ),
        at(
            ROUTE,
            Operation::staff("POST", LIST, "Makes a mode.")
                .takes_json(named("NewCourseMode"))
                .gives_with(201, Some(named("CourseMode")))
                .refuses(&[404, 405, 409]),
            post(course_mode::create),
        ),
        elsewhere(Operation::user("GET", ONE, "One mode.").gives(named("CourseMode")).refuses(&[404])),
        at(
            ROUTE,
            Operation::staff("PATCH", ONE, "Changes a mode.")
                .takes_patch(named("CourseModeChange"))
                .gives(named("CourseMode"))
                .refuses(&[404]),
            patch(course_mode::change),
        ),
        at(
            ROUTE,
            Operation::staff("DELETE", ONE, "Takes a mode away.").gives_with(204, None).refuses(&[404]),
            delete(course_mode::remove),
        ),
        at(
            "/api/commerce/v1/courses/{*course}",
            Operation::user("GET", COMMERCE, "A course with its modes, as they are published.")
                .gives(named("PublishedCourse"))
                .refuses(&[404]),
            get(commerce::show),
        ),
        at(
            "/api/commerce/v1/courses/{*course}",
            Operation::staff("PUT", COMMERCE, "Replaces the modes of a course.")
                .takes_json(named("Publication"))
                .gives(named("PublishedCourse")),
            put(commerce::replace),
        ),
    ]
}

fn enrollments() -> Vec<Endpoint> {
    const BASE: &str = "/api/enrollment/v1/enrollment";
    vec![
        here(
            Operation::user("GET", BASE, "The active enrolments of a user.")
                .query("user", text())
                .gives(list(named("Enrollment")))
                .refuses(&[400, 404]),
            get(enrollment::list_own),
        ),
        here(
            Operation::user("POST", BASE, "Enrols, changes an enrolment, or ends it.")
                .takes_json(named("NewEnrollment"))
                .gives(named("Enrollment"))
                .refuses(&[403, 404, 406]),
            post(enrollment::save),
        ),
        at(
            "/api/enrollment/v1/enrollment/{*user_and_course}",
            Operation::user("GET", "/api/enrollment/v1/enrollment/{username},{course_id}", "One enrolment, or null.")
                .gives(nullable(named("Enrollment")))
                .refuses(&[400, 404]),
            get(enrollment::show),
        ),
        here(
            Operation::staff("GET", "/api/enrollment/v1/enrollments", "All enrolments.")
                .query("course_id", text())
                .query("username", text())
                .paged()
                .gives(page(named("EnrollmentRow"))),
            get(enrollment::list),
        ),
        at(
            "/api/enrollment/v1/course/{*course}",
            Operation::anybody("GET", "/api/enrollment/v1/course/{course_id}", "What one can enrol in.")
                .query("include_expired", json!({ "type": "integer", "minimum": 0, "maximum": 1 }))
                .gives(named("EnrollmentCourse"))
                .refuses(&[400]),
            get(enrollment::show_course),
        ),
    ]
}

/// What routers of libraries answer.
fn shared() -> Vec<Endpoint> {
    let anything = || json!({ "type": "object" });
    let event = json!({ "type": "object", "required": ["position", "event_type", "id", "key", "data"] });
    vec![
        elsewhere(
            Operation::staff(
                "GET",
                "/api/events/v1",
                "Events after a position; with `wait=20`, that wait for the first.",
            )
            .query("after", json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }))
            .query("limit", json!({ "type": "integer" }))
            .query("types", text())
            .gives(object([("events", list(event)), ("position", integer())]))
            .refuses_plainly(&[400, 409, 410]),
        ),
        elsewhere(
            Operation::staff("GET", "/api/toggles/v0/state/", "How all toggles stand.")
                .gives(json!({ "type": "object", "required": ["waffle_flags", "waffle_switches", "django_settings"] })),
        ),
        elsewhere(
            Operation::anybody("GET", "/api/toggles/v1/evaluate/", "Toggles for somebody, for front ends.")
                .query("names", text())
                .query("course", text())
                .query("organization", text())
                .query("site", text())
                .gives(object([
                    ("flags", anything()),
                    ("switches", anything()),
                    ("settings", anything()),
                    ("defaults", anything()),
                    ("unknown", list(text())),
                ]))
                .refuses_plainly(&[400]),
        ),
    ]
}
