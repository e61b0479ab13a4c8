//! `seedbed init --data`

use std::fmt::Write;

use serde_json::json;
use workspace::{Context, Form, InitOptions};

use super::failure;
use crate::commands::{Job, Outcome};
use crate::data_arguments::DataInitArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, context: &Context<'_>, arguments: &DataInitArguments) -> Result<Outcome, Failure> {
    let bad = |message: String| Failure { code: 2, kind: "command-line", message: format!("error: {message}\n") };
    let roles = arguments.roles().map_err(bad)?;
    let options = InitOptions {
        name: arguments.workspace.as_deref(),
        form: Form::Separate,
        host: arguments.hostname.as_deref(),
        roles: &roles,
        scratch: arguments.scratch_directory.as_deref(),
        lfs: &arguments.git_lfs_attributes,
    };
    let made = workspace::init(context, &job.directory()?, &options).map_err(|error| failure::of(&error))?;
    let mut text = format!("made the data workspace {}", made.name);
    text.push_str(if made.made_repository { ", and a repository of git for it\n" } else { "\n" });
    for resource in &made.resources {
        writeln!(text, "added {} ({}, {})", resource.name, resource.role, resource.kind).expect("it is a string");
    }
    if made.resources.is_empty() {
        text.push_str("`seedbed add local-files --role source-data DIRECTORY` adds a first resource\n");
    }
    let names: Vec<_> = made.resources.iter().map(|resource| &resource.name).collect();
    let json = json!({
        "name": made.name, "root": made.workspace.root(), "form": made.workspace.metadata().form().as_str(),
        "resources": names,
    });
    Ok(Outcome::of(text, json))
}
