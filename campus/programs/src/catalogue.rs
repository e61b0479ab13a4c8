//! The copies of organisations, courses and runs, compared with what the learning management system has. No clock, no
//! database.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, SubsecRound, Utc};

use crate::lms::{LmsCourse, LmsOrganization};
use crate::queries::course_run::CourseRun;
use crate::queries::organization::Organization;

/// What is to be written so that the copies are right.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Organisations that are not here.
    pub new_organizations: Vec<Organization>,
    /// Organisations that are here under another name.
    pub renamed_organizations: Vec<Organization>,
    /// Course codes that are not here.
    pub new_course_codes: Vec<NewCourseCode>,
    /// Runs that are not here.
    pub new_runs: Vec<CourseRun>,
    /// Runs of which something else is known here.
    pub changed_runs: Vec<CourseRun>,
    /// The keys of runs that are here, and not there any more.
    pub withdrawn_runs: Vec<String>,
    /// How many organisations and runs are here as there.
    pub unchanged: usize,
}

/// A course apart from its runs, called like the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCourseCode {
    /// The key of the organisation.
    pub organization: String,
    /// The course's number there.
    pub key: String,
    /// A human's name for it.
    pub display_name: String,
}

/// What is here.
#[derive(Debug, Default)]
pub struct Copies {
    /// Organisations by key.
    pub organizations: HashMap<String, String>,
    /// Organisation and key of course codes.
    pub course_codes: HashSet<(String, String)>,
    /// Runs by key.
    pub runs: HashMap<String, CourseRun>,
}

impl Changes {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.new_organizations.is_empty()
            && self.renamed_organizations.is_empty()
            && self.new_course_codes.is_empty()
            && self.new_runs.is_empty()
            && self.changed_runs.is_empty()
            && self.withdrawn_runs.is_empty()
    }

    /// Compares everything that is there with everything that is here.
    ///
    /// Organisations that are not active count only if courses are theirs. Nothing is deleted: programs may still name
    /// it. How course codes are called is the programs' matter once they are here.
    pub fn between(here: &Copies, organizations: Vec<LmsOrganization>, courses: Vec<LmsCourse>) -> Self {
        let mut changes = Self::default();
        let names: HashMap<String, (String, bool)> = organizations
            .into_iter()
            .map(|organization| (organization.short_name, (organization.name, organization.active)))
            .collect();
        // A page may show again what has moved on to it meanwhile.
        let runs: BTreeMap<String, CourseRun> =
            courses.into_iter().map(|course| (course.id.clone(), run_of(course))).collect();

        let active = names.iter().filter(|(_, (_, active))| *active).map(|(key, _)| key.as_str());
        let mut wanted: Vec<&str> = active.chain(runs.values().map(|run| run.organization_key.as_str())).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for key in wanted {
            let name = names.get(key).map_or(key, |(name, _)| name);
            let organization = Organization { key: key.to_owned(), display_name: name.to_owned() };
            match here.organizations.get(key) {
                None => changes.new_organizations.push(organization),
                Some(known) if known != name && names.contains_key(key) => {
                    changes.renamed_organizations.push(organization);
                }
                Some(_) => changes.unchanged += 1,
            }
        }

        let mut codes = HashSet::new();
        for run in runs.values() {
            let code = (run.organization_key.clone(), run.number.clone());
            if !here.course_codes.contains(&code) && codes.insert(code) {
                changes.new_course_codes.push(NewCourseCode {
                    organization: run.organization_key.clone(),
                    key: run.number.clone(),
                    display_name: run.name.clone(),
                });
            }
        }
        let gone = here.runs.values().filter(|run| !run.withdrawn && !runs.contains_key(&run.course_key));
        changes.withdrawn_runs = gone.map(|run| run.course_key.clone()).collect();
        changes.withdrawn_runs.sort_unstable();
        for (key, run) in runs {
            match here.runs.get(&key) {
                None => changes.new_runs.push(run),
                Some(known) if *known != run => changes.changed_runs.push(run),
                Some(_) => changes.unchanged += 1,
            }
        }
        changes
    }
}

/// A run as it is kept here: with moments that both engines can hold.
pub fn run_of(course: LmsCourse) -> CourseRun {
    let moment = |moment: Option<DateTime<Utc>>| moment.map(|moment| moment.trunc_subsecs(6));
    CourseRun {
        course_key: course.id,
        organization_key: course.org,
        number: course.number,
        name: course.name,
        start_date: moment(course.start),
        end_date: moment(course.end),
        enrollment_start: moment(course.enrollment_start),
        enrollment_end: moment(course.enrollment_end),
        withdrawn: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(key: &str, active: bool) -> LmsOrganization {
        LmsOrganization { short_name: key.to_owned(), name: format!("{key} Inc."), active }
    }

    fn course(org: &str, number: &str, run: &str) -> LmsCourse {
        LmsCourse {
            id: format!("course-v1:{org}+{number}+{run}"),
            name: format!("{number} {run}"),
            number: number.to_owned(),
            org: org.to_owned(),
            start: Some("2030-01-01T00:00:00.123456789Z".parse().unwrap()),
            end: None,
            enrollment_start: None,
            enrollment_end: None,
        }
    }

    fn copies(changes: &Changes) -> Copies {
        let organizations = changes.new_organizations.iter();
        Copies {
            organizations: organizations.map(|one| (one.key.clone(), one.display_name.clone())).collect(),
            course_codes: changes
                .new_course_codes
                .iter()
                .map(|one| (one.organization.clone(), one.key.clone()))
                .collect(),
            runs: changes.new_runs.iter().map(|run| (run.course_key.clone(), run.clone())).collect(),
        }
    }

    fn there() -> (Vec<LmsOrganization>, Vec<LmsCourse>) {
        let courses = [
            ("edX", "DemoX", "1"),
            ("edX", "DemoX", "2"),
            ("old", "X", "1"),
            ("lost", "Y", "1"),
            ("edX", "DemoX", "1"),
        ];
        let courses = courses.map(|(org, number, run)| course(org, number, run)).into();
        (vec![organization("edX", true), organization("old", false), organization("idle", false)], courses)
    }

    #[test]
    fn all_that_courses_need_is_made_once_and_then_nothing() {
        let (organizations, courses) = there();
        let first = Changes::between(&Copies::default(), organizations, courses);
        let keys: Vec<(&str, &str)> =
            first.new_organizations.iter().map(|one| (one.key.as_str(), one.display_name.as_str())).collect();
        assert_eq!(keys, [("edX", "edX Inc."), ("lost", "lost"), ("old", "old Inc.")]);
        let codes: Vec<(&str, &str)> =
            first.new_course_codes.iter().map(|one| (one.key.as_str(), one.display_name.as_str())).collect();
        assert_eq!(codes, [("DemoX", "DemoX 1"), ("Y", "Y 1"), ("X", "X 1")]);
        assert_eq!(first.new_runs.len(), 4);

        let (organizations, courses) = there();
        let second = Changes::between(&copies(&first), organizations, courses);
        assert_eq!(second, Changes { unchanged: 7, ..Changes::default() });
        assert!(second.is_empty() && !first.is_empty());
    }

    #[test]
    fn what_is_otherwise_there_becomes_so_here() {
        let (organizations, courses) = there();
        let mut here = copies(&Changes::between(&Copies::default(), organizations, courses));
        here.organizations.insert("edX".to_owned(), "Old name".to_owned());
        // Nobody there says what it is called.
        here.organizations.insert("lost".to_owned(), "Lost and found".to_owned());
        here.runs.get_mut("course-v1:edX+DemoX+1").unwrap().name = "Old name".to_owned();
        here.runs.get_mut("course-v1:old+X+1").unwrap().withdrawn = true;
        let gone = run_of(course("edX", "Gone", "1"));
        here.runs.insert(gone.course_key.clone(), gone);
        let (organizations, courses) = there();
        let changes = Changes::between(&here, organizations, courses);
        assert_eq!(changes.renamed_organizations.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["edX"]);
        let changed: Vec<(&str, bool)> =
            changes.changed_runs.iter().map(|run| (run.course_key.as_str(), run.withdrawn)).collect();
        assert_eq!(changed, [("course-v1:edX+DemoX+1", false), ("course-v1:old+X+1", false)]);
        assert_eq!(changes.withdrawn_runs, ["course-v1:edX+Gone+1"]);
        assert!(changes.new_runs.is_empty() && changes.new_course_codes.is_empty());
    }
}
