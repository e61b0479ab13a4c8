//! What others have pushed becomes part of this copy: metadata by its rules, files line by line, or nothing at all.

use std::collections::{BTreeMap, BTreeSet};

use crate::find::DIRECTORY;
use crate::git_merge::{Blob, Decided, Merge, Sides};
use crate::merge::{self, Ages, Versions};
use crate::{Error, Git, Role, Workspace, git_subdirectory};

/// What came of it.
#[derive(Debug, Clone)]
pub struct Incorporated {
    /// The commit that was checked out before.
    pub before: String,
    /// The commit that is now.
    pub commit: String,
    /// Whether both sides had something that the other had not.
    pub is_merge: bool,
    /// What a person may want to know of how it was merged.
    pub notes: Vec<String>,
}

/// Takes in a commit that was fetched. `None`: it is part of this copy already. When two have changed the same lines of a file of
/// the workspace's own repository, or files that are not committed would be overwritten, nothing is changed.
pub fn incorporate(workspace: &Workspace, theirs: &str) -> Result<Option<Incorporated>, Error> {
    let git = workspace.git()?;
    let ours = git.head()?.ok_or_else(|| {
        let problem = format!("{} has no commit yet", git.directory().display());
        Error::refused(problem, "`seedbed snapshot` makes one")
    })?;
    let base = git.merge_base(&ours, theirs)?.ok_or_else(|| {
        let problem = "what is shared there is another workspace: the two have no commit in common";
        Error::refused(problem, "`git remote get-url origin` says where it is shared")
    })?;
    if base == theirs {
        return Ok(None);
    }
    let mut notes = Vec::new();
    let is_merge = base != ours;
    let target = if is_merge { merged(workspace, git, [&base, &ours, theirs], &mut notes)? } else { theirs.to_owned() };
    refuse_overwriting(git, &ours, &target)?;
    git.move_to(&ours, &target, "seedbed pull")?;
    Ok(Some(Incorporated { before: ours, commit: target, is_merge, notes }))
}

/// Files that somebody is working on are not written over.
fn refuse_overwriting(git: &Git, before: &str, after: &str) -> Result<(), Error> {
    let changed: BTreeMap<String, Option<Blob>> =
        git.changed_blobs(before, after, "")?.into_iter().map(|(path, _, after)| (path, after)).collect();
    let mut lost = Vec::new();
    for path in git.uncommitted()? {
        let Some(wanted) = changed.get(&path) else { continue };
        if git.blob_of_file(&path)? != wanted.as_ref().map(|blob| blob.id.clone()) {
            lost.push(path);
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    let problem = format!("others have changed files that are changed here and not committed: {}", lost.join(", "));
    Err(Error::refused(
        problem,
        "nothing was changed; `seedbed snapshot` or `git commit` keeps what is here, then it is merged",
    ))
}

fn merged(
    workspace: &Workspace,
    git: &Git,
    [base, ours, theirs]: [&str; 3],
    notes: &mut Vec<String>,
) -> Result<String, Error> {
    let merge = git.merge(base, ours, theirs)?;
    let top = git.path_from_top(DIRECTORY);
    let mut decided = metadata(git, [base, ours, theirs], &top, notes)?;
    let results = results_directories(workspace, git)?;
    let mut conflicts = Vec::new();
    for (path, sides) in &merge.undecided {
        if path.starts_with(&format!("{top}/")) {
            continue;
        }
        match file(git, path, sides, &results)? {
            Some(files) => decided.extend(files),
            None => conflicts.push(path.clone()),
        }
    }
    if !conflicts.is_empty() {
        let problem = format!("two have changed the same lines of {}", conflicts.join(", "));
        return Err(Error::refused(
            problem,
            "nothing was changed; `git pull` lets you merge these files, then this goes on",
        ));
    }
    commit(&merge, &decided, ours, theirs)
}

fn commit(merge: &Merge<'_>, decided: &[Decided], ours: &str, theirs: &str) -> Result<String, Error> {
    merge.decide(decided)?;
    merge.commit(ours, theirs, "Merge what others have pushed")
}

/// The metadata, by its own rules: what git would decide by itself is looked at, too.
fn metadata(
    git: &Git,
    [base, ours, theirs]: [&str; 3],
    top: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Decided>, Error> {
    let mut sides: BTreeMap<String, Sides> = BTreeMap::new();
    for (path, before, after) in git.changed_blobs(base, ours, top)? {
        sides.insert(path, Sides { theirs: before.clone(), base: before, ours: after });
    }
    for (path, before, after) in git.changed_blobs(base, theirs, top)? {
        let unchanged = || Sides { ours: before.clone(), base: before.clone(), theirs: None };
        sides.entry(path).or_insert_with(unchanged).theirs = after;
    }
    let ids: BTreeSet<&str> = sides
        .values()
        .flat_map(|sides| [&sides.base, &sides.ours, &sides.theirs])
        .flatten()
        .map(|blob| blob.id.as_str())
        .collect();
    let contents = git.read_blobs(&ids.into_iter().collect::<Vec<_>>())?;
    let content = |blob: &Option<Blob>| blob.as_ref().and_then(|blob| contents.get(&blob.id).cloned());
    let short = |path: &String| path[top.len() + 1..].to_owned();
    let versions = sides.iter().map(|(path, sides)| {
        let versions =
            Versions { base: content(&sides.base), ours: content(&sides.ours), theirs: content(&sides.theirs) };
        (short(path), versions)
    });
    let ages = Ages { ours: git.time_of(ours)?, theirs: git.time_of(theirs)? };
    let outcome = merge::merge(&versions.collect(), ages);
    notes.extend(outcome.notes);
    let mut decided = Vec::new();
    for (path, bytes) in outcome.files {
        let path = format!("{top}/{path}");
        let known = sides.get(&path);
        let blob = match bytes {
            None => None,
            Some(bytes) => {
                let all = known.into_iter().flat_map(|sides| [&sides.ours, &sides.theirs, &sides.base]);
                let same = all.flatten().find(|blob| contents.get(&blob.id) == Some(&bytes));
                Some(match same {
                    Some(blob) => blob.clone(),
                    None => Blob { mode: "100644".to_owned(), id: git.write_blob(&bytes)? },
                })
            }
        };
        decided.push((path, blob));
    }
    Ok(decided)
}

/// Directories with results, from the top, each with `/` at its end.
fn results_directories(workspace: &Workspace, git: &Git) -> Result<Vec<String>, Error> {
    let resources = workspace.metadata().resources()?;
    let in_git = resources.iter().filter(|one| one.role == Role::Results && one.kind == git_subdirectory::KIND);
    let paths = in_git.filter_map(|one| one.text(crate::resource::PATH));
    Ok(paths.map(|path| format!("{}/", git.path_from_top(path))).collect())
}

/// What becomes of a file that both have changed; `None`: a person must say.
fn file(git: &Git, path: &str, sides: &Sides, results: &[String]) -> Result<Option<Vec<Decided>>, Error> {
    let is_result = results.iter().any(|directory| path.starts_with(directory));
    let (ours, theirs) = match (&sides.ours, &sides.theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (Some(one), None) | (None, Some(one)) => {
            // Results are added to, and never taken away by another.
            return Ok(is_result.then(|| vec![(path.to_owned(), Some(one.clone()))]));
        }
        (None, None) => return Ok(Some(vec![(path.to_owned(), None)])),
    };
    let is_plain = |blob: &Blob| blob.mode.starts_with("100");
    if is_plain(ours) && is_plain(theirs) {
        let base = sides.base.as_ref().filter(|blob| is_plain(blob));
        let ids: Vec<&str> =
            [Some(ours), Some(theirs), base].into_iter().flatten().map(|blob| blob.id.as_str()).collect();
        let contents = git.read_blobs(&ids)?;
        let text = |blob: &Blob| contents.get(&blob.id).cloned().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or(path);
        let merged = if [".gitignore", ".gitattributes"].contains(&name) {
            Some(merge::lines(&text(ours), &text(theirs)))
        } else if base.is_some() {
            git.merge_texts(&base.map(text).unwrap_or_default(), &text(ours), &text(theirs))?
        } else {
            None
        };
        if let Some(bytes) = merged {
            let is_changed = base.is_none_or(|base| base.mode == theirs.mode);
            let mode = if is_changed { ours.mode.clone() } else { theirs.mode.clone() };
            return Ok(Some(vec![(path.to_owned(), Some(Blob { mode, id: git.write_blob(&bytes)? }))]));
        }
    }
    if is_result {
        // Both are results: what was shared first has the name.
        return Ok(Some(vec![(path.to_owned(), Some(theirs.clone())), (beside(path, &ours.id), Some(ours.clone()))]));
    }
    Ok(None)
}

/// A name beside that of a file.
fn beside(path: &str, id: &str) -> String {
    let mark = id.get(..7).unwrap_or(id);
    let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
    let name = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem}-{mark}.{extension}"),
        _ => format!("{name}-{mark}"),
    };
    if directory.is_empty() { name } else { format!("{directory}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_results_of_one_name_get_two_names() {
        assert_eq!(beside("results/results.json", "abcdef0123"), "results/results-abcdef0.json");
        assert_eq!(beside("results/.hidden", "abcdef0123"), "results/.hidden-abcdef0");
        assert_eq!(beside("plot", "abc"), "plot-abc");
    }
}
