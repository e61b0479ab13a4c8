//! A directory becomes a data workspace.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::metadata::Form;
use crate::{Changes, Context, Error, Git, Metadata, Resource, Role, Workspace, git_subdirectory, results};

/// How a workspace is made.
#[derive(Debug, Clone)]
pub struct InitOptions<'a> {
    /// What it is called; the name of the directory when nothing is said.
    pub name: Option<&'a str>,
    /// How its metadata lies there.
    pub form: Form,
    /// What this machine is called in it.
    pub host: Option<&'a str>,
    /// Roles of which a directory is made, each a resource.
    pub roles: &'a [Role],
    /// A directory for what nobody keeps; `scratch` when nothing is said.
    pub scratch: Option<&'a str>,
    /// Patterns of files that git-lfs keeps.
    pub lfs: &'a [String],
}

/// What was made.
#[derive(Debug)]
pub struct Initialised {
    /// The workspace.
    pub workspace: Workspace,
    /// Its name.
    pub name: String,
    /// The resources that were made with it.
    pub resources: Vec<Resource>,
    /// Whether a repository of git was made, too.
    pub made_repository: bool,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Workspace").field("root", &self.root()).finish_non_exhaustive()
    }
}

/// The ignore file of git at the root.
pub const IGNORE: &str = ".gitignore";
/// The file that says what git-lfs keeps.
const ATTRIBUTES: &str = ".gitattributes";

/// Makes a directory a data workspace, and the repository of git that carries it if there is none.
pub fn init(context: &Context<'_>, root: &Path, options: &InitOptions<'_>) -> Result<Initialised, Error> {
    if root.join(crate::find::DIRECTORY).exists() {
        return Err(Error::Exists { root: root.to_owned() });
    }
    let of_directory = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = options.name.map_or(of_directory, str::to_owned);
    let scratch = options.scratch.unwrap_or("scratch");
    let made_repository = Git::find(root)?.is_none();
    if made_repository {
        Git::create(root)?;
    }
    let mut changes = Changes::new(root);
    let author = context.author();
    let host = options.host.unwrap_or(&context.host);
    let metadata = Metadata::create(root, options.form, &name, host, &author, &mut changes);
    if options.form == Form::Separate {
        for (name, value) in [
            (results::TEMPLATE_PARAMETER, json!(results::TEMPLATE)),
            (results::EXCLUDE_PARAMETER, json!(results::EXCLUDED)),
        ] {
            metadata.set_parameter(&mut changes, name, Some(&value), &author)?;
        }
    }
    if Path::new(scratch).is_absolute() {
        metadata.set_local_parameter(&mut changes, "local_scratch_directory", Some(&json!(scratch)))?;
    } else {
        metadata.set_parameter(&mut changes, "scratch_directory", Some(&json!(scratch)), &author)?;
        ignore(&mut changes, &format!("/{}/", scratch.trim_matches('/')))?;
    }
    fs::create_dir_all(root.join(scratch)).map_err(Error::io("create", &root.join(scratch)))?;
    if !options.lfs.is_empty() {
        let before = changes.read(ATTRIBUTES)?.unwrap_or_default();
        let lines = options.lfs.iter().map(|pattern| format!("{pattern} filter=lfs diff=lfs merge=lfs -text\n"));
        changes.write(ATTRIBUTES, before + &lines.collect::<String>());
    }
    let mut resources = Vec::new();
    for role in options.roles {
        let path = root.join(role.as_str());
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        let mut parameters = serde_json::Map::new();
        parameters.insert(crate::resource::PATH.to_owned(), json!(role.as_str()));
        let resource = Resource {
            name: role.as_str().to_owned(),
            kind: git_subdirectory::KIND.to_owned(),
            role: *role,
            parameters,
            local: serde_json::Map::new(),
        };
        metadata.put_resource(&mut changes, &resource)?;
        resources.push(resource);
    }
    let workspace = Workspace::with(root.to_owned(), metadata);
    let _lock = workspace.begin(context)?;
    let others = [IGNORE, ATTRIBUTES].map(str::to_owned).to_vec();
    workspace.change_with(context, &format!("Make the data workspace {name}"), &changes, others, None)?;
    Ok(Initialised { workspace, name, resources, made_repository })
}

/// Has git ignore what a pattern fits.
pub fn ignore(changes: &mut Changes, pattern: &str) -> Result<(), Error> {
    let mut text = changes.read(IGNORE)?.unwrap_or_default();
    let other = pattern.trim_end_matches('/');
    if text.lines().any(|line| line.trim() == pattern || line.trim() == other) {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    changes.write(IGNORE, text + pattern + "\n");
    Ok(())
}

impl Workspace {
    /// Where what nobody keeps goes, such as check-points.
    pub fn scratch(&self) -> Result<std::path::PathBuf, Error> {
        let own = self.metadata().local_parameters()?;
        let own = own.get("local_scratch_directory").or_else(|| own.get("scratch_directory")).cloned();
        let value = own.map_or_else(|| self.metadata().parameter("scratch_directory"), |value| Ok(Some(value)))?;
        let path = value.as_ref().and_then(serde_json::Value::as_str).unwrap_or("scratch");
        Ok(self.root().join(path))
    }
}
