//! `dws config`

use serde_json::{Map, Value, json};
use workspace::{Parameter, Resource, Workspace};

use super::arguments::ConfigArguments;
use super::failure::Stop;
use super::table::{Cell, Column, python, repr, table};
use super::{Face, kinds, say, show};

/// What a parameter can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Template,
    Files,
    RelativePath,
    WholePath,
    Host,
    Flag,
}

/// A parameter of workspaces.
struct Known {
    name: &'static str,
    is_local: bool,
    kind: Kind,
    default: &'static str,
    about: &'static str,
}

const KNOWN: [Known; 7] = [
    Known {
        name: "results.dir_template",
        is_local: false,
        kind: Kind::Template,
        default: r#""snapshots/{HOSTNAME}-{TAG}""#,
        about: "Where results go when a snapshot is taken",
    },
    Known {
        name: "results.move_exclude_files",
        is_local: false,
        kind: Kind::Files,
        default: r#"["README.txt", "README.rst", "README.md"]"#,
        about: "Files that stay where they are when results go there",
    },
    Known {
        name: "scratch_directory",
        is_local: false,
        kind: Kind::RelativePath,
        default: "null",
        about: "The directory for what is not to be kept, from the root of the workspace",
    },
    Known {
        name: "dws_git_branch",
        is_local: false,
        kind: Kind::Text,
        default: "null",
        about: "The branch of git that the workspace is on",
    },
    Known {
        name: "hostname",
        is_local: true,
        kind: Kind::Host,
        default: "null",
        about: "What this machine is called in snapshots",
    },
    Known {
        name: "local_scratch_directory",
        is_local: true,
        kind: Kind::WholePath,
        default: "null",
        about: "The directory for what is not to be kept, anywhere on this machine",
    },
    Known {
        name: "content.remote",
        is_local: false,
        kind: Kind::Text,
        default: "null",
        about: "The store where contents are shared; dws has none",
    },
];

/// A parameter as it is shown.
struct Row {
    name: String,
    is_local: bool,
    value: Value,
    is_default: bool,
    about: String,
}

impl Row {
    fn scope(&self) -> &'static str {
        if self.is_local { "local" } else { "global" }
    }
}

impl Kind {
    /// Reads a value.
    fn parse(self, name: &str, text: &str) -> Result<Value, String> {
        let bad = |problem: &str| format!("Error in validation of configuration parameter '{name}': {problem}");
        match self {
            Self::Template if text.starts_with("snapshots/") => Ok(json!(text)),
            Self::Template => Err("Templates must start with 'snapshots/'".to_owned()),
            Self::Files => {
                let value: Value = serde_json::from_str(text)
                    .map_err(|_| format!("Unable to parse parameter {name} value '{text}'"))?;
                let is_list = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
                if is_list { Ok(value) } else { Err(bad("File list parameter must be a list")) }
            }
            Self::RelativePath if text.starts_with('/') => Err(bad("it is absolute, should be relative")),
            Self::WholePath if !text.starts_with('/') => Err(bad("it is not absolute")),
            Self::Text | Self::RelativePath | Self::WholePath => Ok(json!(text)),
            Self::Host => kinds::word(text).map(Value::from).map_err(|problem| bad(&problem)),
            Self::Flag => match text.to_lowercase().as_str() {
                "true" => Ok(json!(true)),
                "false" => Ok(json!(false)),
                _ => Err(format!("Unable to parse parameter {name} value '{text}'")),
            },
        }
    }
}

pub fn run(face: &Face<'_>, arguments: &ConfigArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let resource = match &arguments.resource {
        None => None,
        Some(name) => Some(workspace.metadata().resource(name).map_err(|error| match error {
            workspace::Error::NoResource { .. } => {
                Stop::said(format!("No resource in this workspace with name '{name}'"))
            }
            error => error.into(),
        })?),
    };
    let rows = match &resource {
        None => of_workspace(face, &workspace)?,
        Some(resource) => of_resource(&workspace, resource),
    };
    let Some(name) = &arguments.name else {
        print(&rows);
        return Ok(());
    };
    let whose = resource.as_ref().map_or("workspace".to_owned(), |resource| format!("resource '{}'", resource.name));
    let Some(row) = rows.iter().find(|row| row.name == *name) else {
        return Err(Stop::said(match &resource {
            None => format!("No workspace parameter named '{name}'"),
            Some(resource) => format!("Resource {} has no parameter named '{name}'", resource.name),
        }));
    };
    match &arguments.value {
        None => print_one(row, &whose),
        Some(text) => {
            let known = KNOWN.iter().find(|known| resource.is_none() && known.name == name);
            let kind = known.map_or(if row.value.is_boolean() { Kind::Flag } else { Kind::Text }, |known| known.kind);
            let value = kind.parse(name, text).map_err(Stop::said)?;
            let parameter = Parameter {
                resource: resource.as_ref().map(|resource| resource.name.as_str()),
                name,
                local: row.is_local,
            };
            workspace::set_parameter(&face.context, &workspace, &parameter, Some(&value))?;
            let scope = row.scope();
            say(format!("Successfully set {whose} {scope} parameter '{name}' to {}.", repr(&value)));
        }
    }
    Ok(())
}

fn of_workspace(face: &Face<'_>, workspace: &Workspace) -> Result<Vec<Row>, Stop> {
    let metadata = workspace.metadata();
    let (shared, local) = (metadata.parameters()?, metadata.local_parameters()?);
    let row = |known: &Known| {
        let all = if known.is_local { &local } else { &shared };
        let usual = match known.name {
            "hostname" => json!(face.context.host.split('.').next()),
            _ => serde_json::from_str(known.default).expect("it is JSON"),
        };
        let value = all.get(known.name).cloned().unwrap_or_else(|| usual.clone());
        Row {
            name: known.name.to_owned(),
            is_local: known.is_local,
            is_default: value == usual,
            value,
            about: known.about.to_owned(),
        }
    };
    Ok(KNOWN.iter().map(row).collect())
}

fn of_resource(workspace: &Workspace, resource: &Resource) -> Vec<Row> {
    let row = |is_local: bool| {
        move |(name, value): (String, Value)| {
            let is_default = value.is_null() || value == json!(false);
            Row { name, is_local, value, is_default, about: String::new() }
        }
    };
    let shared = workspace.metadata().as_dws(resource).into_iter().map(row(false));
    let mut local = Map::new();
    if let Some(directory) = resource.directory(workspace.root()) {
        local.insert("local_path".to_owned(), json!(directory));
    }
    shared.chain(local.into_iter().map(row(true))).collect()
}

fn print(rows: &[Row]) {
    let column = |title: &str, cell: &dyn Fn(&Row) -> Cell| Column::new(title, rows.iter().map(cell).collect());
    let columns = [
        column("Name", &|row| row.name.as_str().into()),
        column("Scope", &|row| row.scope().into()),
        column("Value", &|row| python(&row.value).into()),
        column("Default?", &|row| if row.is_default { "Y" } else { "N" }.into()),
        column("Description", &|row| row.about.as_str().into()).at_most(40),
    ];
    show(&format!("{}\n", table(None, &columns, "None")));
}

fn print_one(row: &Row, whose: &str) {
    let title = format!("{}{} parameter '{}'", whose[..1].to_uppercase(), &whose[1..], row.name);
    let columns = [
        Column::new("Value", vec![python(&row.value).into()]),
        Column::new("Scope", vec![row.scope().into()]),
        Column::new("Default?", vec![if row.is_default { "Y" } else { "N" }.into()]),
        Column::new("Description", vec![row.about.as_str().into()]).at_most(60),
    ];
    show(&format!("{title}\n{}\n\n{}\n", "=".repeat(title.chars().count()), table(None, &columns, "None")));
}
