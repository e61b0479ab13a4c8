//! `init`: a first manifest, from what lies in a directory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sketch::Sketch;
use source::Severity;

use crate::Error;
use crate::context::Context;

/// A first manifest.
#[derive(Debug)]
pub struct InitReport {
    /// What was found, and what is left to people.
    pub sketch: Sketch,
    /// The text of the manifest.
    pub text: String,
    /// Where it was written; nothing when it was not.
    pub written: Option<PathBuf>,
}

/// Makes a manifest of what lies in a directory, and writes it there unless it shall only be shown. One that is there stays.
pub fn init(context: &Context<'_>, root: &Path, only_show: bool) -> Result<InitReport, Error> {
    let path = root.join(manifest::FILE_NAME);
    if !only_show && path.symlink_metadata().is_ok() {
        return Err(Error::ManifestThere(path));
    }
    let sketch = usable(context, root)?;
    let text = sketch.manifest();
    if only_show {
        return Ok(InitReport { sketch, text, written: None });
    }
    // Somebody may have written one meanwhile.
    let file = File::options().write(true).create_new(true).open(&path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(InitReport { sketch, text, written: Some(path) }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::ManifestThere(path)),
        Err(error) => Err(Error::io("write", &path)(error)),
    }
}

/// A sketch whose manifest has no mistakes: a file of another format that has some is left out.
fn usable(context: &Context<'_>, root: &Path) -> Result<Sketch, Error> {
    let mut skipped: Vec<String> = Vec::new();
    let mut reasons = Vec::new();
    loop {
        let without: Vec<&str> = skipped.iter().map(String::as_str).collect();
        let mut sketch = sketch::draw(root, &without).map_err(Error::io("read", root))?;
        let problems = manifest::check_text(root, &sketch.manifest(), &context.variables);
        if !problems.has_errors() {
            sketch.left.extend(reasons);
            return Ok(sketch);
        }
        // What is left out once is not imported again.
        let Some((_, file)) = sketch.imports.first() else { return Err(Error::Problems(problems)) };
        let first =
            problems.iter().find(|problem| problem.severity == Severity::Error).expect("one of them is an error");
        let place =
            first.place().map_or_else(|| file.clone(), |place| format!("{}:{}", place.file().name(), place.line()));
        reasons.push(format!("{file}: not used, because of what stands at {place}: {}", first.message));
        skipped.push(file.clone());
    }
}
