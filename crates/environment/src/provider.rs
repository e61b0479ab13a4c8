//! Providers at work: whoever makes records that are not written as rows is started, asked, and ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::{CommandProvider, HttpProvider, MadeBy, Provider, ProviderKind, ProviderName};
use plan::DatabaseId;
use serde_json::{Map, Value};
use supervisor::{ProcessSpec, UnitId};

use crate::provider_command::CommandWork;
use crate::provider_http::HttpWork;
use crate::session::Session;
use crate::{Error, Interrupt};

/// A record that a provider is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Its natural key; references are what is stored of the other record.
    pub key: Map<String, Value>,
    /// Its other fields.
    pub fields: Map<String, Value>,
    /// Its traits.
    pub traits: Vec<Value>,
    /// What the provider said it made when it created it.
    pub made: Option<Value>,
}

/// A record that a provider has.
#[derive(Debug, Clone, PartialEq)]
pub struct Had {
    /// What others store that refer to it; null if that is not one value.
    pub primary_key: Value,
    /// The fields that were asked for.
    pub values: Map<String, Value>,
    /// For a record that was created: what the provider wants to know to remove it.
    pub made: Option<Value>,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, Default, PartialEq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map_or_else(String::new, |field| format!("`{field}`: ")))]
pub struct ProviderFailure {
    /// What is wrong, for people.
    pub message: String,
    /// Which of the records it was asked for is concerned, if one is.
    pub record: Option<usize>,
    /// Which of its fields is concerned, if one is.
    pub field: Option<String>,
    /// What the provider printed last.
    pub last_lines: Vec<String>,
    /// Whether the user wished to end.
    pub is_interrupted: bool,
}

impl ProviderFailure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The same, for this record of those that were asked for.
    pub(crate) fn of(self, record: usize) -> Self {
        Self { record: Some(record), ..self }
    }
}

/// The type of which records are asked for.
pub struct AskedType<'a> {
    /// Its name within its service.
    pub name: &'a str,
    /// How a provider is asked over HTTP.
    pub made_by: &'a MadeBy,
    /// The fields of the answer that are wanted.
    pub fields: &'a [String],
}

/// What a provider can do. Each request is done for all of its records or for none, as far as the provider can.
pub trait Work {
    /// Looks for records by their keys.
    fn find(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Option<Had>>, ProviderFailure>;

    /// Makes records that are not there.
    fn create(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure>;

    /// Gives records that are there these fields.
    fn update(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<Had>, ProviderFailure>;

    /// Removes records with all that was made along with them; says which were there.
    fn remove(&mut self, of: &AskedType<'_>, asked: &[Asked]) -> Result<Vec<bool>, ProviderFailure>;

    /// Says what types there are, as the provider tells it.
    fn describe(&mut self) -> Result<Value, ProviderFailure>;

    /// Ends it; one that does not end well is an error.
    fn end(self: Box<Self>) -> Result<(), ProviderFailure>;
}

/// Starts a provider, which heeds a wish to end.
pub type Start<'a> = dyn Fn(&Provider, &Interrupt) -> Result<Box<dyn Work + 'a>, Error> + Sync + 'a;

/// The providers of one load, each started when it is needed first.
pub struct Providers<'a, 's> {
    start: &'a Start<'s>,
    interrupt: &'a Interrupt,
    started: BTreeMap<ProviderName, Box<dyn Work + 's>>,
}

impl<'a, 's> Providers<'a, 's> {
    /// Begins with none.
    pub fn new(start: &'a Start<'s>, interrupt: &'a Interrupt) -> Self {
        Self { start, interrupt, started: BTreeMap::new() }
    }

    /// Returns a provider, which is started if it was not yet.
    pub fn get(&mut self, provider: &Provider) -> Result<&mut (dyn Work + 's), Error> {
        if !self.started.contains_key(&provider.name) {
            let work = (self.start)(provider, self.interrupt)?;
            self.started.insert(provider.name.clone(), work);
        }
        let work = self.started.get_mut(&provider.name).expect("it was started if it was not there");
        Ok(&mut **work)
    }

    /// Ends all of them; the first that does not end well is the error.
    pub fn end(self) -> Result<(), Error> {
        let mut ended = Ok(());
        for (name, work) in self.started {
            let result = work.end().map_err(|source| Error::provider(&name, source));
            ended = ended.and(result);
        }
        ended
    }
}

impl Session<'_> {
    /// Starts a provider of this environment, which heeds this wish to end.
    pub(crate) fn start_provider(
        &self,
        provider: &Provider,
        interrupt: &Interrupt,
    ) -> Result<Box<dyn Work + '_>, Error> {
        let interrupt = interrupt.clone();
        let failed = |source| Error::provider(&provider.name, source);
        match &provider.kind {
            ProviderKind::Command(command) => {
                let process = self.handed_over(&self.provider_process(provider, command)?)?;
                let mark = self.place.directory();
                Ok(Box::new(CommandWork::start(&process, mark, provider.timeout, interrupt).map_err(failed)?))
            }
            ProviderKind::Http(http) => {
                let base = self.provider_address(provider, http)?;
                let http = http.clone();
                Ok(Box::new(HttpWork::new(self.context.remotes, base, http, provider.timeout, interrupt)))
            }
        }
    }

    /// The process of a provider: its command, run as a service is, or as what migrates its database.
    fn provider_process(&self, provider: &Provider, command: &CommandProvider) -> Result<ProcessSpec, Error> {
        let workspace = &provider.name.service;
        let base = if let Some((service, place)) = &provider.service {
            let id = UnitId::new(format!("{workspace}/{service}"));
            let Some(model) = self.model.services.get(&id) else {
                return Err(Error::Problems(no_service(service, workspace, place, &self.service_names(workspace))));
            };
            Some(model.process.clone())
        } else {
            let id = DatabaseId { workspace: workspace.clone(), name: provider.database.clone() };
            self.model.databases.get(&id).and_then(|model| model.schema.as_ref()?.process.clone())
        };
        let directory = self.model.directory(workspace).expect("a provider is of a workspace of this environment");
        let mut process = base.unwrap_or_else(|| ProcessSpec {
            program: String::new(),
            arguments: Vec::new(),
            env: supervisor::Variables { shared: Arc::clone(&self.context.variables), own: BTreeMap::new() },
            directory: directory.clone(),
            user: None,
            log: std::path::PathBuf::new(),
            container: None,
        });
        process.program.clone_from(&command.command[0]);
        process.arguments = command.command[1..].to_vec();
        process.env.own.extend(command.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(process)
    }

    /// Where a provider is asked over HTTP.
    fn provider_address(&self, provider: &Provider, http: &HttpProvider) -> Result<String, Error> {
        let workspace = &provider.name.service;
        let Some((service, place)) = &provider.service else {
            return Ok(http.url.clone().expect("a provider that is asked over HTTP has a service or an address"));
        };
        let id = UnitId::new(format!("{workspace}/{service}"));
        let Some(model) = self.model.services.get(&id) else {
            return Err(Error::Problems(no_service(service, workspace, place, &self.service_names(workspace))));
        };
        let Some(url) = model.url() else {
            let message = format!("the service `{service}` has no port, so that nobody can ask it");
            let problem = source::Problem::error("provider::no-port", message).at(place, "asked over HTTP");
            return Err(Error::Problems([problem].into_iter().collect()));
        };
        if !self.observed.running.contains_key(&id) {
            return Err(Error::provider(
                &provider.name,
                ProviderFailure::new(format!("the service {id} does not run, and records are made by asking it")),
            ));
        }
        Ok(url)
    }

    fn service_names(&self, workspace: &str) -> Vec<String> {
        let names = self.model.services.keys().filter_map(|id| id.as_str().split_once('/'));
        names.filter(|(of, _)| *of == workspace).map(|(_, name)| name.to_owned()).collect()
    }
}

fn no_service(service: &str, workspace: &str, place: &source::Place, known: &[String]) -> source::Problems {
    let help = match source::closest(service, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("its services are {}", known.join(", ")),
    };
    let problem = source::Problem::error("provider::no-service", format!("`{workspace}` has no service `{service}`"))
        .at(place, "a provider runs as this service, or asks it")
        .help(help);
    [problem].into_iter().collect()
}
