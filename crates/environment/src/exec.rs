//! `exec` and `shell`: another program in the place of a service.

use std::io::{self, Read};
use std::path::PathBuf;
use std::thread;

use containers::{Address, Call, EngineError, Inside, OutputKind, Partner};
use supervisor::{ProcessSpec, UnitId};

use crate::Error;
use crate::container_engine::contained;
use crate::context::{Context, Mode, Target};
use crate::record::Record;
use crate::session::Session;

/// Where and as whom a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlace {
    /// Its name.
    pub service: String,
    /// All its environment variables.
    pub variables: Vec<(String, String)>,
    /// The directory.
    pub directory: PathBuf,
    /// User and group, if it runs as another user than this one.
    pub user: Option<(u32, u32)>,
    /// The container that it is, which has all of the above in itself.
    pub container: Option<ContainerPlace>,
}

/// A container in which programs can be run while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlace {
    /// The service, `WORKSPACE/NAME`.
    service: String,
    /// Where it is declared.
    place: String,
    engine: String,
    /// What the engine calls it.
    name: String,
}

/// The terminal of whoever runs a program, or what stands in its place.
pub trait Console {
    /// What is read.
    fn input(&self) -> Box<dyn Read + Send>;

    /// Writes what the program has written.
    fn write(&self, kind: OutputKind, bytes: &[u8]) -> io::Result<()>;

    /// The columns and rows of the terminal; `None`: it is none.
    fn size(&self) -> Option<(u16, u16)>;
}

/// Says where a service runs; it need not run now. Without a name the only service of the workspace is meant.
pub fn place_of_service(context: &Context<'_>, target: &Target, name: Option<&str>) -> Result<ServicePlace, Error> {
    if Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "exec")?;
    let id = session.find_one_service(name)?;
    let service = session.model.services.get(&id).map(|service| &service.process);
    let server = || session.model.servers.values().find(|server| server.unit() == id).map(|server| &server.process);
    let process = service.or_else(server).expect("it was found by its name");
    let ProcessSpec { env, directory, user, container, .. } = session.handed_over(process)?;
    // What belongs to a unit is ended with it; what a person starts here is not.
    let variables = env.iter().filter(|(name, _)| *name != runtime::MARK);
    let container = container.as_ref().map(|container| ContainerPlace {
        service: id.to_string(),
        place: contained_at(&session, &id),
        engine: container.engine.clone(),
        name: container.name.clone(),
    });
    Ok(ServicePlace {
        service: id.to_string(),
        variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
        directory,
        user: user.map(|user| (user.uid, user.gid)),
        container,
    })
}

/// Where the container of a service is declared.
fn contained_at(session: &Session<'_>, id: &UnitId) -> String {
    let mut all = session.tree.iter().flat_map(|(_, workspace)| contained(workspace));
    all.find(|one| one.id == *id).map(|one| one.place).unwrap_or_default()
}

impl ContainerPlace {
    /// Runs a program in the container and gives its exit code. It has a terminal if the console is one, and the variables that
    /// are given besides those of the container.
    pub fn run(
        &self,
        context: &Context<'_>,
        words: &[String],
        variables: &[(&str, &str)],
        console: &dyn Console,
    ) -> Result<i32, Error> {
        /// How many pieces of the input may wait for the program.
        const WAITING: usize = 4;
        let wrap = |source| Error::Containers { service: self.service.clone(), place: self.place.clone(), source };
        let call = Address::parse(&self.engine).and_then(Call::new).map_err(wrap)?;
        match call.ask(|engine| engine.inspect_container(&self.name)) {
            Ok(seen) if seen.is_running => {}
            Err(error) if !error.is_missing() => return Err(wrap(error)),
            _ => return Err(Error::ServiceNotRunning(self.service.clone())),
        }
        let inside = Inside {
            words: words.to_vec(),
            variables: variables.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            has_terminal: console.size().is_some(),
        };
        let (sender, receiver) = containers::input(WAITING);
        let mut input = console.input();
        // It ends with this process: nobody can be told to stop reading from a terminal.
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = input.read(&mut buffer) {
                if !sender.send(&buffer[..count]) {
                    return;
                }
            }
        });
        let mut partner = Talker { context, console };
        let ended = call.ask(|engine| engine.talk(&self.name, &inside, receiver, &mut partner));
        match ended {
            Ok(Some(code)) => Ok(code),
            Ok(None) => Err(Error::Interrupted),
            // It has ended since it was looked at.
            Err(EngineError::Refused { status: 404 | 409, .. }) => Err(Error::ServiceNotRunning(self.service.clone())),
            Err(error) => Err(wrap(error)),
        }
    }
}

struct Talker<'a> {
    context: &'a Context<'a>,
    console: &'a dyn Console,
}

impl Partner for Talker<'_> {
    fn hear(&mut self, kind: OutputKind, bytes: &[u8]) -> io::Result<()> {
        self.console.write(kind, bytes)
    }

    fn size(&self) -> Option<(u16, u16)> {
        self.console.size()
    }

    fn is_gone(&self) -> bool {
        self.context.interrupt.is_raised()
    }
}
