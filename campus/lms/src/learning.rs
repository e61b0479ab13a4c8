//! The learning core: what a course is made of, and who sees what of it when. No database, no network, no clock.
//!
//! Four parts that know as little of each other as they can: [`publishing`] says what authors and learners see,
//! [`scheduling`] when something begins for somebody, [`partitioning`] in which groups somebody is, and [`navigation`] puts
//! it together in an outline, by processors that each do one thing.

pub mod navigation;
pub mod partitioning;
pub mod publishing;
pub mod scheduling;
