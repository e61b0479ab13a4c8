//! Programs as the interface shows them, made of rows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::banner;
use crate::course_key;
use crate::queries::organization::Organization;
use crate::queries::program::{CourseRow, Program};
use crate::run_state::{Dates, RunState};

/// A program.
#[derive(Debug, Serialize)]
pub struct ProgramDocument<'a> {
    id: i64,
    name: &'a str,
    subtitle: &'a str,
    category: &'a str,
    status: &'a str,
    marketing_slug: &'a str,
    organizations: Vec<OrganizationDocument<'a>>,
    course_codes: Vec<CourseCodeDocument<'a>>,
    created: DateTime<Utc>,
    modified: DateTime<Utc>,
    banner_image_urls: Map<String, Value>,
    uuid: &'a str,
    slug: &'a str,
    site: &'a str,
    version: i32,
    author: &'a str,
}

/// An organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OrganizationDocument<'a> {
    display_name: &'a str,
    key: &'a str,
}

/// A course code of a program.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CourseCodeDocument<'a> {
    display_name: &'a str,
    key: &'a str,
    organization: OrganizationDocument<'a>,
    run_modes: Vec<RunModeDocument<'a>>,
}

/// A run mode of a course code.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RunModeDocument<'a> {
    course_key: &'a str,
    mode_slug: &'a str,
    sku: &'a str,
    start_date: DateTime<Utc>,
    run_key: &'a str,
    lms_url: &'a str,
    run_state: RunState,
}

impl<'a> OrganizationDocument<'a> {
    /// The same with a reference.
    pub fn new(key: &'a str, display_name: &'a str) -> Self {
        Self { display_name, key }
    }
}

impl<'a> From<&'a Organization> for OrganizationDocument<'a> {
    fn from(organization: &'a Organization) -> Self {
        Self::new(&organization.key, &organization.display_name)
    }
}

/// The documents of programs, and how long they are true if nobody changes anything: until a run opens or closes.
///
/// The rows have to be in the order of the programs, and of the positions in each.
pub fn programs<'a>(
    programs: &'a [Program],
    rows: &'a [CourseRow],
    base: &str,
    now: DateTime<Utc>,
) -> (Vec<ProgramDocument<'a>>, Duration) {
    let next_change = rows.iter().filter_map(|row| dates(row)?.next_change(now)).min();
    let lifetime = next_change.and_then(|next| (next - now).to_std().ok()).unwrap_or(Duration::MAX);
    let mut rows = rows.chunk_by(|one, other| one.program_id == other.program_id).peekable();
    let documents = programs
        .iter()
        .map(|program| {
            let own = rows.next_if(|rows| rows[0].program_id == program.id).unwrap_or_default();
            ProgramDocument {
                id: program.id,
                name: &program.name,
                subtitle: &program.subtitle,
                category: &program.category,
                status: &program.status,
                marketing_slug: &program.marketing_slug,
                organizations: organizations(program),
                course_codes: course_codes(own, now),
                created: program.created,
                modified: program.modified,
                banner_image_urls: banner::urls(program.banner_image.as_deref(), base),
                uuid: &program.uuid,
                slug: &program.slug,
                site: &program.site,
                version: program.version,
                author: &program.author,
            }
        })
        .collect();
    (documents, lifetime)
}

fn organizations(program: &Program) -> Vec<OrganizationDocument<'_>> {
    let key = program.organization_key.as_deref();
    key.zip(program.organization_name.as_deref())
        .map(|(key, name)| OrganizationDocument::new(key, name))
        .into_iter()
        .collect()
}

/// The course codes of one program, by their positions; the run modes of each in the order of their start.
pub fn course_codes(rows: &[CourseRow], now: DateTime<Utc>) -> Vec<CourseCodeDocument<'_>> {
    let codes = rows.chunk_by(|one, other| one.position == other.position);
    codes
        .map(|rows| {
            let code = &rows[0];
            let mut run_modes: Vec<_> = rows.iter().filter_map(|row| run_mode(row, now)).collect();
            run_modes.sort_by_key(|run| (run.start_date, run.course_key, run.mode_slug, run.sku));
            CourseCodeDocument {
                display_name: &code.display_name,
                key: &code.key,
                organization: OrganizationDocument::new(&code.organization_key, &code.organization_name),
                run_modes,
            }
        })
        .collect()
}

fn run_mode(row: &CourseRow, now: DateTime<Utc>) -> Option<RunModeDocument<'_>> {
    let course_key = row.course_key.as_deref()?;
    Some(RunModeDocument {
        course_key,
        mode_slug: row.mode_slug.as_deref().unwrap_or_default(),
        sku: row.sku.as_deref().unwrap_or_default(),
        start_date: row.start_date.unwrap_or_default(),
        run_key: course_key::run_of(course_key),
        lms_url: row.lms_url.as_deref().unwrap_or_default(),
        run_state: dates(row).map_or(RunState::Unknown, |dates| dates.state(now)),
    })
}

fn dates(row: &CourseRow) -> Option<Dates> {
    row.run_known.then_some(Dates {
        start: row.run_start,
        end: row.run_end,
        enrollment_start: row.run_enrollment_start,
        enrollment_end: row.run_enrollment_end,
        withdrawn: row.run_withdrawn,
    })
}
