//! `seedbed push`, `pull`, `publish` and `clone` of a data workspace

use std::fmt::Write;

use serde_json::{Value, json};
use workspace::{CloneOptions, Context, Incorporated, Pushed, ShareOptions, Shared};

use super::snapshot::short;
use super::{DataJob, failure};
use crate::arguments::{PullArguments, PushArguments};
use crate::commands::{Job, Outcome, count};
use crate::data_arguments::{CloneArguments, PublishWorkspaceArguments};
use crate::duration::size;
use crate::failure::Failure;

/// The exit code when contents stayed here.
const UNSENT: u8 = 8;

pub fn push(data: &DataJob<'_>, arguments: &PushArguments) -> Result<Outcome, Failure> {
    let of_environments = [
        (!arguments.tags.is_empty(), "tags"),
        (arguments.states, "--states"),
        (arguments.to.is_some(), "--to"),
        (arguments.allow_findings, "--allow-findings"),
    ];
    refuse_others("push", &of_environments)?;
    let options = arguments.share.options(&arguments.only);
    let pushed = workspace::push(&data.context, &data.workspace, &options).map_err(|error| failure::of(&error))?;
    Ok(of_push(&pushed))
}

pub fn publish(data: &DataJob<'_>, arguments: &PublishWorkspaceArguments) -> Result<Outcome, Failure> {
    let options = arguments.share.options(&arguments.only);
    let pushed = workspace::publish(&data.context, &data.workspace, &arguments.repository, &options);
    Ok(of_push(&pushed.map_err(|error| failure::of(&error))?))
}

pub fn pull(data: &DataJob<'_>, arguments: &PullArguments) -> Result<Outcome, Failure> {
    refuse_others("pull", &[(!arguments.tags.is_empty(), "tags"), (arguments.from.is_some(), "--from")])?;
    let options = arguments.share.options(&arguments.only);
    let pulled = workspace::pull(&data.context, &data.workspace, &options).map_err(|error| failure::of(&error))?;
    let mut text = match &pulled.incorporated {
        None => format!("nothing new from {}\n", pulled.origin),
        Some(one) => {
            let how = if one.is_merge { ", merged with what is here" } else { "" };
            let snapshots = count(pulled.snapshots.len(), "new snapshot", "new snapshots");
            format!("got from {}: {snapshots}{how}\n", pulled.origin)
        }
    };
    notes(&mut text, pulled.incorporated.as_ref());
    resources(
        &mut text,
        &pulled.resources,
        "elsewhere: whoever has taken the newest snapshot has not shared its content",
    );
    let json = json!({
        "origin": pulled.origin, "snapshots": pulled.snapshots, "resources": resources_json(&pulled.resources),
        "incorporated": pulled.incorporated.as_ref().map(incorporated_json),
    });
    Ok(Outcome::of(text, json))
}

pub fn clone(job: &Job<'_>, context: &Context<'_>, arguments: &CloneArguments) -> Result<Outcome, Failure> {
    let into = job.directory()?;
    let directory = arguments.target.as_ref().map(|target| into.join(target));
    let is_path = !arguments.repository.contains(':');
    let url =
        if is_path { into.join(&arguments.repository).display().to_string() } else { arguments.repository.clone() };
    let share: ShareOptions = arguments.share.options(&arguments.only);
    let options = CloneOptions {
        url: &url,
        directory: directory.as_deref(),
        into: &into,
        host: arguments.hostname.as_deref(),
        share,
        begun: None,
        place: None,
    };
    let cloned = workspace::clone(context, &options).map_err(|error| failure::of(&error))?;
    let root = cloned.workspace.root();
    let mut text = format!("made a copy of {} in {}\n", cloned.name, root.display());
    resources(
        &mut text,
        &cloned.resources,
        "its content is not shared, or not by whoever has taken the newest snapshot",
    );
    let json = json!({ "name": cloned.name, "root": root, "resources": resources_json(&cloned.resources) });
    Ok(Outcome::of(text, json))
}

/// What a command takes for environments means nothing here.
fn refuse_others(command: &str, said: &[(bool, &str)]) -> Result<(), Failure> {
    let Some((_, option)) = said.iter().find(|(is_said, _)| *is_said) else { return Ok(()) };
    let message = format!(
        "error: `{command}` of a data workspace takes no {option}\nhelp: all snapshots are shared together; --environment means \
         the environment\n"
    );
    Err(Failure { code: 2, kind: "command-line", message })
}

fn of_push(pushed: &Pushed) -> Outcome {
    let mut text = format!("pushed to {} ({})\n", pushed.origin, short(&pushed.commit));
    if let Some(sent) = &pushed.contents {
        let new = count(sent.contents, "new content", "new contents");
        writeln!(text, "contents are in {}: {new}, {}", sent.place, size(sent.bytes)).expect("it is a string");
    }
    if !pushed.incorporated.is_empty() {
        text.push_str("others had pushed, which was merged first\n");
    }
    for one in &pushed.incorporated {
        notes(&mut text, Some(one));
    }
    resources(&mut text, &pushed.resources, "not sent: no place is named where contents are shared");
    let is_unsent = pushed.resources.iter().any(|(_, shared)| *shared == Shared::Unsent);
    if is_unsent {
        text.push_str("`seedbed config set content.remote ADDRESS` names a place: a directory, a bucket, whatever a remote can be\n");
    }
    let json = json!({
        "origin": pushed.origin, "commit": pushed.commit, "resources": resources_json(&pushed.resources),
        "contents": pushed.contents.as_ref().map(|sent| json!({ "place": sent.place, "new": sent.contents, "bytes": sent.bytes })),
        "incorporated": pushed.incorporated.iter().map(incorporated_json).collect::<Vec<_>>(),
    });
    Outcome { code: if is_unsent { UNSENT } else { 0 }, ..Outcome::of(text, json) }
}

fn notes(text: &mut String, incorporated: Option<&Incorporated>) {
    for note in incorporated.into_iter().flat_map(|one| &one.notes) {
        writeln!(text, "{note}").expect("it is a string");
    }
}

/// A line for each resource.
fn resources(text: &mut String, all: &[(String, Shared)], unsent: &str) {
    for (name, shared) in all {
        let how = match shared {
            Shared::WithWorkspace => "in git, with the workspace",
            Shared::Repository => "its own repository",
            Shared::Cloned => "cloned",
            Shared::ReadOnly => "only read",
            Shared::NoOrigin => "its repository came from nowhere",
            Shared::Contents => "its contents",
            Shared::Unsent => unsent,
            Shared::Nothing => "nothing to share",
        };
        writeln!(text, "  {name}: {how}").expect("it is a string");
    }
}

fn resources_json(all: &[(String, Shared)]) -> Value {
    let word = |shared: &Shared| match shared {
        Shared::WithWorkspace => "workspace",
        Shared::Repository => "repository",
        Shared::Cloned => "cloned",
        Shared::ReadOnly => "read-only",
        Shared::NoOrigin => "no-origin",
        Shared::Contents => "contents",
        Shared::Unsent => "unsent",
        Shared::Nothing => "nothing",
    };
    Value::Array(all.iter().map(|(name, shared)| json!({ "name": name, "shared": word(shared) })).collect())
}

fn incorporated_json(one: &Incorporated) -> Value {
    json!({ "before": one.before, "commit": one.commit, "merge": one.is_merge, "notes": one.notes })
}
