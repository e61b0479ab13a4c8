//! What is asked of the database, one noun per file.

pub mod banner;
pub mod catalogue;
pub mod course_code;
pub mod course_run;
pub mod history;
pub mod learner;
pub mod organization;
pub mod program;
pub mod revision;
pub mod run_mode;
pub mod user;
pub mod version;
pub mod writer;
