//! `seedbed repositories`

use environment::{CacheLimits, CachedRepository};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::RepositoriesArguments;
use crate::duration::size;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &RepositoriesArguments) -> Result<Outcome, Failure> {
    if arguments.prune {
        let limits = CacheLimits { unused: Some(arguments.unused_for), bytes: arguments.keep };
        let gone = job.tell(environment::clean_repositories(job.context, &limits))?;
        let bytes = gone.iter().map(|cached| cached.bytes).sum();
        let what = count(gone.len(), "commit", "commits");
        let text = format!("removed the files of {what}, {}\n", size(bytes));
        return Ok(Outcome::of(text, json!({ "pruned": all(&gone) })));
    }
    let cached = job.tell(environment::cached_repositories(job.context))?;
    let rows: Vec<_> = cached
        .iter()
        .map(|cached| {
            let state = if cached.is_in_use { "is in use".to_owned() } else { unused(cached) };
            [cached.address.clone(), cached.commit[..12].to_owned(), size(cached.bytes), state]
        })
        .collect();
    let text = if rows.is_empty() {
        "nothing was fetched of any dependency\n".to_owned()
    } else {
        table(["REPOSITORY", "COMMIT", "SIZE", "LAST USE"], &rows)
    };
    Ok(Outcome::of(text, json!({ "repositories": all(&cached) })))
}

fn unused(cached: &CachedRepository) -> String {
    const HOUR: u64 = 3_600;
    match cached.unused.as_secs() / HOUR {
        0 => "within the hour".to_owned(),
        hours @ 1..48 => format!("{} ago", count(usize::try_from(hours).unwrap_or_default(), "hour", "hours")),
        hours => format!("{} days ago", hours / 24),
    }
}

fn all(cached: &[CachedRepository]) -> Vec<Value> {
    let one = |cached: &CachedRepository| {
        json!({
            "repository": cached.address, "commit": cached.commit, "directory": cached.directory, "bytes": cached.bytes,
            "unused_s": cached.unused.as_secs(), "in_use": cached.is_in_use,
        })
    };
    cached.iter().map(one).collect()
}
