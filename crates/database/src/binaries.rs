//! Where the programs of a server are: in a directory of this machine, or in an image from which they run in containers.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Image;

/// The programs of one installation of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binaries {
    /// They are in this directory, or as their engine lays them out around it.
    Directory(PathBuf),
    /// They are in an image.
    Image(Image),
}

impl Binaries {
    /// Gives the path of a program in the directory or in the image, by the first of its names that is there.
    ///
    /// What is nowhere is given in the directory, so that the error of starting it names a path.
    #[must_use]
    pub fn program(&self, names: &[&str]) -> PathBuf {
        match self {
            Binaries::Directory(directory) => {
                let found = names.iter().map(|name| directory.join(name)).find(|path| path.is_file());
                found.unwrap_or_else(|| directory.join(names[0]))
            }
            Binaries::Image(image) => image.program(names).map_or_else(|| PathBuf::from(names[0]), Path::to_owned),
        }
    }

    /// Says whether a program is there, by one of its names.
    #[must_use]
    pub fn has(&self, names: &[&str]) -> bool {
        match self {
            Binaries::Directory(_) => self.program(names).is_file(),
            Binaries::Image(image) => image.program(names).is_some(),
        }
    }

    /// Gives the image, if they are in one.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        match self {
            Binaries::Directory(_) => None,
            Binaries::Image(image) => Some(image),
        }
    }

    /// Gives the directory, if they are in one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Binaries::Directory(directory) => Some(directory),
            Binaries::Image(_) => None,
        }
    }
}

impl From<PathBuf> for Binaries {
    fn from(directory: PathBuf) -> Self {
        Binaries::Directory(directory)
    }
}

impl From<&str> for Binaries {
    fn from(directory: &str) -> Self {
        Binaries::Directory(directory.into())
    }
}

/// A directory by its path, an image by its name and whose client runs it: `containers of mariadb:11 (docker)`.
impl fmt::Display for Binaries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binaries::Directory(directory) => directory.display().fmt(formatter),
            Binaries::Image(image) => write!(formatter, "containers of {image}"),
        }
    }
}
