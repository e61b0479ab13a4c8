//! The user's text: YAML with exact places, problems found in it, and how they are shown. Knows no format of ours.

mod closest;
mod file;
mod parse;
mod place;
mod problem;
mod reader;
mod render;
mod scalar;
mod tree;

pub use closest::closest;
pub use file::SourceFile;
pub use parse::{LooseFile, parse, parse_loosely};
pub use place::Place;
pub use problem::{Label, Problem, Problems, Severity};
pub use reader::MapReader;
pub use render::{RenderOptions, render};
pub use tree::{Entry, Node, Tree};
