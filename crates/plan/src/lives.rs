//! Readiness, liveness, restarts and stops of a service, in the words of the supervisor.

use std::time::Duration;

use manifest::{Command, ProbedPort, RestartLimit};
use source::Problem;
use supervisor::{
    BodyPattern, Gate, HttpProbe, LazySpec, LifeSpec, LimitSpec, LiveSpec, Probe, ProcessSpec, ReadySpec,
    RestartPolicy, RestartSpec, Signal, StopSpec, WatchSpec,
};

use crate::container;
use crate::key::KeyBuilder;
use crate::resolve::{command_words, program};
use crate::scope::{Form, Scope};

/// What the life of a service is resolved with.
pub(crate) struct Lives<'l, 'a> {
    /// Where its references are looked up.
    pub(crate) scope: &'l Scope<'a>,
    /// Its name in its workspace.
    pub(crate) name: &'l str,
    /// Its own port.
    pub(crate) port: Option<u16>,
    /// Its process: commands about it run as it does, and where it does.
    pub(crate) process: &'l ProcessSpec,
    /// What looks at the health check of a container.
    pub(crate) health: &'l Probe,
    /// Its ports, if it is lazy.
    pub(crate) gate: Option<Gate>,
}

impl<'a> Lives<'_, 'a> {
    pub(crate) fn ready(&self, ready: &'a manifest::Ready) -> Result<ReadySpec, Problem> {
        Ok(ReadySpec {
            probe: self.probe(&ready.probe)?,
            timeout: ready.timeout,
            interval: ready.interval,
            longest_pause: ready.longest_pause,
            check_timeout: ready.check_timeout,
        })
    }

    pub(crate) fn stop(&self, stop: &'a manifest::Stop) -> Result<StopSpec, Problem> {
        let command = stop.command.as_ref().map(|command| self.command(command).map(Box::new)).transpose()?;
        Ok(StopSpec { signal: signal(stop.signal), command, timeout: stop.timeout, ..StopSpec::default() })
    }

    pub(crate) fn life(&self, service: &'a manifest::Service) -> Result<LifeSpec, Problem> {
        let live = match &service.live {
            None => None,
            Some(live) => Some(LiveSpec {
                probe: self.probe(&live.probe)?,
                interval: live.interval,
                check_timeout: live.check_timeout,
                failures: live.failures,
            }),
        };
        let watch = service.watch.as_ref().map(|watch| self::watch(watch, self.scope));
        let lazy = service.lazy.zip(self.gate).map(|(lazy, gate)| LazySpec { gate, idle: lazy.idle, awake: false });
        Ok(LifeSpec {
            restart: service.restart.as_ref().map(restart).unwrap_or_default(),
            live,
            lazy,
            watch,
            has_terminal: service.has_terminal,
            limits: process_limits(service),
        })
    }

    fn probe(&self, probe: &'a manifest::Probe) -> Result<Probe, Problem> {
        let host = || "127.0.0.1".to_owned();
        let port = |port: &ProbedPort| {
            let port = match port {
                ProbedPort::Own => self.port,
                ProbedPort::Number(number) => Some(*number),
                ProbedPort::Named(name) => self.scope.port(&format!("{}:{name}", self.name)),
            };
            port.expect("a probe of a port is only read where there is one")
        };
        Ok(match probe {
            manifest::Probe::Started => Probe::Started,
            manifest::Probe::Http(http) => {
                let text = |template| self.scope.text(template, Form::Value);
                let headers = http.headers.iter().map(|(name, value)| Ok((name.clone(), text(value)?)));
                let body = match &http.body {
                    None => None,
                    Some(manifest::Body::Text(body)) => Some(BodyPattern::Text(text(body)?)),
                    Some(manifest::Body::Regex(body)) => {
                        Some(BodyPattern::Regex(self.scope.text(body, Form::Pattern)?))
                    }
                };
                Probe::Http(Box::new(HttpProbe {
                    host: host(),
                    port: port(&http.port),
                    path: text(&http.path)?,
                    method: http.method.clone(),
                    headers: headers.collect::<Result<_, Problem>>()?,
                    status: http.status.clone(),
                    body,
                }))
            }
            manifest::Probe::Tcp { port: other } => Probe::Tcp { host: host(), port: port(other) },
            manifest::Probe::Command(command) => Probe::Command(Box::new(self.command(command)?)),
            manifest::Probe::Log(pattern) => Probe::Log(self.scope.text(pattern, Form::Pattern)?),
            manifest::Probe::Health => self.health.clone(),
            manifest::Probe::Notify => Probe::Notify,
        })
    }

    /// A command that runs where and as its service does.
    fn command(&self, command: &'a Command) -> Result<ProcessSpec, Problem> {
        let words = command_words(self.scope, command, Form::Value)?;
        if let Some(container) = &self.process.container {
            return Ok(container::inside(&container.name, words, self.process));
        }
        let (program, arguments) = program(words, &self.process.directory);
        Ok(ProcessSpec { program, arguments, ..self.process.clone() })
    }
}

/// How much of the machine a process may use; of a container it is told to the engine.
pub fn process_limits(service: &manifest::Service) -> LimitSpec {
    if service.run.container().is_some() {
        return LimitSpec::default();
    }
    let manifest::Limits { cpus, memory, pids, .. } = &service.limits;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is greater than 0, and few")]
    let milli = |cpus: f64| (cpus * 1000.0).clamp(1.0, 1e9) as u32;
    let pids = pids.and_then(|pids| u32::try_from(pids).ok());
    LimitSpec { memory: *memory, milli_cpus: cpus.map(milli), pids }
}

/// The files of a service or a task.
pub(crate) fn watch(watch: &manifest::Watch, scope: &Scope<'_>) -> WatchSpec {
    WatchSpec {
        root: scope.workspace().directory.clone(),
        patterns: watch.paths.iter().map(|path| path.path.clone()).collect(),
        ignore: watch.ignore.iter().map(|glob| glob.pattern.clone()).collect(),
        debounce: watch.debounce,
    }
}

/// What is said of restarts, over what is usual. Who says something wants it from the first start on.
fn restart(restart: &manifest::Restart) -> RestartSpec {
    let usual = RestartSpec::default();
    RestartSpec {
        policy: match restart.policy {
            manifest::RestartPolicy::No => RestartPolicy::No,
            manifest::RestartPolicy::OnFailure => RestartPolicy::OnFailure,
            manifest::RestartPolicy::Always => RestartPolicy::Always,
        },
        early: true,
        pause: restart.pause.unwrap_or(usual.pause),
        factor: restart.factor.unwrap_or(usual.factor),
        cap: restart.cap.unwrap_or(usual.cap),
        success: if restart.success.is_empty() { usual.success } else { restart.success.iter().copied().collect() },
        limit: match restart.limit {
            RestartLimit::Usual => usual.limit,
            RestartLimit::Of(limit) => Some(limit),
            RestartLimit::None => None,
        },
        window: restart.window.unwrap_or(usual.window),
    }
}

fn signal(signal: manifest::StopSignal) -> Signal {
    match signal {
        manifest::StopSignal::Term => Signal::Term,
        manifest::StopSignal::Int => Signal::Int,
        manifest::StopSignal::Quit => Signal::Quit,
        manifest::StopSignal::Hup => Signal::Hup,
        manifest::StopSignal::Kill => Signal::Kill,
        manifest::StopSignal::Usr1 => Signal::Usr1,
        manifest::StopSignal::Usr2 => Signal::Usr2,
    }
}

/// Adds what the manifest says of a service's life to the digest of the service.
pub(crate) fn add_to(key: &mut KeyBuilder, ready: &ReadySpec, stop: &StopSpec, life: &LifeSpec) {
    let times = |times: [Option<Duration>; 4]| format!("{times:?}");
    add_probe(key, &ready.probe);
    key.text(&times([Some(ready.timeout), ready.interval, ready.longest_pause, ready.check_timeout]));
    key.text(&format!("{:?} {:?}", stop.signal, stop.timeout));
    if let Some(command) = &stop.command {
        add_command(key, command);
    }
    key.text(&format!("{:?}", life.restart));
    if let Some(live) = &life.live {
        add_probe(key, &live.probe);
        key.text(&times([Some(live.interval), Some(live.check_timeout), None, None])).text(&live.failures.to_string());
    }
    if !life.limits.is_empty() {
        key.text(&format!("{:?}", life.limits));
    }
    if life.has_terminal {
        key.text("terminal");
    }
    if let Some(watch) = &life.watch {
        let patterns = watch.patterns.iter().map(String::as_str);
        key.text("watch").texts(patterns).texts(watch.ignore.iter().map(String::as_str));
        key.text(&format!("{:?}", watch.debounce));
    }
    if let Some(lazy) = &life.lazy {
        key.text("lazy").text(&format!("{:?}", lazy.idle));
    }
}

fn add_probe(key: &mut KeyBuilder, probe: &Probe) {
    match probe {
        Probe::Command(process) => add_command(key, process),
        other => {
            key.text(&format!("{other:?}"));
        }
    }
}

/// Not the inherited environment of a command, which differs from shell to shell.
fn add_command(key: &mut KeyBuilder, process: &ProcessSpec) {
    let arguments = process.arguments.iter().map(String::as_str);
    key.text("command").texts([process.program.as_str()].into_iter().chain(arguments));
}
