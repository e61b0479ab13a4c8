//! What is wrong with what is said of dependencies.

use manifest::{Dependency, DependencySource, Wanted};
use repositories::Address;
use source::{Place, Problem};

use crate::dependency_finder::Decision;

/// The address of a repository that is wanted.
pub(crate) fn address(dependency: &Dependency) -> Result<Address, Problem> {
    let DependencySource::Git { url, .. } = &dependency.source else {
        unreachable!("only repositories have an address")
    };
    Address::parse(url).map_err(|error| {
        Problem::error("dependency::address", error.message).at(&dependency.place, "not fetched").help(error.help)
    })
}

/// A path that leads out of a repository that was fetched.
pub(crate) fn outside(wanted: &Wanted<'_>) -> Problem {
    let message = format!("the dependency `{}` leads out of its repository", wanted.alias);
    let fetched = format!("`{}` was fetched, and what lies beside it was not", wanted.chain.join(" → "));
    Problem::error("dependency::outside", message)
        .at(&wanted.dependency.place, fetched)
        .help("name it by the address of its repository, with `git`, or link it to a checkout")
}

/// Two revisions of one repository, and nobody who decides.
pub(crate) fn conflict(
    alias: &str,
    (reference, chain, place): (&Option<String>, &[String], &Place),
    known: &Decision,
    address: &Address,
) -> Problem {
    let name = |reference: &Option<String>| reference.clone().unwrap_or_else(|| "the default branch".to_owned());
    let message =
        format!("{address} is wanted at two revisions: `{}` and `{}`", name(reference), name(&known.reference));
    Problem::error("dependency::two-revisions", message)
        .at(place, format!("`{}`: {}", name(reference), chain.join(" → ")))
        .at(&known.place, format!("`{}`: {}", name(&known.reference), known.chain.join(" → ")))
        .help(format!(
            "what {} itself says holds for all: add `{alias}: {{ git: \"{address}\", ref: {} }}` to its dependencies; \
             or let one of them be there beside the other, under a name of its own: `as: {alias}-2`",
            chain[0],
            name(reference)
        ))
}
