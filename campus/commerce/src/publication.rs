//! Publishing: the seats of a course become its modes in the learning management system.

use either_database::{Database, OpenError, Options};

use crate::config::PublishConfig;
use crate::lms::{Lms, LmsError, Publication, PublishedMode};
use crate::queries::course::{self, Course, Filter};
use crate::queries::seat::{self, Seat};

/// What became of one course.
#[derive(Debug)]
pub struct PublicationReport {
    /// The course.
    pub course_key: String,
    /// How many modes it has now.
    pub result: Result<usize, LmsError>,
}

/// Why nothing could be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Open(#[from] OpenError),
    /// The database cannot be reached, or refuses a statement.
    #[error("cannot read or write the courses")]
    Database(#[from] sqlx::Error),
    /// There is no course of that key.
    #[error("there is no course '{0}'")]
    NoSuchCourse(String),
}

/// Publishes the course of that key, or all of them.
pub async fn publish(config: &PublishConfig, key: Option<&str>) -> Result<Vec<PublicationReport>, PublishError> {
    let database = Database::open(&config.database_url, Options { connections: 1, ..Options::default() })?;
    let lms = Lms::new(&config.lms);
    let courses = match key {
        Some(key) => {
            let course = course::by_key(&database, key).await?;
            vec![course.ok_or_else(|| PublishError::NoSuchCourse(key.to_owned()))?]
        }
        None => course::page(&database, &Filter::default(), i64::MAX, 0).await?,
    };
    let mut reports = Vec::with_capacity(courses.len());
    for course in courses {
        let seats = seat::of_course(&database, course.id).await?;
        let course_key = course.course_key.clone();
        let result = send(&lms, course, seats).await;
        match &result {
            Ok(_) => course::note_publication(&database, &course_key, None).await?,
            Err(error) => course::note_publication(&database, &course_key, Some(&error.to_string())).await?,
        }
        reports.push(PublicationReport { course_key, result });
    }
    database.close().await;
    Ok(reports)
}

/// Sends one course with its seats, and gives the number of modes that it has now.
pub async fn send(lms: &Lms, course: Course, seats: Vec<Seat>) -> Result<usize, LmsError> {
    let modes: Vec<PublishedMode> = seats
        .into_iter()
        .map(|seat| PublishedMode {
            name: seat.seat_type,
            currency: seat.currency.to_lowercase(),
            price: seat.price,
            sku: seat.sku,
            bulk_sku: None,
            expires: seat.expires,
        })
        .collect();
    let count = modes.len();
    let verification_deadline = course.verification_deadline;
    lms.publish(Publication { id: course.course_key, name: course.name, verification_deadline, modes }).await?;
    Ok(count)
}
