//! The toggles of this service.

use toggles::{Annotation, Toggle, UseCase};

/// Whether the pages to administrate programs are there.
pub const PROGRAM_PAGES: Toggle = Toggle::flag(
    "commerce.program_pages",
    true,
    Annotation {
        description: "The pages to administrate programs are there, for whoever may administrate them.",
        use_cases: &[UseCase::CircuitBreaker, UseCase::Vip],
        created: "2026-11-28",
        removed_by: None,
    },
);

/// Whether a course that is saved is published, too.
pub const PUBLISH_ON_SAVE: Toggle = Toggle::switch(
    "commerce.publish_course_modes_to_lms",
    true,
    Annotation {
        description: "A course that is saved is published as course modes in the learning management system.",
        use_cases: &[UseCase::CircuitBreaker],
        created: "2026-11-28",
        removed_by: None,
    },
);

/// Whether learners can order.
pub const ORDERS: Toggle = Toggle::flag(
    "commerce.orders",
    true,
    Annotation {
        description: "Seats can be ordered; where it is off, for a site or an organisation, only staff can order them.",
        use_cases: &[UseCase::CircuitBreaker],
        created: "2026-11-28",
        removed_by: None,
    },
);

/// All of them.
pub const ALL: [Toggle; 3] = [PROGRAM_PAGES, PUBLISH_ON_SAVE, ORDERS];
