//! What is asked of the database, one noun per file.

pub mod course_code;
pub mod organization;
pub mod program;
pub mod run_mode;
pub mod token;
