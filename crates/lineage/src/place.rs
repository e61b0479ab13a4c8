//! Places: what is read and written, by the name of a resource and the path in it.

use std::fmt;

/// The resource that is the directory of the workspace itself.
pub const WORKSPACE: &str = ".";

/// A place in a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The name of the resource.
    pub resource: String,
    /// The path in it, with `/` and without one at its ends; empty for all of it.
    pub path: String,
}

impl Place {
    /// A place, with its path brought into form: `./a//b/` is `a/b`.
    pub fn new(resource: impl Into<String>, path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        Self { resource: resource.into(), path: parts.join("/") }
    }

    /// Whether the other place is this one or in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.resource == other.resource
            && (self.path.is_empty()
                || other.path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Whether one of the two is in the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The places that this one is in, from near to far.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let mut next = (!self.path.is_empty()).then_some(self.path.as_str());
        std::iter::from_fn(move || {
            let path = next?;
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            next = (!above.is_empty()).then_some(above);
            Some(Self { resource: self.resource.clone(), path: above.to_owned() })
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.resource.as_str(), self.path.as_str()) {
            (resource, "") => formatter.write_str(resource),
            (WORKSPACE, path) => formatter.write_str(path),
            (resource, path) => write!(formatter, "{resource}:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_covers_what_is_in_it_and_no_neighbour_of_a_like_name() {
        let place = Place::new("data", "/raw/./day//");
        assert_eq!(place.path, "raw/day");
        assert!(place.covers(&Place::new("data", "raw/day/1.csv")));
        assert!(place.covers(&place));
        assert!(!place.covers(&Place::new("data", "raw/days")));
        assert!(!place.covers(&Place::new("other", "raw/day")));
        assert!(Place::new("data", "").covers(&place));
        assert!(Place::new("data", "raw/day/1.csv").overlaps(&place));
    }

    #[test]
    fn ancestors_end_with_the_resource() {
        let above: Vec<String> = Place::new("data", "a/b/c").ancestors().map(|place| place.to_string()).collect();
        assert_eq!(above, ["data:a/b", "data:a", "data"]);
        assert_eq!(Place::new("data", "").ancestors().count(), 0);
    }
}
