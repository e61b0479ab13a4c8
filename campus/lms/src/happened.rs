//! What others are told: events of enrolments, users and courses, in the shapes of the bus.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use events::{Event, EventType, Publisher};
use serde_json::{Value, json};

use crate::queries::course::Course;
use crate::queries::course_mode::CourseMode;
use crate::queries::user::User;

const REGISTERED: EventType = EventType::new("org.openedx.learning.student.registration.completed.v1");
const ENROLLED: EventType = EventType::new("org.openedx.learning.course.enrollment.created.v1");
const ENROLLMENT_CHANGED: EventType = EventType::new("org.openedx.learning.course.enrollment.changed.v1");
const UNENROLLED: EventType = EventType::new("org.openedx.learning.course.unenrollment.completed.v1");
const COURSE_CHANGED: EventType = EventType::new("org.openedx.content_authoring.course.catalog_info.changed.v1");

static PUBLISHER: LazyLock<Publisher> = LazyLock::new(|| Publisher::new("lms"));

/// How an enrolment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The mode.
    pub mode: String,
    /// Whether the learner takes part.
    pub is_active: bool,
    /// Since when there is the enrolment.
    pub created: DateTime<Utc>,
}

/// Somebody became a user. Of one key with all that happens to that user.
pub fn registered(user: &User) -> Event {
    PUBLISHER.event(REGISTERED, &user.username, json!({ "user": person(user) }))
}

/// What has become of an enrolment; nothing if it stands as before. Of one key with all of its course.
pub fn enrollment(user: &User, course: &Course, before: Option<&Standing>, now: &Standing) -> Option<Event> {
    let kind = match before {
        Some(before) if before.mode == now.mode && before.is_active == now.is_active => return None,
        None if now.is_active => ENROLLED,
        // Who was never there cannot leave.
        None => return None,
        Some(before) if before.is_active && !now.is_active => UNENROLLED,
        Some(_) => ENROLLMENT_CHANGED,
    };
    let data = json!({
        "enrollment": {
            "user": person(user),
            "course": {
                "course_key": course.course_key,
                "display_name": course.name,
                "start": course.start_date,
                "end": course.end_date,
            },
            "mode": now.mode,
            "is_active": now.is_active,
            "creation_date": now.created,
        },
    });
    Some(PUBLISHER.event(kind, &course.course_key, data))
}

/// A course was made, or is another one than before.
pub fn course_changed(course: &Course, modes: &[CourseMode]) -> Event {
    let mode = |mode: &CourseMode| {
        json!({
            "slug": mode.slug,
            "name": mode.display_name,
            "min_price": mode.min_price,
            "currency": mode.currency,
            "expiration_datetime": mode.expiration_datetime,
            "sku": mode.sku,
        })
    };
    let data = json!({
        "catalog_info": {
            "course_key": course.course_key,
            "org": course.org,
            "number": course.number,
            "name": course.name,
            "short_description": course.short_description,
            "schedule": {
                "start": course.start_date,
                "end": course.end_date,
                "enrollment_start": course.enrollment_start,
                "enrollment_end": course.enrollment_end,
                "pacing": if course.self_paced { "self" } else { "instructor" },
            },
            "effort": course.effort,
            "hidden": course.hidden,
            "invitation_only": course.invitation_only,
            "modes": modes.iter().map(mode).collect::<Value>(),
        },
    });
    PUBLISHER.event(COURSE_CHANGED, &course.course_key, data)
}

fn person(user: &User) -> Value {
    json!({
        "id": user.id,
        "is_active": user.is_active,
        "pii": { "username": user.username, "email": user.email, "name": user.name },
    })
}
