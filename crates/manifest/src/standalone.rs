//! Workspaces without a `seedbed.yaml`: a Compose file alone says what there is.
//!
//! Which files that are is chosen by a person, and written down in the workspace until it has no environment any more; else it is a file with
//! one of the names that Docker Compose looks for. Of these a manifest is made that names them.

use std::fs;
use std::path::{Path, PathBuf};

use source::{SourceFile, parse};

use crate::compose_project::USUAL;
use crate::{FILE_NAME, Name};

/// The file in a workspace that lists the chosen Compose files, one a line, relative to the workspace.
pub const CHOSEN_FILES: &str = ".seedbed/compose-files";

/// The Compose files that make a directory a workspace that has no manifest.
struct Standalone {
    files: Vec<String>,
    /// Whether somebody has chosen them: then nothing is laid over them that was not named.
    is_chosen: bool,
}

impl Standalone {
    fn of(directory: &Path) -> Option<Self> {
        let chosen = fs::read_to_string(directory.join(CHOSEN_FILES)).unwrap_or_default();
        let files: Vec<String> = chosen.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if !files.is_empty() {
            return Some(Self { files, is_chosen: true });
        }
        let usual = USUAL.iter().find(|name| directory.join(name).is_file())?;
        Some(Self { files: vec![(*usual).to_owned()], is_chosen: false })
    }

    fn manifest(&self, directory: &Path) -> String {
        let first = self.files.first().map(|file| directory.join(file)).unwrap_or_default();
        let name = project_name(&first).unwrap_or_else(|| directory_name(directory));
        let files: Vec<String> = self.files.iter().map(|file| quoted(file)).collect();
        let files = files.join(", ");
        if self.is_chosen {
            format!("name: {name}\ncompose: {{ files: [{files}] }}\n")
        } else {
            format!("name: {name}\ncompose: {files}\n")
        }
    }
}

/// Whether a directory is a workspace: it has a manifest, or a Compose file in its place.
pub fn is_workspace(directory: &Path) -> bool {
    directory.join(FILE_NAME).is_file() || Standalone::of(directory).is_some()
}

/// The nearest directory upward that is a workspace: one with a manifest, or, if there is none, one with a Compose file.
pub fn find_root(from: &Path) -> Option<PathBuf> {
    let with_manifest = from.ancestors().find(|directory| directory.join(FILE_NAME).is_file());
    let found = with_manifest.or_else(|| from.ancestors().find(|directory| Standalone::of(directory).is_some()));
    found.map(Path::to_owned)
}

/// The manifest of a directory that has none of its own, made of its Compose files.
pub(crate) fn manifest_of(directory: &Path, shown_as: &str) -> Option<SourceFile> {
    Standalone::of(directory).map(|standalone| SourceFile::new(shown_as, standalone.manifest(directory)))
}

/// The name that a Compose file gives its project, if it is one for a workspace.
fn project_name(file: &Path) -> Option<String> {
    let tree = parse(&SourceFile::read(file, "").ok()?).ok()?;
    let name = tree.get("name")?.as_str()?.to_owned();
    Name::new(&name).is_some().then_some(name)
}

/// The name of a directory, as far as it can be one of a workspace.
fn directory_name(directory: &Path) -> String {
    /// The longest name.
    const LONGEST: usize = 40;
    let name = directory.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let letters =
        name.chars().map(|letter| if letter.is_ascii_lowercase() || letter.is_ascii_digit() { letter } else { '-' });
    let name: String = letters.skip_while(|letter| !letter.is_ascii_lowercase()).take(LONGEST).collect();
    if Name::new(&name).is_some() { name } else { "workspace".to_owned() }
}

/// A text as YAML has it in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compose_file_alone_is_a_workspace() {
        let top = tempfile::tempdir().unwrap();
        let shop = top.path().join("2nd Shop_x");
        let below = shop.join("a/b");
        fs::create_dir_all(&below).unwrap();
        let text = |directory: &Path| manifest_of(directory, "").map(|file| file.text().to_owned());
        assert!(!is_workspace(&shop));
        fs::write(shop.join("docker-compose.yml"), "services: {}\n").unwrap();
        assert_eq!(find_root(&below).unwrap(), shop);
        assert_eq!(text(&shop).unwrap(), "name: nd-shop-x\ncompose: \"docker-compose.yml\"\n");
        fs::write(shop.join("compose.yaml"), "name: mall\n").unwrap();
        assert_eq!(text(&shop).unwrap(), "name: mall\ncompose: \"compose.yaml\"\n");
        fs::create_dir(shop.join(".seedbed")).unwrap();
        fs::write(shop.join(CHOSEN_FILES), "a \"b\".yml\n../c.yml\n").unwrap();
        assert_eq!(text(&shop).unwrap(), "name: nd-shop-x\ncompose: { files: [\"a \\\"b\\\".yml\", \"../c.yml\"] }\n");
        // A manifest, wherever it is above, is meant before all Compose files.
        fs::write(top.path().join(FILE_NAME), "name: top\n").unwrap();
        assert_eq!(find_root(&below).unwrap(), top.path());
    }
}
