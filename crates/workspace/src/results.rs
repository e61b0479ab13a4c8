//! Results of a snapshot move to a place of their own, so that those of the next one do not cover them.

use std::fs;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, changes};

/// The parameter with the template of that place.
pub const TEMPLATE_PARAMETER: &str = "results.dir_template";
/// What it is when nothing is said.
pub const TEMPLATE: &str = "snapshots/{HOSTNAME}-{TAG}";
/// The parameter with the files that stay where they are.
pub const EXCLUDE_PARAMETER: &str = "results.move_exclude_files";
/// What they are when nothing is said.
pub const EXCLUDED: [&str; 3] = ["README.txt", "README.rst", "README.md"];
/// The file with metrics.
pub const RESULTS_FILE: &str = "results.json";

/// Where all places of earlier results are; templates begin with it.
const SNAPSHOTS: &str = "snapshots";
/// What stays beside the results: the lineage that goes with an exported resource.
const STAYING: [&str; 2] = [".git", "lineage.json"];

/// A file or directory that gets another path; both are whole paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where it was.
    pub from: PathBuf,
    /// Where it goes.
    pub to: PathBuf,
    /// Whether it stays where it was, too.
    #[serde(default)]
    pub copy: bool,
}

/// Patterns of files that stay: a name at any depth, or with a slash a path.
pub fn patterns(globs: &[String]) -> Result<GlobSet, Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let deep = if glob.contains('/') { None } else { Some(format!("**/{glob}")) };
        for pattern in [Some(glob.clone()), deep].into_iter().flatten() {
            set.add(Glob::new(&pattern).map_err(|error| {
                Error::refused(
                    format!("`{EXCLUDE_PARAMETER}` has no pattern '{glob}': {error}"),
                    "correct it with `seedbed config set`",
                )
            })?);
        }
    }
    set.build().map_err(|error| Error::refused(error.to_string(), "name fewer files"))
}

/// What moves of the results in a directory, each whole directory by one move if nothing in it stays.
pub fn plan(directory: &Path, place: &str, staying: &GlobSet, copy: bool) -> Result<Vec<Move>, Error> {
    let mut moves = Vec::new();
    collect(directory, Path::new(""), staying, &mut |path| {
        let (from, to) = (directory.join(path), directory.join(place).join(path));
        moves.push(Move { from, to, copy });
    })?;
    Ok(moves)
}

/// Hands out what moves below a path. Returns whether all of it does.
fn collect(directory: &Path, path: &Path, staying: &GlobSet, each: &mut dyn FnMut(&Path)) -> Result<bool, Error> {
    let here = directory.join(path);
    let mut names = Vec::new();
    for entry in fs::read_dir(&here).map_err(Error::io("list", &here))? {
        let entry = entry.map_err(Error::io("list", &here))?;
        names.push((entry.file_name(), entry.file_type().map_err(Error::io("inspect", &here))?.is_dir()));
    }
    names.sort();
    let is_top = path.as_os_str().is_empty();
    let (mut moving, mut all) = (Vec::new(), true);
    for (name, is_directory) in names {
        let path = path.join(&name);
        let stays = is_top && (name == SNAPSHOTS || STAYING.iter().any(|staying| name == **staying));
        if stays || staying.is_match(&path) {
            all = false;
        } else if is_directory {
            let mut below = Vec::new();
            if collect(directory, &path, staying, &mut |path| below.push(path.to_owned()))? {
                moving.push(path);
            } else {
                all = false;
                moving.append(&mut below);
            }
        } else {
            moving.push(path);
        }
    }
    for path in &moving {
        each(path);
    }
    Ok(all)
}

/// The directories that moves need and that are not there, the outer ones first.
pub fn missing_directories(moves: &[Move]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for parent in moves.iter().filter_map(|one| one.to.parent()) {
        let missing = parent.ancestors().take_while(|path| !path.exists());
        all.extend(missing.map(Path::to_owned));
    }
    all.sort();
    all.dedup();
    all
}

/// Makes the moves.
pub fn carry_out(moves: &[Move], made: &[PathBuf]) -> Result<(), Error> {
    for directory in made {
        fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    }
    for Move { from, to, copy } in moves {
        if *copy {
            copy_all(from, to)?;
        } else {
            fs::rename(from, to).map_err(Error::io("move", from))?;
        }
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Error> {
    let kind = from.symlink_metadata().map_err(Error::io("inspect", from))?.file_type();
    if kind.is_dir() {
        fs::create_dir_all(to).map_err(Error::io("create", to))?;
        for entry in fs::read_dir(from).map_err(Error::io("list", from))? {
            let entry = entry.map_err(Error::io("list", from))?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(Error::io("read", from))?;
        return std::os::unix::fs::symlink(target, to).map_err(Error::io("create", to));
    }
    fs::copy(from, to).map(drop).map_err(Error::io("copy", from))
}

/// Takes moves back, as far as they were made; what was made for them goes when it is empty.
pub fn move_back(moves: &[Move], made: &[PathBuf]) -> Result<(), Error> {
    for Move { from, to, copy } in moves.iter().rev() {
        let is_there = to.symlink_metadata();
        match is_there {
            Err(_) => {}
            Ok(about) if *copy => {
                let removed = if about.is_dir() { fs::remove_dir_all(to) } else { fs::remove_file(to) };
                removed.map_err(Error::io("remove", to))?;
            }
            Ok(_) => fs::rename(to, from).map_err(Error::io("move", to))?,
        }
    }
    for directory in made.iter().rev() {
        // One that somebody else uses stays.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

/// What `results.json` in a directory says, if there is one; and what is wrong with it, if it cannot be understood.
pub fn read(directory: &Path) -> Result<Option<Value>, Error> {
    changes::read_json(&directory.join(RESULTS_FILE)).map_err(|error| match error {
        Error::Metadata { path, problem } => Error::refused(
            format!("{} cannot be understood: {problem}", path.display()),
            "a step writes it as JSON, with numbers under `metrics`",
        ),
        error => error,
    })
}

/// The metrics of several results resources as one: those of a resource alone as they are, else each below its name.
pub fn metrics(all: Vec<(String, Value)>) -> Option<Value> {
    let mut all: Vec<(String, Value)> = all
        .into_iter()
        .filter_map(|(name, mut value)| Some((name, value.get_mut("metrics")?.take())))
        .filter(|(_, metrics)| !metrics.is_null())
        .collect();
    match all.len() {
        0 => None,
        1 => all.pop().map(|(_, metrics)| metrics),
        _ => Some(Value::Object(all.into_iter().collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, path: &str) {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn whole_directories_move_and_what_is_excluded_stays_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in [
            "README.md",
            "results.json",
            "plots/a.png",
            "plots/b.png",
            "deep/README.md",
            "deep/x/y.csv",
            "snapshots/old/r.json",
        ] {
            write(root, path);
        }
        let staying = patterns(&["README.*".to_owned()]).unwrap();
        let moves = plan(root, "snapshots/new", &staying, false).unwrap();
        let shown: Vec<_> = moves.iter().map(|one| one.from.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        assert_eq!(shown, ["deep/x", "plots", "results.json"]);
        let made = missing_directories(&moves);
        carry_out(&moves, &made).unwrap();
        assert!(root.join("snapshots/new/deep/x/y.csv").is_file() && root.join("deep/README.md").is_file());
        assert!(plan(root, "snapshots/next", &staying, false).unwrap().is_empty());
        move_back(&moves, &made).unwrap();
        assert!(root.join("plots/a.png").is_file() && !root.join("snapshots/new").exists());
        assert!(root.join("snapshots/old/r.json").is_file());
    }

    #[test]
    fn what_was_moved_in_part_is_moved_back() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(root, "a");
        write(root, "b");
        let moves = plan(root, "snapshots/s", &patterns(&[]).unwrap(), false).unwrap();
        let made = missing_directories(&moves);
        carry_out(&moves[..1], &made).unwrap();
        move_back(&moves, &made).unwrap();
        assert!(root.join("a").is_file() && root.join("b").is_file() && !root.join("snapshots").exists());
    }

    #[test]
    fn metrics_of_one_resource_stand_alone() {
        let of = |value: f64| serde_json::json!({ "metrics": { "acc": value } });
        assert_eq!(metrics(vec![("r".into(), of(0.5))]).unwrap()["acc"], 0.5);
        assert_eq!(metrics(vec![("r".into(), of(0.5)), ("s".into(), of(0.25))]).unwrap()["s"]["acc"], 0.25);
        assert!(metrics(vec![("r".into(), serde_json::json!({}))]).is_none());
    }
}
