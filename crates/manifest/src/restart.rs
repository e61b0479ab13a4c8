//! When a service that has ended is started again.

use std::time::Duration;

use source::Tree;

use crate::duration;

/// When a service that has ended by itself is started again, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// After which ends.
    pub policy: RestartPolicy,
    /// The pause before the second restart; the first has none.
    pub pause: Option<Duration>,
    /// By how much each further pause is longer.
    pub factor: Option<u32>,
    /// The longest pause.
    pub cap: Option<Duration>,
    /// The exit codes that are no failure; none: 0.
    pub success: Vec<i32>,
    /// How many restarts there may be within the window.
    pub limit: RestartLimit,
    /// How far back restarts count.
    pub window: Option<Duration>,
}

/// After which ends a service is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// After none.
    No,
    /// After a failure.
    OnFailure,
    /// After every end that nobody asked for.
    Always,
}

/// How many restarts there may be within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartLimit {
    /// As usual.
    Usual,
    /// So many.
    Of(u32),
    /// It is tried for ever.
    None,
}

impl RestartPolicy {
    pub(crate) const WORDS: [&'static str; 3] = ["no", "on-failure", "always"];

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "no" => Some(Self::No),
            "on-failure" => Some(Self::OnFailure),
            "always" => Some(Self::Always),
            _ => None,
        }
    }
}

impl Restart {
    /// Reads a word, or a map.
    pub(crate) fn read(tree: &Tree) -> Self {
        let word = tree.as_str().or_else(|| tree.get("policy").and_then(Tree::as_str));
        let backoff = |key: &str| tree.get("backoff").and_then(|backoff| backoff.get(key));
        let number = |tree: &Tree| tree.as_integer().and_then(|number| u32::try_from(number).ok());
        let success = tree.get("success").and_then(Tree::as_list).unwrap_or_default();
        let limit = match tree.get("max") {
            None => RestartLimit::Usual,
            Some(max) => number(max).map_or(RestartLimit::None, RestartLimit::Of),
        };
        Self {
            policy: word.and_then(RestartPolicy::from_word).unwrap_or(RestartPolicy::OnFailure),
            pause: backoff("start").and_then(duration::read),
            factor: backoff("factor").and_then(number),
            cap: backoff("cap").and_then(duration::read),
            success: success.iter().filter_map(|code| i32::try_from(code.as_integer()?).ok()).collect(),
            limit,
            window: tree.get("window").and_then(duration::read),
        }
    }
}
