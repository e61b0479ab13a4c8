//! The synchronisation with the learning management system.

use programs::SyncError;

use crate::harness::on_each_engine;
use crate::lms::{Content, Lms, course, organization};

fn lms() -> Lms {
    let mut organizations: Vec<_> = (0..120).map(|number| organization(&format!("org{number}"), true)).collect();
    organizations.push(organization("idle", false));
    let courses =
        (0..250).map(|number| course(&format!("org{}", number % 7), &format!("C{}", number / 2), &number.to_string()));
    Lms::start(Content { organizations, courses: courses.collect(), ..Content::default() })
}

#[test]
fn all_is_read_page_by_page_and_only_written_when_asked() {
    let lms = lms();
    on_each_engine(|system| {
        let counts = || {
            [
                "SELECT count(*) FROM organizations",
                "SELECT count(*) FROM course_codes",
                "SELECT count(*) FROM course_runs",
            ]
            .map(|query| system.count(query))
        };
        let before = counts();
        for commit in [false, true] {
            let changes = system.sync(&lms, "right", commit).unwrap();
            assert_eq!((changes.new_organizations.len(), changes.renamed_organizations.len()), (119, 1));
            assert_eq!(
                (changes.new_runs.len(), changes.withdrawn_runs.len()),
                (250, 3),
                "the seed has three of its own"
            );
            let codes = i64::try_from(changes.new_course_codes.len()).unwrap();
            let after = if commit { [before[0] + 119, before[1] + codes, before[2] + 250] } else { before };
            assert_eq!(counts(), after);
        }
        assert_eq!(
            system.count("SELECT count(*) FROM organizations WHERE key = 'org1' AND display_name = 'org1 Inc.'"),
            1
        );
        let revision = || system.count("SELECT number FROM catalogue_revision");
        let written = revision();
        let again = system.sync(&lms, "right", true).unwrap();
        assert!(again.is_empty(), "{again:?}");
        assert_eq!(revision(), written, "a second run writes nothing");
        assert!(matches!(system.sync(&lms, "wrong", true), Err(SyncError::Lms(_))));
    });
}

#[test]
fn what_changes_there_changes_here() {
    on_each_engine(|system| {
        let lms = Lms::start(Content {
            organizations: vec![organization("edX", true)],
            courses: vec![course("edX", "Seeds", "2025"), course("edX", "Trees", "1")],
            ..Content::default()
        });
        system.sync(&lms, "right", true).unwrap();
        let state = || system.program("active")["course_codes"][0]["run_modes"][0]["run_state"].clone();
        assert_eq!(state(), "upcoming");
        lms.content.lock().unwrap().courses[0]["start"] = "2020-01-01T00:00:00.123456789Z".into();
        assert_eq!(system.sync(&lms, "right", true).unwrap().changed_runs.len(), 1);
        assert_eq!(state(), "open");
        assert!(
            system.sync(&lms, "right", true).unwrap().is_empty(),
            "also of a moment that no engine keeps to the nanosecond"
        );
        let gone = lms.content.lock().unwrap().courses.remove(0);
        assert_eq!(system.sync(&lms, "right", true).unwrap().withdrawn_runs, ["course-v1:edX+Seeds+2025"]);
        assert_eq!(state(), "withdrawn");
        lms.content.lock().unwrap().courses.push(gone);
        assert_eq!(system.sync(&lms, "right", true).unwrap().changed_runs.len(), 1);
        assert_eq!(state(), "open");
    });
}
