//! `dws init` and `dws add`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use workspace::{AddOptions, Form, InitOptions, Role, Workspace};

use super::arguments::{AddArguments, AddKind, Common, GitArguments, InitArguments, Passing};
use super::ask::confirm;
use super::failure::Stop;
use super::{Face, kinds, say};

/// The question for the name of this machine.
pub const HOSTNAME: &str = "What name do you want to use for this machine in snapshot directory paths?";
const ROLE: &str =
    "Please enter a role for this resource, one of [s]ource-data, [i]ntermediate-data, [c]ode, or [r]esults";
const DATA_ROLE: &str = "Please enter a role for this resource, either [s]ource-data or [i]ntermediate-data";
const NAME: &str = "Please enter a short, unique name for this resource";

impl Face<'_> {
    /// What this machine is called, by an option or by the user.
    pub fn hostname(&self, said: Option<&str>) -> Result<String, Stop> {
        let own = self.context.host.split('.').next().unwrap_or_default().to_owned();
        match said {
            Some(said) => Ok(said.to_owned()),
            None if self.is_batch => Ok(own),
            None => self.ask.parsed("--hostname", HOSTNAME, Some(&own), &kinds::word),
        }
    }
}

pub fn init(face: &Face<'_>, arguments: &InitArguments) -> Result<(), Stop> {
    let host = face.hostname(arguments.hostname.as_deref())?;
    let fat = [&arguments.git_fat_user, &arguments.git_fat_attributes];
    if (fat.iter().any(|said| said.is_some()) || arguments.git_fat_port.is_some()) && arguments.git_fat_remote.is_none()
    {
        return Err(face.refuse(
            "If you specify --git-fat-user, --git-fat-port-, or --git-fat-attributes, you also need to specify --git-fat-remote",
        ));
    }
    if arguments.git_fat_attributes.is_some() && arguments.git_lfs_attributes.is_some() {
        return Err(Stop::said("Cannot specify git-fat and git-lfs for the same repository"));
    }
    let root = &face.directory;
    if root.join(".dataworkspace").is_dir() {
        return Err(workspace::Error::Exists { root: root.clone() }.into());
    }
    if root.join(".git").exists() {
        say(format!("{} is already a git repository, will just add to it", root.display()));
    }
    let scratch = arguments.scratch_directory.as_ref().map(|path| face.directory.join(path));
    let scratch = scratch.map(|path| path.strip_prefix(root).map_or(path.clone(), Path::to_owned));
    let lfs: Vec<String> = patterns(arguments.git_lfs_attributes.as_deref());
    let options = InitOptions {
        name: arguments.name.as_deref(),
        form: Form::Classic,
        host: Some(&host),
        roles: &[],
        scratch: scratch.as_ref().and_then(|path| path.to_str()),
        lfs: &lfs,
    };
    let made = workspace::init(&face.context, root, &options)?;
    if let Some(remote) = &arguments.git_fat_remote {
        use_git_fat(&made.workspace, arguments, remote)?;
    }
    if let Some(roles) = &arguments.create_resources {
        let roles = &roles.0;
        say(format!("Will now create sub-directory resources for {}", roles.join(", ")));
        for role in roles {
            let path = root.join(role);
            if !path.exists() {
                make_directory(face, &made.workspace, &path, role)?;
            }
            add_resource(face, &made.workspace, "git", role, role, Some(&path), Map::new())?;
        }
        say("Finished initializing resources:");
        for role in roles {
            say(format!("  {role}: ./{role}"));
        }
    }
    say(format!("Workspace {} initialized successfully.", made.name));
    Ok(())
}

fn patterns(said: Option<&str>) -> Vec<String> {
    said.into_iter().flat_map(|said| said.split(',')).map(|pattern| pattern.trim().to_owned()).collect()
}

/// What git-fat looks for: where its files are, and which files are its.
fn use_git_fat(workspace: &Workspace, arguments: &InitArguments, remote: &str) -> Result<(), Stop> {
    let mut text = format!("[rsync]\nremote = {remote}\n");
    if let Some(user) = &arguments.git_fat_user {
        text.extend(["sshuser = ", user, "\n"]);
    }
    if let Some(port) = arguments.git_fat_port {
        text.extend(["sshport = ", &port.to_string(), "\n"]);
    }
    write(&workspace.root().join(".gitfat"), &text)?;
    let mut paths = vec![".gitfat".to_owned()];
    let patterns = patterns(arguments.git_fat_attributes.as_deref());
    if !patterns.is_empty() {
        let lines: String = patterns.iter().flat_map(|pattern| [pattern, " filter=fat -crlf\n"]).collect();
        write(&workspace.root().join(".gitattributes"), &lines)?;
        paths.push(".gitattributes".to_owned());
    }
    workspace.git()?.commit(&paths, "Keep large files with git-fat")?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    fs::write(path, text).map_err(|error| Stop::said(format!("cannot write {}: {error}", path.display())))
}

/// Makes a directory that git keeps although it has nothing in it yet.
fn make_directory(face: &Face<'_>, workspace: &Workspace, path: &Path, role: &str) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::said(format!("cannot create {}: {error}", path.display()));
    fs::create_dir_all(path).map_err(failed)?;
    let text = format!("The {role} of this workspace.\n\nGit keeps no directory without a file, and this is one.\n");
    write(&path.join("README.txt"), &text)?;
    let shown = path.strip_prefix(workspace.root()).unwrap_or(path).to_string_lossy().into_owned();
    let git = workspace.git()?.clone().with_identity(&face.context.user, &face.context.host);
    git.commit(std::slice::from_ref(&shown), &format!("Add {shown}"))?;
    say(format!("Added {shown} to git repository"));
    Ok(())
}

pub fn add(face: &Face<'_>, arguments: &AddArguments) -> Result<(), Stop> {
    match &arguments.kind {
        AddKind::LocalFiles(options) => {
            let role = role(face, &options.common, Some(options.passing))?;
            check_passing(face, &role, options.passing)?;
            let mut parameters = passing(options.passing);
            if options.compute_hash {
                parameters.insert("compute_hash".to_owned(), json!(true));
                parameters.insert("content".to_owned(), json!(false));
            }
            let path = plain(&face.directory.join(&options.path));
            let workspace = face.workspace()?;
            finish(face, &workspace, "local-files", &role, options.common.name.as_deref(), Some(&path), parameters)
        }
        AddKind::Git(options) => git(face, options),
        AddKind::Rclone(options) => {
            let role = role(face, &options.common, Some(options.passing))?;
            if !options.remote.contains(':') {
                return Err(face.refuse("Source in rclone should be specified as remotename:filepath"));
            }
            check_passing(face, &role, options.passing)?;
            let mut parameters = passing(options.passing);
            for (key, value) in [
                ("remote", json!(options.remote)),
                ("config", json!(options.config)),
                ("compute_hash", json!(options.compute_hash)),
                ("content", json!(!options.compute_hash)),
                ("master", json!(options.master.word())),
                ("sync_mode", json!(options.sync_mode.word())),
                ("size_only", json!(options.size_only)),
            ] {
                if !value.is_null() {
                    parameters.insert(key.to_owned(), value);
                }
            }
            let path = plain(&face.directory.join(&options.local_path));
            let workspace = face.workspace()?;
            finish(face, &workspace, "rclone", &role, options.common.name.as_deref(), Some(&path), parameters)
        }
        AddKind::S3(options) => {
            let role = role(face, &options.common, None)?;
            let parameters = Map::from_iter([("bucket".to_owned(), json!(options.bucket_name))]);
            let workspace = face.workspace()?;
            finish(face, &workspace, "s3", &role, options.common.name.as_deref(), None, parameters)
        }
        AddKind::ApiResource(options) => {
            let role = match &options.role {
                Some(role) => role.clone(),
                None => face.ask.parsed("--role", DATA_ROLE, None, &kinds::data_role)?,
            };
            let workspace = face.workspace()?;
            finish(face, &workspace, "api", &role, options.name.as_deref(), None, Map::new())
        }
    }
}

fn git(face: &Face<'_>, options: &GitArguments) -> Result<(), Stop> {
    let role = role(face, &options.common, Some(options.passing))?;
    check_passing(face, &role, options.passing)?;
    if options.path.starts_with("git@") || options.path.starts_with("https://") {
        return Err(face.refuse(&format!(
            "It looks like you tried to specify a git URL ({}). Currently, git resources only accept a local path. \
             Try cloning your repository and then pasing the local path to that repository.",
            options.path
        )));
    }
    let mut parameters = passing(options.passing);
    if let Some(branch) = &options.branch {
        parameters.insert("branch".to_owned(), json!(branch));
    }
    if options.read_only || options.passing.imported {
        parameters.insert("read_only".to_owned(), json!(true));
    }
    let path = plain(&face.directory.join(&options.path));
    let workspace = face.workspace()?;
    let name = name(face, &workspace, options.common.name.as_deref(), &role, Some(&path), &parameters)?;
    if !path.exists() && path.starts_with(workspace.root()) {
        if face.is_batch {
            return Err(Stop::said(format!(
                "Did not find '{}'. Cannot create a resource from a git subdirectory if the directory does not already exist.",
                path.display()
            )));
        }
        let shown = path.strip_prefix(workspace.root()).unwrap_or(&path).display().to_string();
        let question = format!(
            "The subdirectory {shown} does not currently exist, but must be a part of the workspace's git repo in order to be \
             used as a resource. Do you want it to be created and added to git?"
        );
        if !confirm(&question)? {
            return Err(Stop::Aborted);
        }
        make_directory(face, &workspace, &path, &role)?;
    }
    add_resource(face, &workspace, "git", &role, &name, Some(&path), parameters)?;
    say(format!("Successful added resource '{name}' to workspace."));
    Ok(())
}

/// The role, by an option or by the user.
fn role(face: &Face<'_>, common: &Common, passing: Option<Passing>) -> Result<String, Stop> {
    match &common.role {
        Some(role) => Ok(role.clone()),
        None if passing.is_some_and(|passing| passing.imported) => Ok("source-data".to_owned()),
        None => face.ask.parsed("--role", ROLE, None, &kinds::role),
    }
}

fn check_passing(face: &Face<'_>, role: &str, passing: Passing) -> Result<(), Stop> {
    let Passing { export, imported } = passing;
    match role {
        "source-data" | "code" if export => Err(face.refuse("Cannot export a source data or code resource")),
        _ if export && imported => Err(face.refuse("Cannot specify both --export and --imported")),
        "source-data" => Ok(()),
        _ if imported => Err(face.refuse("--imported only for source-data roles")),
        _ => Ok(()),
    }
}

fn passing(passing: Passing) -> Map<String, Value> {
    let said = [("export", passing.export), ("imported", passing.imported)];
    said.into_iter().filter(|(_, said)| *said).map(|(key, said)| (key.to_owned(), json!(said))).collect()
}

/// A whole path without `.` and `..`.
pub fn plain(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        path.components().fold(PathBuf::new(), |all, part| match part {
            std::path::Component::ParentDir => all.parent().map_or_else(PathBuf::new, Path::to_owned),
            std::path::Component::CurDir => all,
            other => all.join(other),
        })
    })
}

/// The name, by an option or by the user.
fn name(
    face: &Face<'_>,
    workspace: &Workspace,
    said: Option<&str>,
    role: &str,
    path: Option<&Path>,
    parameters: &Map<String, Value>,
) -> Result<String, Stop> {
    let taken: Vec<String> = workspace.metadata().resources()?.into_iter().map(|resource| resource.name).collect();
    let is_taken = |name: &String| taken.contains(name);
    let suggested = || {
        let named = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let of_bucket = || parameters.get("bucket").and_then(Value::as_str).map(str::to_owned);
        let name = named.or_else(of_bucket).unwrap_or_else(|| "api-resource".to_owned());
        let longer = format!("{name}-{role}");
        let numbered = (2..).map(|number| format!("{longer}-{number}"));
        let mut all = [name, longer.clone()].into_iter().chain(numbered);
        all.find(|name| !is_taken(name)).expect("there are enough numbers")
    };
    match said.map(str::to_owned) {
        Some(name) if !is_taken(&name) => return Ok(name),
        Some(name) if face.is_batch => return Err(Stop::said(format!("Resource name '{name}' already in use"))),
        None if face.is_batch => return Ok(suggested()),
        _ => {}
    }
    loop {
        let name = face.ask.text("--name", NAME, Some(&suggested()))?;
        if !is_taken(&name) {
            return Ok(name);
        }
        super::complain(format!("Resource name '{name}' already in use."));
    }
}

fn finish(
    face: &Face<'_>,
    workspace: &Workspace,
    kind: &str,
    role: &str,
    said: Option<&str>,
    path: Option<&Path>,
    parameters: Map<String, Value>,
) -> Result<(), Stop> {
    let name = name(face, workspace, said, role, path, &parameters)?;
    add_resource(face, workspace, kind, role, &name, path, parameters)?;
    say(format!("Successful added resource '{name}' to workspace."));
    Ok(())
}

fn add_resource(
    face: &Face<'_>,
    workspace: &Workspace,
    kind: &str,
    role: &str,
    name: &str,
    path: Option<&Path>,
    parameters: Map<String, Value>,
) -> Result<(), Stop> {
    let role: Role = role.parse().map_err(|_| Stop::said(format!("Invalid resource role '{role}'")))?;
    let options = AddOptions { kind, role, name: Some(name), path, parameters };
    workspace::add(&face.context, workspace, &options)?;
    Ok(())
}
