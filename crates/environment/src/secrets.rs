//! Secrets: got from where the manifest says when a process is about to be handed over, and kept nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use manifest::{SecretSource, SettingValue};
use plan::{SecretId, has_secret, with_secrets};
use source::{Problem, Problems};
use supervisor::{ContainerSpec, PlacedContent, Probe, ProcessSpec, UnitKind, UnitSpec};

use crate::context::Context;
use crate::{Error, Session};

/// How long the command of a secret may take; a person may have to confirm something.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The values of secrets. They are not shown in any way.
#[derive(Default)]
pub(crate) struct Secrets {
    values: BTreeMap<SecretId, String>,
}

impl Session<'_> {
    /// Puts their secrets into units that are about to be handed over; all that cannot be had is said at once.
    pub(crate) fn hand_over(&self, units: &mut [UnitSpec]) -> Result<(), Error> {
        let mut texts = Vec::new();
        for unit in units.iter_mut() {
            each_process(&mut unit.kind, &mut |process| texts.extend(secret_texts(process)));
        }
        let secrets = self.secrets(texts.iter().map(String::as_str))?;
        for unit in units {
            each_process(&mut unit.kind, &mut |process| secrets.fill(process));
        }
        Ok(())
    }

    /// A process with its secrets, for a program that takes its place.
    pub(crate) fn handed_over(&self, process: &ProcessSpec) -> Result<ProcessSpec, Error> {
        let mut process = process.clone();
        let texts = secret_texts(&process);
        self.secrets(texts.iter().map(String::as_str))?.fill(&mut process);
        Ok(process)
    }

    /// Gets the secrets that are in these texts.
    pub(crate) fn secrets<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Result<Secrets, Error> {
        let mut wanted = BTreeSet::new();
        for text in texts {
            let note = |id: &SecretId| {
                wanted.insert(id.clone());
                Ok::<_, std::convert::Infallible>(String::new())
            };
            let Ok(_) = with_secrets(text, note);
        }
        let (mut secrets, mut problems) = (Secrets::default(), Problems::new());
        for id in wanted {
            match self.secret(&id) {
                Ok(value) => drop(secrets.values.insert(id, value)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(secrets) } else { Err(Error::Secrets(problems)) }
    }

    fn secret(&self, id: &SecretId) -> Result<String, Problem> {
        let workspace = self.tree.workspace(self.tree.find(&id.workspace).expect("the model was made of this tree"));
        let setting = &workspace.manifest.config[&id.key];
        let SettingValue::Secret(source) = &setting.value else { unreachable!("only secrets are marked as such") };
        get(self.context, source, &workspace.directory).map_err(|(why, help)| {
            Problem::error("secret::missing", format!("the secret `{id}` cannot be had: {why}"))
                .at(&setting.place, "is to come from here")
                .help(help)
        })
    }
}

impl Secrets {
    /// A text with its secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        self.replace(text, str::to_owned)
    }

    fn replace(&self, text: &str, written: impl Fn(&str) -> String) -> String {
        let value = |id: &SecretId| Ok::<_, std::convert::Infallible>(written(&self.values[id]));
        let Ok(filled) = with_secrets(text, value);
        filled
    }

    fn fill(&self, process: &mut ProcessSpec) {
        if self.values.is_empty() {
            return;
        }
        for value in process.env.own.values_mut() {
            *value = self.text(value);
        }
        if let Some(container) = &mut process.container {
            let mut spec = ContainerSpec::clone(container);
            // What is asked of an engine is JSON.
            spec.body = self.replace(&spec.body, |value| {
                let quoted = serde_json::Value::from(value).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            });
            for file in &mut spec.files {
                if let PlacedContent::Text(text) = &mut file.content {
                    *text = self.text(text);
                }
            }
            *container = Arc::new(spec);
        }
    }
}

/// The texts of a process that have secrets in them.
fn secret_texts(process: &ProcessSpec) -> Vec<String> {
    let container = process.container.iter();
    let of_container = container.flat_map(|container| {
        let files = container.files.iter().filter_map(|file| match &file.content {
            PlacedContent::Text(text) => Some(text),
            PlacedContent::File(_) => None,
        });
        files.chain([&container.body])
    });
    process.env.own.values().chain(of_container).filter(|text| has_secret(text)).cloned().collect()
}

/// Goes through all processes of a unit: its own, and those that look at it or stop it.
fn each_process(kind: &mut UnitKind, visit: &mut dyn FnMut(&mut ProcessSpec)) {
    let probe = |probe: &mut Probe, visit: &mut dyn FnMut(&mut ProcessSpec)| {
        if let Probe::Command(process) = probe {
            visit(process);
        }
    };
    match kind {
        UnitKind::Service { process, ready, stop, life } => {
            visit(process);
            probe(&mut ready.probe, visit);
            if let Some(live) = &mut life.live {
                probe(&mut live.probe, visit);
            }
            if let Some(process) = &mut stop.command {
                visit(process);
            }
        }
        UnitKind::Task { process, .. } => visit(process),
        UnitKind::External => {}
    }
}

/// Whether a secret can be had, as far as that is seen without asking a command.
pub(crate) fn can_be_had(context: &Context<'_>, source: &SecretSource, workspace: &Path) -> Result<(), String> {
    match source {
        SecretSource::Command(_) => Ok(()),
        _ => get(context, source, workspace).map(drop).map_err(|(why, _)| why),
    }
}

/// Gets a secret; if it cannot be had, why, and what to do. None of what was got is in that.
fn get(context: &Context<'_>, source: &SecretSource, workspace: &Path) -> Result<String, (String, String)> {
    let value = match source {
        SecretSource::Variable(name) => context.variables.get(name).cloned().ok_or_else(|| {
            (format!("the variable {name} is not set"), format!("set it where `seedbed` is called: `export {name}=…`"))
        }),
        SecretSource::File(path) => {
            let path = place(context, path, workspace);
            fs::read_to_string(&path).map_err(|error| {
                (format!("cannot read {}: {error}", path.display()), "put it there, or say where else it is".to_owned())
            })
        }
        SecretSource::Command(words) => {
            run(context, words, workspace).map_err(|why| (why, "try the command by itself".to_owned()))
        }
    }?;
    // Editors and programs end what they write with a line feed.
    let value = value.strip_suffix('\n').map_or(value.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if value.is_empty() || value.contains('\0') {
        let what = if value.is_empty() { "is empty" } else { "has a byte 0 in it" };
        return Err((format!("{source} {what}"), "a secret is text".to_owned()));
    }
    Ok(value.to_owned())
}

fn place(context: &Context<'_>, path: &str, workspace: &Path) -> PathBuf {
    match (path.strip_prefix("~/"), context.variables.get("HOME")) {
        (Some(below), Some(home)) => Path::new(home).join(below),
        _ => workspace.join(path),
    }
}

/// Runs the command of a secret, and returns what it printed.
fn run(context: &Context<'_>, words: &[String], workspace: &Path) -> Result<String, String> {
    let program = &words[0];
    let program = if program.contains('/') { workspace.join(program) } else { PathBuf::from(program) };
    let mut child = Command::new(&program)
        .args(&words[1..])
        .current_dir(workspace)
        .env_clear()
        .envs(context.variables.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let (mut output, mut errors) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let output = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        errors.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline && !context.interrupt.is_raised() => std::thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{} did not end in {} s", program.display(), PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for {}: {error}", program.display())),
        }
    };
    let errors = errors.join().ok().and_then(Result::ok).unwrap_or_default();
    if !status.success() {
        let said = errors.lines().rev().find(|line| !line.trim().is_empty());
        let said = said.map_or_else(String::new, |line| format!(": {}", line.trim()));
        return Err(format!("{} ended with {status}{said}", program.display()));
    }
    match output.join() {
        Ok(Ok(text)) => Ok(text),
        _ => Err(format!("what {} printed is not text", program.display())),
    }
}
