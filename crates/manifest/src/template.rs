//! Text with references in it: `http://${services.web.host}:80`.

use std::ops::Range;

use source::{Place, Problem, Problems};

/// Text with references to values that are known before anything starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    place: Place,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// What stands in `${…}`.
    Reference(Reference),
}

/// What stands in `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its words: `${databases.lms.url}` has three. A reference of a manifest that was read without errors is one of
    /// those that the format knows, and what it names is there.
    pub path: Vec<String>,
    /// Where it stands, from the dollar sign to the brace.
    pub place: Place,
}

impl Template {
    /// Makes a template of text that has no references, whatever is in it.
    pub fn literal(text: impl Into<String>, place: Place) -> Self {
        let text = text.into();
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] };
        Self { parts, place }
    }

    /// Returns the parts in order; no two texts are side by side, and none is empty.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns where the template stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the references in it, in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// Reads a whole scalar. `$$` is a dollar sign, and so is one that no brace follows.
    pub(crate) fn parse(text: &str, place: &Place, problems: &mut Problems) -> Option<Self> {
        let mut builder = TemplateBuilder::default();
        let mut index = 0;
        while let Some(character) = text[index..].chars().next() {
            index += if character == '$' {
                match dollar(text, index, place) {
                    Ok(Dollar::Sign(length)) => {
                        builder.push('$');
                        length
                    }
                    Ok(Dollar::Reference(reference, length)) => {
                        builder.push_reference(reference);
                        length
                    }
                    Err(problem) => {
                        problems.push(problem);
                        return None;
                    }
                }
            } else {
                builder.push(character);
                character.len_utf8()
            };
        }
        Some(builder.build(place.clone()))
    }
}

/// Puts a template together.
#[derive(Default)]
pub(crate) struct TemplateBuilder {
    parts: Vec<Part>,
}

impl TemplateBuilder {
    pub(crate) fn push(&mut self, character: char) {
        if let Some(Part::Text(text)) = self.parts.last_mut() {
            text.push(character);
        } else {
            self.parts.push(Part::Text(character.to_string()));
        }
    }

    pub(crate) fn push_reference(&mut self, reference: Reference) {
        self.parts.push(Part::Reference(reference));
    }

    pub(crate) fn build(self, place: Place) -> Template {
        Template { parts: self.parts, place }
    }
}

/// What a dollar sign begins, and how many bytes that is long.
pub(crate) enum Dollar {
    /// A dollar sign: one, or one written twice.
    Sign(usize),
    /// A reference.
    Reference(Reference, usize),
}

/// Reads what begins with the dollar sign at `index`. `place` is where the whole of `text` stands.
pub(crate) fn dollar(text: &str, index: usize, place: &Place) -> Result<Dollar, Problem> {
    let rest = &text[index..];
    if rest.starts_with("$$") {
        return Ok(Dollar::Sign(2));
    }
    if !rest.starts_with("${") {
        return Ok(Dollar::Sign(1));
    }
    let at = |range: Range<usize>| place.within(text, range);
    let Some(end) = rest.find('}') else {
        return Err(Problem::error("manifest::reference-syntax", "`${` without `}`")
            .at(&at(index..index + 2), "begins here and never ends")
            .help("a dollar sign before a brace is written `$$`"));
    };
    let inner = &rest[2..end];
    let place = at(index..index + end + 1);
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character))
    };
    if !inner.split('.').all(word) {
        let trimmed = inner.trim();
        let help = if trimmed != inner && trimmed.split('.').all(word) {
            format!("write `${{{trimmed}}}`")
        } else {
            "a reference is words and points, such as `${services.web.url}`; what is meant for a shell begins with `$$`"
                .to_owned()
        };
        return Err(Problem::error("manifest::reference-syntax", format!("`${{{inner}}}` is not a reference"))
            .at(&place, "not a reference")
            .help(help));
    }
    let path = inner.split('.').map(str::to_owned).collect();
    Ok(Dollar::Reference(Reference { path, place }, end + 1))
}
