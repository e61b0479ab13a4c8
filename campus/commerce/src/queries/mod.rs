//! What is asked of the database, one noun per file.

pub mod course;
pub mod order;
pub mod partner;
pub mod seat;
pub mod site;
