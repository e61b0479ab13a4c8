//! A file of the user's: its text and the name by which it is shown.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::{Place, Problem};

/// A text file of the user's. Cheap to clone.
#[derive(Clone)]
pub struct SourceFile(Arc<Content>);

struct Content {
    name: String,
    text: String,
}

impl SourceFile {
    /// Makes a file from text that is at hand; `name` is what the user is shown. A byte order mark is dropped.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Self(Arc::new(Content { name: name.into(), text }))
    }

    /// Reads a file; a file that cannot be read or is not UTF-8 is a problem that names it.
    pub fn read(path: &Path, shown_as: &str) -> Result<Self, Problem> {
        let bytes = std::fs::read(path)
            .map_err(|error| Problem::error("file::unreadable", format!("cannot read `{shown_as}`: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(shown_as, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let file = Self::new(shown_as, String::from_utf8_lossy(error.as_bytes()));
                // The byte order mark that `new` drops is not in the text any more.
                let start = good.saturating_sub(if error.as_bytes().starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
                let place = Place::new(&file, start..start + char::REPLACEMENT_CHARACTER.len_utf8());
                Err(Problem::error("file::not-utf8", format!("`{shown_as}` is not UTF-8 text"))
                    .at(&place, "this byte is not part of any character"))
            }
        }
    }

    /// Returns the name as the user is shown it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

/// Two handles are equal when name and text are.
impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.name() == other.name() && self.text() == other.text())
    }
}

impl Eq for SourceFile {}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceFile").field(&self.name()).finish()
    }
}
