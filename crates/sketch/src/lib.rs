//! A first manifest from what lies in a directory: files of other tools say how a project is run. Runs and writes nothing.
//!
//! [`draw`] looks at a directory and gives the text of a `seedbed.yaml`, with what was found and what it could not know. A file
//! per tool: each looks for its own, and adds to the [`Sketch`]. To add a tool, add its file and a line in `draw`.

mod cargo;
mod compose;
mod directory;
mod django;
mod dockerfile;
mod npm;
mod procfile;
mod sketch;
mod text;

pub use sketch::{Sketch, Thing};

use std::io;
use std::path::Path;

use directory::Directory;

/// Looks at a directory. `skipped` are files that are left out, since what they say cannot be used.
pub fn draw(root: &Path, skipped: &[&str]) -> io::Result<Sketch> {
    let directory = Directory::read(root, skipped)?;
    let mut sketch = Sketch::new(root);
    compose::add(&directory, &mut sketch);
    procfile::add(&directory, &mut sketch);
    django::add(&directory, &mut sketch);
    cargo::add(&directory, &mut sketch);
    npm::add(&directory, &mut sketch);
    dockerfile::add(&directory, &mut sketch);
    sketch.finish(&directory);
    Ok(sketch)
}
