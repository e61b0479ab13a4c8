//! The courses of a program, compared: what makes a new version of it, and what does not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::program_input::CourseCodeInput;
use crate::queries::program::CourseRow;

/// How the courses that are there and those that are wanted differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Not at all.
    None,
    /// In their order, their names, or in dates and addresses of their runs. Whoever completes one completes the other.
    Particulars,
    /// In the courses, runs or modes that count.
    Courses,
}

/// All that can be said of a course code in a program.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Particulars<'a> {
    organization: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    run_modes: BTreeSet<RunParticulars<'a>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct RunParticulars<'a> {
    course_key: &'a str,
    mode_slug: &'a str,
    sku: &'a str,
    start_date: DateTime<Utc>,
    lms_url: &'a str,
}

/// Compares them.
pub fn difference(rows: &[CourseRow], wanted: &[CourseCodeInput]) -> Difference {
    let (mut was, is) = (of_rows(rows), particulars(wanted));
    if counting(&was) != counting(&is) {
        return Difference::Courses;
    }
    // A name that is not given stays.
    for (was, is) in was.iter_mut().zip(&is) {
        if is.display_name.is_none() {
            was.display_name = None;
        }
    }
    if was == is { Difference::None } else { Difference::Particulars }
}

/// What is wanted, in a form that can be compared and written down.
pub fn particulars(wanted: &[CourseCodeInput]) -> Vec<Particulars<'_>> {
    fn of(code: &CourseCodeInput) -> Particulars<'_> {
        let run_modes = code.run_modes.iter().map(|run| RunParticulars {
            course_key: &run.course_key,
            mode_slug: &run.mode_slug,
            sku: &run.sku,
            start_date: run.start_date,
            lms_url: &run.lms_url,
        });
        Particulars {
            organization: &code.organization,
            key: &code.key,
            display_name: code.display_name.as_deref(),
            run_modes: run_modes.collect(),
        }
    }
    wanted.iter().map(of).collect()
}

fn of_rows(rows: &[CourseRow]) -> Vec<Particulars<'_>> {
    fn of(rows: &[CourseRow]) -> Particulars<'_> {
        let run_modes = rows.iter().filter_map(|row| {
            Some(RunParticulars {
                course_key: row.course_key.as_deref()?,
                mode_slug: row.mode_slug.as_deref()?,
                sku: row.sku.as_deref()?,
                start_date: row.start_date?,
                lms_url: row.lms_url.as_deref()?,
            })
        });
        Particulars {
            organization: &rows[0].organization_key,
            key: &rows[0].key,
            display_name: Some(&rows[0].display_name),
            run_modes: run_modes.collect(),
        }
    }
    rows.chunk_by(|one, other| one.position == other.position).map(of).collect()
}

/// A course, its runs and modes: what completion asks for.
type Counting<'a> = BTreeSet<(&'a str, &'a str, BTreeSet<(&'a str, &'a str, &'a str)>)>;

fn counting<'a>(codes: &[Particulars<'a>]) -> Counting<'a> {
    let runs = |code: &Particulars<'a>| {
        code.run_modes.iter().map(|run| (run.course_key, run.mode_slug, run.sku)).collect::<BTreeSet<_>>()
    };
    codes.iter().map(|code| (code.organization, code.key, runs(code))).collect()
}
