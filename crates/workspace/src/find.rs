//! Where the data workspace is.

use std::path::{Path, PathBuf};

/// The directory that makes a directory a data workspace.
pub const DIRECTORY: &str = ".dataworkspace";

/// The root of the data workspace that a directory is in.
pub fn find_root(from: &Path) -> Option<PathBuf> {
    let is_one = |path: &&Path| {
        let directory = path.join(DIRECTORY);
        directory.join(crate::separate::WORKSPACE).is_file() || directory.join(crate::classic::CONFIG).is_file()
    };
    from.ancestors().find(is_one).map(Path::to_owned)
}
