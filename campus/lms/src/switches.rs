//! The toggles of this service, and where they are set.

use either_database::Database;
use toggles::{Annotation, Toggle, Toggles, UseCase};

/// Whether new users can register.
pub const REGISTRATION: Toggle = Toggle::switch(
    "lms.registration",
    true,
    Annotation {
        description: "New users can register.",
        use_cases: &[UseCase::CircuitBreaker],
        created: "2026-11-28",
        removed_by: None,
    },
);

/// Whether learners enrol themselves.
pub const SELF_ENROLLMENT: Toggle = Toggle::flag(
    "lms.self_enrollment",
    true,
    Annotation {
        description: "Learners can enrol themselves; else staff enrol them.",
        use_cases: &[UseCase::OptOut],
        created: "2026-11-28",
        removed_by: None,
    },
);

const ALL: [Toggle; 2] = [REGISTRATION, SELF_ENROLLMENT];

/// All of them, as they are set in this database.
pub fn toggles(database: Database) -> Toggles {
    Toggles::new(database, &ALL).expect("a test declares them, too")
}

#[cfg(test)]
mod tests {
    use super::*;
    use either_database::Options;

    #[tokio::test]
    async fn the_declarations_are_in_order() {
        let database = Database::open("sqlite::memory:", Options::default()).unwrap();
        assert!(Toggles::new(database, &ALL).is_ok());
    }
}
