//! Which configuration was in force when: a line of JSON for each that differs from the one before.
//!
//! Described in `docs/formats/environment.md`. Of secrets it has where they come from.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use manifest::{SecretSource, Setting, SettingValue, WorkspaceTree};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::place::Place;
use crate::{Error, Session};

/// The version of the lines.
const FORMAT: u32 = 1;

/// A configuration that was in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Configured {
    seedbed_config: u32,
    /// Counted from 1.
    pub number: u64,
    /// When it came into force, in RFC 3339.
    pub time: String,
    /// Who brought it into force.
    pub author: String,
    /// By which command.
    pub command: String,
    /// The profile that was applied.
    pub profile: Option<String>,
    /// All settings by `WORKSPACE.KEY`; of a secret, where it comes from.
    pub settings: BTreeMap<String, Value>,
}

/// All settings of an environment by `WORKSPACE.KEY`.
pub(crate) fn settings(tree: &WorkspaceTree) -> BTreeMap<String, Setting> {
    let of = |workspace: &manifest::Workspace| {
        let name = workspace.manifest.name.to_string();
        let named = |(key, setting): (&String, &Setting)| (format!("{name}.{key}"), setting.clone());
        workspace.manifest.config.iter().map(named).collect::<Vec<_>>()
    };
    tree.iter().flat_map(|(_, workspace)| of(workspace)).collect()
}

/// The value as it could stand in a manifest.
pub(crate) fn value_json(value: &SettingValue) -> Value {
    match value {
        SettingValue::Text(text) => json!(text),
        SettingValue::Integer(number) => json!(number),
        SettingValue::Float(number) => json!(number),
        SettingValue::Boolean(value) => json!(value),
        SettingValue::Secret(SecretSource::Variable(name)) => json!({ "secret": { "env": name } }),
        SettingValue::Secret(SecretSource::File(path)) => json!({ "secret": { "file": path } }),
        SettingValue::Secret(SecretSource::Command(words)) => json!({ "secret": { "command": words } }),
    }
}

/// Everything that was in force, oldest first; lines that were cut off by a crash, or are of another version, are skipped.
pub(crate) fn read(place: &Place) -> Result<Vec<Configured>, Error> {
    let path = place.config_history();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(Error::io("read", &path))?,
    };
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Configured>(line).ok());
    Ok(lines.filter(|line| line.seedbed_config == FORMAT).collect())
}

impl Session<'_> {
    /// Writes down what is in force now, if that differs from what was before. Returns its number.
    pub(crate) fn note_configuration(&self, command: &str) -> Result<u64, Error> {
        let before = read(&self.place)?;
        let settings = settings(&self.tree).into_iter().map(|(name, setting)| (name, value_json(&setting.value)));
        let line = Configured {
            seedbed_config: FORMAT,
            number: before.last().map_or(1, |last| last.number + 1),
            time: self.now(),
            author: self.context.author.clone(),
            command: command.to_owned(),
            profile: self.record().config.profile.clone(),
            settings: settings.collect(),
        };
        match before.last() {
            Some(last) if last.settings == line.settings && last.profile == line.profile => return Ok(last.number),
            None if line.settings.is_empty() => return Ok(0),
            _ => {}
        }
        let path = self.place.config_history();
        let text = serde_json::to_string(&line).expect("these types have no failing parts");
        // A line that a crash has cut off must not take this one with it.
        let is_cut = fs::read(&path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
        let text = format!("{}{text}\n", if is_cut { "\n" } else { "" });
        File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(Error::io("write", &path))?;
        Ok(line.number)
    }
}
