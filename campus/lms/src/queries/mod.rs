//! What is asked of the database, one noun per file.

pub mod client;
pub mod content;
pub mod course;
pub mod course_mode;
pub mod enrollment;
pub mod organization;
pub mod user;
