//! Projects on the disk with what Docker Compose says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use compose::{Project, Request, Variables};
use serde_json::{Map, Value};

/// The home directory of all cases.
const HOME: &str = "/home/somebody";

/// Says whether what is expected is written anew.
pub fn blessing() -> bool {
    std::env::var_os("SEEDBED_BLESS").is_some()
}

/// Reads a text file.
pub fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A project, and how it is asked for.
pub struct Case {
    pub name: String,
    pub directory: PathBuf,
    /// Where the answer is, without an ending.
    answer: PathBuf,
    files: Vec<String>,
    env_files: Vec<String>,
    profiles: Vec<String>,
    variables: Vec<(String, String)>,
    project: Option<String>,
    /// Why we refuse what Compose takes.
    pub stricter: Option<String>,
}

/// Finds all projects.
pub fn cases() -> Vec<Case> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut cases: Vec<_> = sorted(&here.join("files"), "yaml").into_iter().map(|file| Case::of_file(&file)).collect();
    let directories = std::fs::read_dir(here.join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let mut directories: Vec<_> = directories.filter(|path| path.is_dir()).collect();
    directories.sort();
    cases.extend(directories.iter().map(|directory| Case::of_directory(directory)));
    cases
}

fn sorted(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}

impl Case {
    fn of_file(file: &Path) -> Self {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        Self {
            directory: file.parent().unwrap().to_owned(),
            answer: file.with_extension(""),
            files: vec![format!("{name}.yaml")],
            env_files: Vec::new(),
            profiles: Vec::new(),
            variables: Vec::new(),
            project: Some(name.to_lowercase()),
            stricter: None,
            name,
        }
    }

    /// A directory may have a file `request` with lines such as `file a.yaml`, `profile x`, `variable A=1`, `project x`, `stricter REASON`.
    fn of_directory(directory: &Path) -> Self {
        let name = directory.file_name().unwrap().to_string_lossy().into_owned();
        let mut case = Self {
            directory: directory.to_owned(),
            answer: directory.join("expected"),
            files: Vec::new(),
            env_files: Vec::new(),
            profiles: Vec::new(),
            variables: Vec::new(),
            project: None,
            stricter: None,
            name,
        };
        let request = std::fs::read_to_string(directory.join("request")).unwrap_or_default();
        for line in request.lines() {
            let (word, rest) = line.split_once(' ').expect(line);
            match word {
                "file" => case.files.push(rest.to_owned()),
                "env-file" => case.env_files.push(rest.to_owned()),
                "profile" => case.profiles.push(rest.to_owned()),
                "stricter" => case.stricter = Some(rest.to_owned()),
                "project" => case.project = Some(rest.to_owned()),
                "variable" => {
                    let (name, value) = rest.split_once('=').expect(line);
                    case.variables.push((name.to_owned(), value.to_owned()));
                }
                _ => panic!("{line}"),
            }
        }
        if case.files.is_empty() {
            case.files.push("compose.yaml".to_owned());
        }
        case
    }

    /// The request for our reader.
    pub fn request(&self) -> Request {
        let mut variables: Variables = self.variables.iter().cloned().collect();
        variables.set("HOME", HOME);
        Request {
            directory: self.directory.clone(),
            files: self.files.iter().map(|file| self.directory.join(file)).collect(),
            env_files: self.env_files.iter().map(|file| self.directory.join(file)).collect(),
            profiles: self.profiles.clone(),
            name: self.project.clone(),
            variables,
            shown_from: self.directory.clone(),
        }
    }

    /// What is stored of Docker Compose.
    pub fn stored(&self) -> String {
        let files = ["json", "refused"].map(|ending| self.answer.with_added_extension_(ending));
        files.iter().find(|file| file.exists()).map(|file| read_text(file)).unwrap_or_default()
    }

    /// The stored answer: a project, or why there is none.
    pub fn expected(&self) -> Result<Value, String> {
        let text = self.stored().replace("DIRECTORY", &self.directory.display().to_string());
        let text = text.replace("PARENT", &self.parent());
        serde_json::from_str(&text).map_err(|_| text)
    }

    fn parent(&self) -> String {
        self.directory.parent().expect("a case lies in the directory of all cases").display().to_string()
    }

    /// Where the problems are that we find.
    pub fn problems_file(&self) -> PathBuf {
        self.answer.with_added_extension_("problems")
    }

    /// Stores an answer.
    pub fn store(&self, said: &str) {
        let (ending, other) = if said.starts_with('{') { ("json", "refused") } else { ("refused", "json") };
        let _ = std::fs::remove_file(self.answer.with_added_extension_(other));
        let file = self.answer.with_added_extension_(ending);
        // Which of several mistakes it names is chance.
        if ending == "json" || !file.exists() {
            std::fs::write(file, said).unwrap();
        }
    }

    /// Asks Docker Compose, if there is one.
    pub fn ask(&self) -> Option<String> {
        let program = std::env::var_os("SEEDBED_COMPOSE")?;
        let mut command = Command::new(program);
        command.current_dir(&self.directory).env_clear().env("HOME", HOME).env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().cloned());
        let flagged = |flag: &'static str, values: &[String]| -> Vec<String> {
            values.iter().flat_map(|value| [flag.to_owned(), value.clone()]).collect()
        };
        command.args(flagged("-f", &self.files)).args(flagged("--env-file", &self.env_files));
        command.args(flagged("--profile", &self.profiles)).args(flagged("-p", self.project.as_slice()));
        let output = command.args(["config", "--format", "json"]).output().unwrap();
        let text = if output.status.success() { output.stdout } else { output.stderr };
        let text = String::from_utf8(text).unwrap();
        let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("time=")).collect();
        Some(text.replace(&self.directory.display().to_string(), "DIRECTORY").replace(&self.parent(), "PARENT"))
    }
}

trait WithAddedExtension {
    fn with_added_extension_(&self, ending: &str) -> PathBuf;
}

impl WithAddedExtension for PathBuf {
    fn with_added_extension_(&self, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}.{ending}", self.display()))
    }
}

/// A project of ours as Docker Compose shows it.
pub fn configuration(project: &Project) -> Value {
    let mut value = project.tree.to_json();
    for service in object(&mut value, "services").values_mut().filter_map(Value::as_object_mut) {
        for key in ["command", "entrypoint"] {
            service.entry(key).or_insert(Value::Null);
        }
        as_lines(service);
        if let Some(build) = service.get_mut("build").and_then(Value::as_object_mut) {
            as_lines(build);
        }
    }
    for network in object(&mut value, "networks").values_mut().filter_map(Value::as_object_mut) {
        network.entry("ipam").or_insert_with(|| Value::Object(Map::new()));
    }
    without_extensions(&mut value, 0);
    pruned("", value).unwrap_or_default()
}

/// Hosts are shown as lines.
fn as_lines(map: &mut Map<String, Value>) {
    let Some(hosts) = map.get("extra_hosts").and_then(Value::as_object) else { return };
    let mut lines: Vec<_> = hosts
        .iter()
        .flat_map(|(name, addresses)| {
            let address = |address: &Value| {
                let address = address.as_str().unwrap().trim_start_matches('[').trim_end_matches(']').to_owned();
                Value::String(format!("{name}={address}"))
            };
            addresses.as_array().unwrap().iter().map(address).collect::<Vec<_>>()
        })
        .collect();
    lines.sort_by_key(|line| line.as_str().unwrap().to_owned());
    map.insert("extra_hosts".to_owned(), Value::Array(lines));
}

/// What Docker Compose says, with one dollar where it writes two.
pub fn normalised(mut value: Value) -> Value {
    single_dollars(&mut value);
    pruned("", value).unwrap_or_default()
}

fn object<'v>(value: &'v mut Value, key: &str) -> &'v mut Map<String, Value> {
    let map = value.as_object_mut().unwrap();
    map.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut().unwrap()
}

fn single_dollars(value: &mut Value) {
    single_dollars_of_keys(value);
    match value {
        Value::String(text) => *text = text.replace("$$", "$"),
        Value::Array(values) => values.iter_mut().for_each(single_dollars),
        Value::Object(map) => map.values_mut().for_each(single_dollars),
        _ => {}
    }
}

/// Docker Compose doubles the dollars of keys, too, where it does not replace variables.
pub fn single_dollars_of_keys(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(single_dollars_of_keys),
        Value::Object(map) => {
            let entries = std::mem::take(map).into_iter();
            *map = entries.map(|(key, value)| (key.replace("$$", "$"), value)).collect();
            map.values_mut().for_each(single_dollars_of_keys);
        }
        _ => {}
    }
}

fn without_extensions(value: &mut Value, depth: usize) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| without_extensions(value, depth + 1)),
        Value::Object(map) => {
            map.retain(|key, _| depth == 0 || !key.starts_with("x-"));
            map.iter_mut().filter(|(key, _)| !key.starts_with("x-")).for_each(|(key, value)| {
                // Names of the user's are no keys.
                let names = matches!(key.as_str(), "environment" | "labels" | "args" | "annotations" | "sysctls");
                if !names {
                    without_extensions(value, depth + 1);
                }
            });
        }
        _ => {}
    }
}

/// Leaves out what says nothing: Docker Compose leaves out most of it, but not all.
fn pruned(key: &str, value: Value) -> Option<Value> {
    const TELLING: [&str; 12] = [
        "environment",
        "labels",
        "args",
        "annotations",
        "command",
        "entrypoint",
        "init",
        "attach",
        "replicas",
        "scale",
        "enable_ipv6",
        "x-top",
    ];
    if TELLING.contains(&key) {
        return Some(value);
    }
    match value {
        // A structure that is not there is shown as one without values.
        Value::Object(map) if key == "exec" && map.get("command").is_none_or(Value::is_null) => None,
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        // One is a number with a point, the other without.
        Value::Number(number) => Some(Value::from(number.as_f64())),
        Value::Array(values) => {
            let values: Vec<_> = values.into_iter().filter_map(|value| pruned("", value)).collect();
            (!values.is_empty()).then_some(Value::Array(values))
        }
        Value::Object(map) => {
            let is_names = matches!(key, "networks" | "volumes" | "services");
            let map: Map<_, _> = map
                .into_iter()
                .filter_map(|(key, value)| match pruned(&key, value) {
                    None if is_names => Some((key, Value::Null)),
                    value => Some((key, value?)),
                })
                .collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        other => Some(other),
    }
}
