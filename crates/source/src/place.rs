//! A place: a range of bytes of a file.

use std::fmt;
use std::ops::Range;

use crate::SourceFile;

/// A range of bytes of a file of the user's.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    file: SourceFile,
    range: Range<usize>,
}

impl Place {
    /// Makes a place; the range is cut to the text and widened to whole characters.
    pub fn new(file: &SourceFile, range: Range<usize>) -> Self {
        let text = file.text();
        let mut start = range.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = range.end.clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Self { file: file.clone(), range: start..end }
    }

    /// Returns the very beginning of a file.
    pub fn start_of(file: &SourceFile) -> Self {
        Self::new(file, 0..0)
    }

    /// Returns the file.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Returns the range in bytes of the file's text.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Returns the text that stands there.
    pub fn text(&self) -> &str {
        &self.file.text()[self.range.clone()]
    }

    /// Returns the line of the first byte, counted from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// Returns the column of the first character in its line, counted in characters from 1.
    pub fn column(&self) -> usize {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        before[line_start..].chars().count() + 1
    }

    /// Points at a part of a scalar that stands here, as well as that can be told.
    ///
    /// `value` is the scalar's value and `range` a range of bytes in it. Quotes, indentation and folding make the
    /// text differ from the value; where the part cannot be found in the text, the whole scalar is the answer.
    #[must_use]
    pub fn within(&self, value: &str, range: Range<usize>) -> Self {
        let Some(part) = value.get(range.clone()).filter(|part| !part.is_empty()) else { return self.clone() };
        let text = self.text();
        let nth = value.match_indices(part).position(|(index, _)| index == range.start);
        let same_count = value.matches(part).count() == text.matches(part).count();
        let found = nth.filter(|_| same_count).and_then(|nth| text.match_indices(part).nth(nth));
        found.map_or_else(
            || self.clone(),
            |(index, _)| {
                let start = self.range.start + index;
                Self { file: self.file.clone(), range: start..start + part.len() }
            },
        )
    }

    /// Returns the part of this place that is on its first line, without trailing blanks.
    #[must_use]
    pub fn first_line(&self) -> Self {
        let line = self.text().lines().next().unwrap_or_default().trim_end();
        Self { file: self.file.clone(), range: self.range.start..self.range.start + line.len() }
    }

    fn before(&self) -> &str {
        &self.file.text()[..self.range.start]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.name(), self.line(), self.column())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.file.name(), self.range)
    }
}
