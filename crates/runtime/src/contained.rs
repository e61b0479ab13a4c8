//! Containers as units: they are made, attached, started, waited for and removed by the engine, and their events are those
//! of processes.
//!
//! Everything is made early ([`Containers::prepare`]), when a unit may still have to wait for others: what is left to do
//! when it is due is to start it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use containers::{
    Address, Engine, EngineError, Inspection, Keys, LABEL, NetworkFound, Output, OutputKind, SUPERVISOR_LABEL, Sweep,
};
use serde_json::Value;
use supervisor::{ContainerSpec, Exit, NeededNetwork, PlacedContent, Signal, UnitId};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::guard::Guard;
use crate::log_line::Stream;
use crate::predecessor::start_of;
use crate::relay::Relays;
use crate::sites::{Site, remember};
use crate::terminal::Message;

/// How long the last output of a container that has ended may take.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the removal of everything may take at the end.
const SWEEP: Duration = Duration::from_secs(30);

/// The containers of one environment.
#[derive(Default)]
pub(crate) struct Containers {
    directory: PathBuf,
    /// What this supervisor's containers carry, and no other's.
    supervisor: String,
    /// The words by which this program guards containers.
    guard_words: Vec<OsString>,
    prepared: RefCell<HashMap<UnitId, Prepared>>,
    /// By engine and name.
    networks: RefCell<HashMap<(String, String), Network>>,
    sites: RefCell<BTreeSet<Site>>,
    guard: RefCell<Option<Guard>>,
    relays: Relays,
}

/// A network that is being made, or is there.
type Network = Rc<OnceCell<NetworkFound>>;

/// A container that is being made, or is made and does not run.
struct Prepared {
    spec: ContainerSpec,
    task: JoinHandle<Result<Made, String>>,
}

/// A container that is made.
struct Made {
    engine: Engine,
    id: String,
}

/// A container that runs.
pub(crate) struct Contained {
    pub(crate) engine: Engine,
    pub(crate) id: String,
    pub(crate) inspection: Inspection,
}

/// What a container that was started brings: itself, its output, and its end.
pub(crate) struct Started {
    pub(crate) contained: Rc<Contained>,
    pub(crate) output: Output,
    /// Where can be typed, if it has a terminal.
    pub(crate) keys: Option<Keys>,
    pub(crate) exit: Pin<Box<dyn Future<Output = Result<i32, EngineError>>>>,
}

impl Containers {
    pub(crate) fn new(directory: &Path, guard_words: Vec<OsString>) -> Self {
        let pid = std::process::id();
        let supervisor = format!("{pid}.{}", start_of(pid).unwrap_or_default());
        Self { directory: directory.to_owned(), supervisor, guard_words, ..Self::default() }
    }

    /// Begins to make the container of a unit that will be started.
    pub(crate) fn prepare(self: &Rc<Self>, unit: &UnitId, spec: &ContainerSpec) {
        let before = self.prepared.borrow_mut().remove(unit);
        let (own, wanted) = (Rc::clone(self), spec.clone());
        let task = tokio::task::spawn_local(async move {
            if let Some(before) = before
                && let Ok(Ok(made)) = before.task.await
            {
                // The new one replaces it if it has the same name; what this cannot remove, the end removes.
                let _ = made.engine.remove_container(&made.id).await;
            }
            own.make(&wanted).await.map_err(|error| error.to_string())
        });
        self.prepared.borrow_mut().insert(unit.clone(), Prepared { spec: spec.clone(), task });
    }

    /// Starts the container of a unit: the one that was prepared, or another.
    pub(crate) async fn start(self: &Rc<Self>, unit: &UnitId, spec: &ContainerSpec) -> Result<Started, String> {
        let is_prepared = self.prepared.borrow().get(unit).is_some_and(|prepared| prepared.spec == *spec);
        if !is_prepared {
            self.prepare(unit, spec);
        }
        let prepared = self.prepared.borrow_mut().remove(unit).ok_or("it was given up")?;
        let made = prepared.task.await.map_err(|error| error.to_string())??;
        match self.run(&made, spec).await {
            Ok(started) => Ok(started),
            Err(error) => {
                // What this cannot remove, the end removes.
                let _ = made.engine.remove_container(&made.id).await;
                Err(error.to_string())
            }
        }
    }

    async fn run(&self, made: &Made, spec: &ContainerSpec) -> Result<Started, EngineError> {
        let engine = &made.engine;
        let (output, keys) = if spec.has_terminal {
            let (output, keys) = engine.attach_terminal(&made.id).await?;
            (output, Some(keys))
        } else {
            (engine.attach(&made.id).await?, None)
        };
        let exit = Box::pin(engine.next_exit(&made.id).await?);
        engine.start_container(&made.id).await?;
        self.relays.container_started();
        let inspection = engine.inspect_container(&made.id).await?;
        let contained = Contained { engine: engine.clone(), id: made.id.clone(), inspection };
        Ok(Started { contained: Rc::new(contained), output, keys, exit })
    }

    async fn make(&self, spec: &ContainerSpec) -> Result<Made, EngineError> {
        let engine = Engine::new(Address::parse(&spec.engine)?);
        self.note(&Site { engine: spec.engine.clone(), label: spec.label.clone() })?;
        let mut gateway = None;
        for network in &spec.networks {
            let found = self.network(&engine, spec, network).await?;
            gateway = gateway.or(found.gateway);
        }
        for volume in &spec.volumes {
            engine.ensure_volume(volume).await?;
        }
        let body = self.labelled(&spec.body);
        let body = match (&spec.gateway_name, &gateway) {
            (Some(name), Some(gateway)) => with_gateway(body, name, gateway),
            _ => body,
        };
        if let Some(gateway) = &gateway {
            self.relays.open(gateway, &spec.relays);
        }
        let id = engine.create_container(&spec.name, spec.platform.as_deref(), &body.to_string()).await?;
        let made = Made { engine, id };
        match self.furnish(&made, spec).await {
            Ok(()) => Ok(made),
            Err(error) => {
                // What this cannot remove, the end removes.
                let _ = made.engine.remove_container(&made.id).await;
                Err(error)
            }
        }
    }

    /// Connects a new container with its further networks, and puts its files into it.
    async fn furnish(&self, made: &Made, spec: &ContainerSpec) -> Result<(), EngineError> {
        for network in &spec.networks {
            if let Some(connection) = &network.connection {
                let body = connection.replace("\"CONTAINER\"", &format!("\"{}\"", made.id));
                made.engine.connect_network(&network.name, &body).await?;
            }
        }
        if !spec.files.is_empty() {
            let archive = archive(spec).map_err(EngineError::Failed)?;
            made.engine.put_files(&made.id, archive).await?;
        }
        Ok(())
    }

    /// Makes a network once, however many containers want it at the same time.
    async fn network(
        &self,
        engine: &Engine,
        spec: &ContainerSpec,
        network: &NeededNetwork,
    ) -> Result<NetworkFound, EngineError> {
        let key = (spec.engine.clone(), network.name.clone());
        let cell = Rc::clone(self.networks.borrow_mut().entry(key).or_default());
        let found = cell
            .get_or_try_init(|| async {
                match &network.body {
                    Some(body) => engine.ensure_network(&network.name, &self.labelled(body).to_string()).await,
                    None => engine.find_network(&network.name).await,
                }
            })
            .await?;
        Ok(found.clone())
    }

    /// Adds the label of this supervisor to a body.
    fn labelled(&self, body: &str) -> Value {
        let mut body: Value = serde_json::from_str(body).unwrap_or_default();
        body["Labels"][SUPERVISOR_LABEL] = self.supervisor.clone().into();
        body
    }

    /// Notes where containers are about to be, and starts the guard of them, before the first is made.
    fn note(&self, site: &Site) -> Result<(), EngineError> {
        if self.sites.borrow().contains(site) {
            return Ok(());
        }
        let failed = |what: &str, error: &dyn std::fmt::Display| EngineError::Failed(format!("{what}: {error}"));
        remember(&self.directory, site).map_err(|error| failed("cannot write down where containers are", &error))?;
        if !self.guard_words.is_empty() {
            let mut guard = self.guard.borrow_mut();
            match &mut *guard {
                Some(guard) => guard.add(&site.engine),
                none => {
                    let new = Guard::start(&self.guard_words, &self.supervisor, &site.engine);
                    *none = Some(new.map_err(|error| failed("cannot guard containers", &error))?);
                }
            }
        }
        self.sites.borrow_mut().insert(site.clone());
        Ok(())
    }

    /// Removes all containers and networks; called last, when no unit runs any more.
    pub(crate) async fn finish(&self) {
        let prepared: Vec<Prepared> = self.prepared.borrow_mut().drain().map(|(_, prepared)| prepared).collect();
        for prepared in prepared {
            let _ = prepared.task.await;
        }
        self.relays.close();
        let sites = std::mem::take(&mut *self.sites.borrow_mut());
        let mut is_done = true;
        for site in &sites {
            let Ok(address) = Address::parse(&site.engine) else { continue };
            let swept =
                timeout(SWEEP, async { Engine::new(address).sweep(LABEL, &site.label, Sweep::Running).await }).await;
            is_done &= matches!(swept, Ok(Ok(_)));
        }
        // If something is left, the guard tries once more.
        if let Some(guard) = self.guard.borrow_mut().take().filter(|_| is_done) {
            guard.dismiss();
        }
    }
}

impl Contained {
    /// Sends a signal to its first process. What asks to stop is the signal that the image, or the manifest, has for that.
    pub(crate) async fn signal(&self, signal: Signal) -> Result<(), String> {
        let stop = self.inspection.stop_signal.as_deref();
        let name = match (signal, stop) {
            (Signal::Term, Some(stop)) => stop.to_owned(),
            _ => signal.to_string(),
        };
        self.engine.signal_container(&self.id, &name).await.map_err(|error| error.to_string())
    }

    /// Waits for its end, and removes it.
    pub(crate) async fn see_off(
        &self,
        exit: Pin<Box<dyn Future<Output = Result<i32, EngineError>>>>,
    ) -> (Exit, Option<String>) {
        let (exit, said) = match exit.await {
            Ok(code) => (Exit::Code(code), None),
            Err(error) => self.look_again(error).await,
        };
        let memory = self.engine.inspect_container(&self.id).await.is_ok_and(|seen| seen.is_out_of_memory);
        let said = said.or_else(|| memory.then(|| "the memory of the container ran out".to_owned()));
        let removed = self.engine.remove_container(&self.id).await;
        (exit, said.or_else(|| removed.err().map(|error| format!("the container cannot be removed: {error}"))))
    }

    /// The engine has told nothing of the end: it is asked until it answers, or until it has been away for long.
    async fn look_again(&self, first: EngineError) -> (Exit, Option<String>) {
        const TRIES: u32 = 20;
        const PAUSE: Duration = Duration::from_millis(250);
        for _ in 0..TRIES {
            match self.engine.inspect_container(&self.id).await {
                Ok(seen) if !seen.is_running => return (Exit::Code(seen.exit_code), None),
                Ok(_) => match self.engine.next_exit(&self.id).await {
                    Ok(exit) => {
                        if let Ok(code) = exit.await {
                            return (Exit::Code(code), None);
                        }
                    }
                    Err(_) => sleep(PAUSE).await,
                },
                Err(error) if error.is_missing() => {
                    return (Exit::Code(-1), Some("somebody has removed the container".to_owned()));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        (Exit::Code(-1), Some(first.to_string()))
    }

    /// Runs a command inside; `None`: what the image or the manifest has as health check.
    pub(crate) async fn check(&self, command: Option<&[String]>) -> Result<(), String> {
        let words = match command {
            Some(words) => words.to_vec(),
            None => match self.inspection.health.split_first() {
                Some((kind, words)) if kind == "CMD" => words.to_vec(),
                Some((kind, script)) if kind == "CMD-SHELL" => {
                    ["/bin/sh", "-c"].into_iter().map(str::to_owned).chain([script.join(" ")]).collect()
                }
                _ => return Err("neither the image nor the manifest has a health check".to_owned()),
            },
        };
        match self.engine.execute(&self.id, &words).await {
            Ok((0, _)) => Ok(()),
            Ok((code, said)) => {
                let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
                let said = last.map_or_else(String::new, |line| format!(": {line}"));
                Err(format!("the command {} in the container exited with code {code}{said}", words[0]))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Passes on what whoever is attached to the terminal of a container says.
pub(crate) async fn type_all(mut keys: Keys, mut said: Receiver<Message>) {
    while let Some(message) = said.recv().await {
        match message {
            Message::Input(input) => {
                if keys.write(&input).await.is_err() {
                    return;
                }
            }
            // One that has ended has no window any more.
            Message::Size(rows, columns) => drop(keys.resize(rows, columns).await),
        }
    }
}

/// Passes on what a container writes until it ends.
pub(crate) async fn pump(mut output: Output, mut write: impl FnMut(Stream, &[u8])) {
    while let Some((kind, bytes)) = output.next().await {
        write(if kind == OutputKind::Errors { Stream::Errors } else { Stream::Output }, &bytes);
    }
}

/// Waits until all that a container wrote was passed on; not for ever, should the engine not say that it was all.
pub(crate) async fn drained(pump: JoinHandle<()>) {
    let abort = pump.abort_handle();
    if timeout(DRAIN, pump).await.is_err() {
        abort.abort();
    }
}

/// Puts the address of this machine into a body, by its name and wherever the engine would have to find it itself.
fn with_gateway(mut body: Value, name: &str, gateway: &str) -> Value {
    let hosts = body.pointer("/HostConfig/ExtraHosts").and_then(Value::as_array);
    let mut hosts: Vec<String> =
        hosts.into_iter().flatten().filter_map(|host| host.as_str().map(str::to_owned)).collect();
    for host in &mut hosts {
        if let Some(given) = host.strip_suffix(":host-gateway") {
            *host = format!("{given}:{gateway}");
        }
    }
    if !hosts.iter().any(|host| host.split(':').next() == Some(name)) {
        hosts.push(format!("{name}:{gateway}"));
    }
    body["HostConfig"]["ExtraHosts"] = hosts.into();
    body
}

/// The files of a container as a tar file that is unpacked from its root.
fn archive(spec: &ContainerSpec) -> Result<Vec<u8>, String> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in &spec.files {
        let content = match &file.content {
            PlacedContent::Text(text) => text.clone().into_bytes(),
            PlacedContent::File(path) => {
                fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?
            }
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid.into());
        header.set_gid(file.gid.into());
        let target = file.target.trim_start_matches('/');
        let put = archive.append_data(&mut header, target, content.as_slice());
        put.map_err(|error| format!("cannot put {} into the container: {error}", file.target))?;
    }
    archive.into_inner().map_err(|error| error.to_string())
}
