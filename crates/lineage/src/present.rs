//! What is at places now, asked of whoever can look, once for each place.

use std::collections::HashMap;

use crate::place::Place;
use crate::record::Content;

/// What is at places now.
pub struct Present<'a> {
    look: Box<dyn FnMut(&Place) -> Content + 'a>,
    known: HashMap<Place, Content>,
}

impl<'a> Present<'a> {
    /// Asks this for each place. What it cannot look at is [`Content::Unknown`].
    pub fn new(look: impl FnMut(&Place) -> Content + 'a) -> Self {
        Self { look: Box::new(look), known: HashMap::new() }
    }

    /// What is at a place.
    pub fn content(&mut self, place: &Place) -> Content {
        if let Some(content) = self.known.get(place) {
            return content.clone();
        }
        let content = (self.look)(place);
        self.known.insert(place.clone(), content.clone());
        content
    }

    /// What was just written there.
    pub fn set(&mut self, place: Place, content: Content) {
        self.known.insert(place, content);
    }

    /// Forgets what is known: something may have changed.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}
