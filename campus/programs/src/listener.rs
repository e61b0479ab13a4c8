//! What the learning management system tells: of courses, so that the copies stay right, and of enrolments, so that it
//! is known with which version of a program a learner started.

use std::sync::Arc;

use chrono::Utc;
use either_database::{Connection, Database, through};
use events::{Bus, Consumer, ConsumerOptions, Dead, Event, EventType, Handler, HandlerError};

use crate::catalogue::Changes;
use crate::config::LmsConfig;
use crate::lms::{Lms, LmsError};
use crate::queries::catalogue;
use crate::synchronization::synchronize_with;

const COURSE_CHANGED: EventType = EventType::new("org.openedx.content_authoring.course.catalog_info.changed.v1");
const ENROLLED: EventType = EventType::new("org.openedx.learning.course.enrollment.created.v1");
const ENROLLMENT_CHANGED: EventType = EventType::new("org.openedx.learning.course.enrollment.changed.v1");
/// Under this name it is remembered which events were taken.
const NAME: &str = "programs";
const LMS: &str = "lms";

/// Keeps the copies right, event by event.
pub struct Listener {
    database: Database,
    lms: Arc<Lms>,
}

/// A consumer of what the learning management system tells, over the broker if there is one.
pub fn consumer(database: &Database, config: &LmsConfig, bus: Option<&Bus>) -> Consumer<Listener> {
    let lms = Arc::new(Lms::new(config));
    let source = bus.map_or_else(|| lms.events(), |bus| bus.source(LMS));
    let listener = Listener { database: database.clone(), lms };
    // Each event makes something right by itself: what comes behind one that cannot be handled need not wait.
    let options = ConsumerOptions { dead: Dead::SkipEvent, ..ConsumerOptions::default() };
    Consumer::new(database.clone(), NAME, source, listener, options)
}

impl Handler for Listener {
    fn event_types(&self) -> &[EventType] {
        &[COURSE_CHANGED, ENROLLED, ENROLLMENT_CHANGED]
    }

    /// The event says which course has changed; how it is now is asked for. So an event that comes late or twice does not
    /// bring back what was true when it was made.
    async fn act(&self, event: &Event) -> Result<(), HandlerError> {
        if !event.is(COURSE_CHANGED) {
            return Ok(());
        }
        let key = text(event, "/catalog_info/course_key").unwrap_or(&event.key).to_owned();
        let lms = Arc::clone(&self.lms);
        let asked = key.clone();
        let read = tokio::task::spawn_blocking(move || -> Result<_, LmsError> {
            let course = lms.course(&asked)?;
            let organization = course.as_ref().map(|course| lms.organization(&course.org)).transpose()?.flatten();
            Ok((course, organization))
        });
        let read = read.await.expect("the calls do not panic and are never aborted");
        let (course, organization) = read.map_err(|error| HandlerError::Again(Box::new(error)))?;
        let needs = course.as_ref().map(|course| (course.org.as_str(), course.number.as_str()));
        let copies = catalogue::copies_of(&self.database, &key, needs).await?;
        let changes = Changes::between(&copies, organization.into_iter().collect(), course.into_iter().collect());
        if !changes.is_empty() {
            catalogue::write(&self.database, &changes).await?;
            tracing::info!("the copy of {key} is as in the learning management system");
        }
        Ok(())
    }

    /// Who enrols in a run that counts for a program, or changes to a mode that does, starts with the program as it is now.
    async fn handle(&self, connection: &mut Connection<'_>, event: &Event) -> Result<(), HandlerError> {
        if !event.is(ENROLLED) && !event.is(ENROLLMENT_CHANGED) {
            return Ok(());
        }
        let found = |path| text(event, path).ok_or_else(|| HandlerError::Never(format!("it has no {path}").into()));
        let username = found("/enrollment/user/pii/username")?;
        let course_key = found("/enrollment/course/course_key")?;
        let mode = found("/enrollment/mode")?;
        through!(*connection, connection => {
            sqlx::query(
                "INSERT INTO learners (program_id, username, version, started)
                 SELECT p.id, $1, p.version, $4 FROM programs p
                 WHERE p.status = 'active' AND EXISTS (
                     SELECT 1 FROM run_modes r WHERE r.program_id = p.id AND r.course_key = $2 AND r.mode_slug = $3)
                 ON CONFLICT (username, program_id) DO NOTHING",
            )
            .bind(username)
            .bind(course_key)
            .bind(mode)
            .bind(Utc::now())
            .execute(&mut *connection)
            .await?;
        });
        Ok(())
    }

    async fn missed(&self) -> Result<(), HandlerError> {
        let synchronized = synchronize_with(&self.database, Arc::clone(&self.lms), true).await;
        synchronized.map(drop).map_err(|error| HandlerError::Again(Box::new(error)))
    }
}

fn text<'a>(event: &'a Event, path: &str) -> Option<&'a str> {
    event.data.pointer(path)?.as_str()
}
