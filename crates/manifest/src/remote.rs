//! A place where stores are shared.

use std::path::Path;

use source::{Entry, Place, Problem, Tree, closest};

use crate::reading::Reading;
use crate::tree::plain;

/// A place where snapshots, states and bases are shared with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// Where it is: a path, or an address with `file`, `s3`, `oci`, `http`, `https` or `rclone`. A path is absolute in
    /// what [`crate::load`] returns, and as it is written in what [`crate::read`] returns.
    pub url: String,
    /// The address as it is written, for messages.
    pub written: String,
    /// Whether `up` takes states from there.
    pub pull: bool,
    /// Recipients for whom all that is pushed is encrypted; none: it is not encrypted.
    pub encrypt_to: Vec<String>,
    /// Where its name stands.
    pub place: Place,
}

/// How an address begins, and how one of its kind is written.
const FORMS: [(&str, &str); 6] = [
    ("file", "file:///DIRECTORY"),
    ("s3", "s3://BUCKET/PREFIX"),
    ("oci", "oci://REGISTRY/REPOSITORY"),
    ("http", "http://HOST/PATH"),
    ("https", "https://HOST/PATH"),
    ("rclone", "rclone:REMOTE:PATH"),
];

impl Remote {
    /// Reads an entry of `remotes`, which the grammar has checked.
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let url = tree.get("url").unwrap_or(tree);
        let text = url.as_str()?;
        if let Some(problem) = check(text, &url.place) {
            reading.problems.push(problem);
            return None;
        }
        warn_of_password(text, &url.place, reading);
        let recipients = tree.get("encrypt_to").and_then(Tree::as_list).unwrap_or_default();
        Some(Self {
            name: entry.key.clone(),
            url: text.to_owned(),
            written: text.to_owned(),
            pull: tree.get("pull").and_then(Tree::as_bool).unwrap_or(true),
            encrypt_to: recipients.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            place: entry.key_place.clone(),
        })
    }

    /// Says whether it is a path relative to the workspace.
    pub(crate) fn is_relative(&self) -> bool {
        form(&self.written).is_none() && !self.written.starts_with('/')
    }

    /// Makes a relative path absolute. `None` if that is not text.
    pub(crate) fn resolve(&mut self, workspace: &Path) -> Option<()> {
        if self.is_relative() {
            plain(&workspace.join(&self.written)).to_str()?.clone_into(&mut self.url);
        }
        Some(())
    }
}

/// The form of an address and what follows its first colon; `None` for a path.
fn form(text: &str) -> Option<(&'static str, &'static str, &str)> {
    let (word, rest) = text.split_once(':')?;
    FORMS.into_iter().find(|(known, _)| *known == word).map(|(known, example)| (known, example, rest))
}

fn check(text: &str, place: &Place) -> Option<Problem> {
    let problem = |message: String, label: &str| Problem::error("manifest::remote", message).at(place, label);
    let is_filled = |pair: Option<(&str, &str)>| pair.is_some_and(|(one, other)| !one.is_empty() && !other.is_empty());
    if let Some((word, example, rest)) = form(text) {
        let after_slashes = rest.strip_prefix("//").unwrap_or_default();
        let is_right = match word {
            "rclone" => rest.split_once(':').is_some_and(|(remote, _)| !remote.is_empty()),
            "file" => after_slashes.starts_with('/'),
            "oci" => is_filled(after_slashes.split_once('/')),
            _ => !after_slashes.is_empty() && !after_slashes.starts_with('/'),
        };
        return (!is_right).then(|| {
            problem(format!("`{text}` is not complete"), "something is missing").help(format!("write `{example}`"))
        });
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let known = FORMS.map(|(word, _)| word);
        let help = match closest(scheme, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a remote is a path, or begins with {}", crate::declared::listed(&known)),
        };
        return Some(problem(format!("there are no remotes of the kind `{scheme}`"), "not known").help(help));
    }
    if text.starts_with('~') {
        let problem = problem(format!("`{text}` begins with `~`, which only a shell knows"), "not a path");
        return Some(problem.help("write the path relative to the workspace, or from `/` on"));
    }
    text.is_empty().then(|| problem("the address of a remote is empty".to_owned(), "no address"))
}

/// Warns of a password in an address: a manifest is read by many, and an address is shown in messages.
pub(crate) fn warn_of_password(url: &str, place: &Place, reading: &mut Reading<'_>) {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) {
        reading.problems.push(
            Problem::warning("manifest::password", "a password does not belong in a manifest")
                .at(place, "everybody can read it here")
                .help(
                    "remotes take their credentials from the environment and from the files where such tools keep them",
                ),
        );
    }
}
