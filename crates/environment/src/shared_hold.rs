//! A server that environments share is kept running by each of them: one process of each holds it, and the supervisor of the
//! server, which counts the connections of those processes, stops it when the last one is gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::{ApplyEvent, Client, ClientError, Hold, HoldEvent};
use database::{DatabaseError, Login, Secret, ServerFound, ServerRequest, Unsettled};
use plan::ServerId;
use supervisor::{LifeSpec, Probe, ProcessSpec, ReadySpec, StopSpec, UnitId, UnitKind, UnitSpec, UnitState, Variables};

use crate::context::Context;
use crate::facts::{SERVER_PATIENCE, server_process};
use crate::logs::last_run;
use crate::place::Place;
use crate::record::Record;
use crate::shared_server::{Seat, SharedFile, SharedServer, role_of};
use crate::{Error, supervisor_client, with_causes};

/// The unit that the server is for its supervisor.
const UNIT: &str = "server";

/// What a process holds of a server that is ready.
pub(crate) struct Held {
    server: SharedServer,
    hold: Hold,
    file: SharedFile,
}

/// The process by which an environment holds a server, in the words of its supervisor.
pub(crate) fn process(
    context: &Context<'_>,
    environment: &Place,
    id: &ServerId,
    seat: &Seat,
    log: PathBuf,
) -> (ProcessSpec, ReadySpec, StopSpec) {
    let environment = environment.directory();
    let spec = ProcessSpec {
        program: context.program.display().to_string(),
        arguments: vec![
            "hold".to_owned(),
            seat.server.name.clone(),
            "--for".to_owned(),
            environment.display().to_string(),
            "--as".to_owned(),
            id.to_string(),
        ],
        env: Variables { shared: Arc::clone(&context.variables), own: std::collections::BTreeMap::new() },
        directory: environment.to_owned(),
        user: None,
        log,
        container: None,
    };
    let stop = StopSpec { timeout: SERVER_PATIENCE, ..StopSpec::default() };
    (spec, ReadySpec::new(Probe::Notify, SERVER_PATIENCE), stop)
}

/// Keeps a shared server running for an environment until the user's wish to end, and says when it is ready. The last one that
/// does so waits until the server is stopped. `name` is the name that the environment has for the server.
pub fn hold(
    context: &Context<'_>,
    server: &str,
    environment: &Path,
    name: &str,
    ready: &dyn Fn(),
) -> Result<(), Error> {
    let server = SharedServer::named(context, server);
    let record = Record::read(environment)?;
    let password = record.and_then(|record| record.passwords.get(name).cloned());
    let password = password.ok_or_else(|| server.failed("the environment has no password for it"))?;
    let login = Login { user: role_of(environment), password: Secret::new(password) };
    let mut held = start(context, server, &environment.display().to_string(), Some(&login))?;
    ready();
    let releaser = held.hold.releaser();
    let interrupt = &context.interrupt;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            const LONG: Duration = Duration::from_hours(1);
            while !interrupt.is_raised() {
                interrupt.sleep(LONG);
            }
            // One that is gone has nothing to be released.
            let _ = releaser.release();
        });
        let outcome = held.wait(context);
        interrupt.raise();
        outcome
    })
}

impl Held {
    /// Waits until it was released; the end of the server before that is an error.
    fn wait(&mut self, context: &Context<'_>) -> Result<(), Error> {
        loop {
            match self.hold.wait().map_err(Error::Supervisor)? {
                HoldEvent::Changed(status) => {
                    if let UnitState::Failed(failure) = status.state {
                        return Err(self.server.failed(&failure.to_string()));
                    }
                }
                HoldEvent::Released => return Ok(()),
                HoldEvent::Gone if context.interrupt.is_raised() => return self.server.settle_stopped(context),
                HoldEvent::Gone => return Err(self.server.failed("its supervisor has ended")),
            }
        }
    }

    /// Removes the databases of an environment and its role, and that it was there.
    pub(crate) fn dismiss(&mut self, context: &Context<'_>, role: &str) -> Result<(), Error> {
        let engine = self.server.engine(context, &self.file)?;
        let place = self.server.server_place(context, &self.file);
        self.server.ask(context, || engine.dismiss(&place, role))?;
        let _turn = self.server.turn(context)?;
        let Some(mut file) = self.server.read()? else { return Ok(()) };
        file.dismissed(role);
        self.server.write(&file)
    }

    /// Lets it go, and waits until it is stopped if nobody else holds it.
    pub(crate) fn release(self, context: &Context<'_>) -> Result<(), Error> {
        let is_last = self.hold.release().map_err(Error::Supervisor)?;
        if is_last { self.server.settle_stopped(context) } else { Ok(()) }
    }
}

/// Holds a server and sees to it that it is ready; starts it if nobody has. An environment for which it is held is admitted.
pub(crate) fn start(
    context: &Context<'_>,
    server: SharedServer,
    holder: &str,
    login: Option<&Login>,
) -> Result<Held, Error> {
    loop {
        // Who starts it, and who changes what is remembered of it, does so alone.
        let _turn = server.turn(context)?;
        let mut file = server.read()?.ok_or_else(|| server.failed("nothing is known of it"))?;
        // One that is about to end, since the last one has gone, is waited for and then begun anew.
        let Some(hold) = server.client(context)?.hold(holder).map_err(Error::Supervisor)? else { continue };
        let engine = server.engine(context, &file)?;
        let place = server.server_place(context, &file);
        if !server.is_ready(context)? {
            let found = server.found(context, &file)?;
            let failed = |error: database::EngineError| server.failed(&with_causes(&error));
            engine.prepare_server(&found, &place).map_err(failed)?;
            if !file.is_made {
                file.is_made = true;
                server.write(&file)?;
            }
            let log = server.log();
            let (process, ready, stop) = server_process(context, engine.kind(), &found, &place, log).map_err(failed)?;
            server.apply(context, UnitKind::Service { process, ready, stop, life: Box::<LifeSpec>::default() })?;
        }
        if let Some(login) = login.filter(|login| !file.has_admitted(login)) {
            server.ask(context, || engine.admit(&place, login))?;
            file.admitted(login);
            server.write(&file)?;
        }
        return Ok(Held { server, hold, file });
    }
}

/// Holds a server for an environment whose command is about to start it, and lets it start while the environment's own supervisor
/// does. The process that holds it afterwards finds it ready, or says why it cannot be.
pub(crate) fn start_ahead(context: &Context<'_>, environment: &Place, seat: &Seat, password: String) -> Option<Held> {
    let login = Login { user: seat.role.clone(), password: Secret::new(password) };
    start(context, seat.server.clone(), &environment.directory().display().to_string(), Some(&login)).ok()
}

/// Removes what an environment has in a server that it will not share any more.
pub(crate) fn leave(context: &Context<'_>, server: SharedServer, role: &str) -> Result<(), Error> {
    if server.read()?.is_none() {
        return Ok(());
    }
    let mut held = start(context, server, "an environment that leaves it", None)?;
    held.dismiss(context, role)?;
    held.release(context)
}

impl SharedServer {
    fn failed(&self, what: &str) -> Error {
        Error::SharedServer { server: self.name.clone(), what: what.to_owned() }
    }

    /// Asks the server for something; one that has just begun to listen may still be recovering.
    fn ask(&self, context: &Context<'_>, question: impl Fn() -> Result<(), DatabaseError>) -> Result<(), Error> {
        const PAUSE: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + SERVER_PATIENCE;
        loop {
            match question() {
                Ok(()) => return Ok(()),
                Err(DatabaseError::Unreachable { .. }) if Instant::now() < deadline => {
                    if context.interrupt.is_raised() {
                        return Err(Error::Interrupted);
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(self.failed(&with_causes(&error))),
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.place.logs().join(format!("{UNIT}.log"))
    }

    fn engine<'c>(&self, context: &'c Context<'_>, file: &SharedFile) -> Result<&'c dyn database::Engine, Error> {
        let kind = file.engine.parse().map_err(|error| self.failed(&with_causes(&error)))?;
        Ok(context.engine(kind))
    }

    fn found(&self, context: &Context<'_>, file: &SharedFile) -> Result<ServerFound, Error> {
        let request = ServerRequest { version: None, binaries: Some(file.programs.clone().into()) };
        let found = self.engine(context, file)?.find_server(&request);
        let found = found.map_err(|error| self.failed(&with_causes(&error)))?;
        found.ok_or_else(|| self.failed("its engine has no server"))
    }

    /// The connection to its supervisor; one is started when there is none.
    fn client(&self, context: &Context<'_>) -> Result<Client, Error> {
        match Client::connect(&self.place.socket()) {
            Ok(Some(client)) => Ok(client),
            Ok(None) => supervisor_client::start(context, &self.place),
            Err(ClientError::Version { version, .. }) => {
                let ends = "it ends when all environments that use it are down; one with `servers: own` needs it not";
                Err(self.failed(&format!("it runs for seedbed {version}, which speaks otherwise: {ends}")))
            }
            Err(error) => Err(Error::Supervisor(error)),
        }
    }

    fn is_ready(&self, context: &Context<'_>) -> Result<bool, Error> {
        let statuses = self.client(context)?.status().map_err(Error::Supervisor)?;
        Ok(statuses.iter().any(|status| status.id.as_str() == UNIT && status.state == UnitState::Ready))
    }

    /// Who holds it now: the directories of environments, each once.
    pub(crate) fn holders(&self) -> Result<BTreeSet<String>, Error> {
        let client = Client::connect(&self.place.socket()).map_err(Error::Supervisor)?;
        let holders = client.map_or(Ok(Vec::new()), |mut client| client.holders()).map_err(Error::Supervisor)?;
        Ok(holders.into_iter().collect())
    }

    /// Lets its supervisor start it, and waits until it is ready.
    fn apply(&self, context: &Context<'_>, kind: UnitKind) -> Result<(), Error> {
        // What a holder has asked for that was killed comes to its end first.
        let client = supervisor_client::await_settled(context, self.client(context)?)?;
        let client = client.ok_or_else(|| self.failed("its supervisor has ended"))?;
        let unit = UnitSpec { id: UnitId::from(UNIT), kind, after: Vec::new(), digest: String::new() };
        let mut apply = client.apply(vec![unit], Vec::new()).map_err(Error::Supervisor)?;
        let _watch = context.interrupt.watch(apply.answerer());
        let mut detail = String::new();
        let is_ready = loop {
            match apply.next() {
                Ok(ApplyEvent::Changed(status)) => {
                    if let UnitState::Failed(failure) = &status.state {
                        detail = failure.to_string();
                    }
                }
                Ok(ApplyEvent::Due(_)) => {}
                Ok(ApplyEvent::Finished { ok }) => break Ok(ok),
                Err(error) => break Err(Error::Supervisor(error)),
            }
        };
        if is_ready? {
            return Ok(());
        }
        if context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let log = self.log();
        let said = last_run(&log).join("; ");
        Err(self.failed(&format!("it does not start: {detail}; it says: {said} (its log: {})", log.display())))
    }

    /// What a stopped server has written and not waited for gets to the disk; one in which nobody has databases any more goes.
    /// Nothing is done if somebody has started it again.
    fn settle_stopped(&self, context: &Context<'_>) -> Result<(), Error> {
        let _turn = self.turn(context)?;
        let Some(file) = self.read()? else { return Ok(()) };
        if self.is_kept()? {
            return Ok(());
        }
        if file.environments.is_empty() {
            return self.place.remove();
        }
        let mark = Unsettled::of(&self.server_place(context, &file).directory);
        if mark.is_set() && !mark.is_lost() {
            mark.settle().map_err(Error::file)?;
        }
        Ok(())
    }
}
