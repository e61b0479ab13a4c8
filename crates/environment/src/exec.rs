//! `exec` and `shell`: another program in the place of a service.

use std::path::PathBuf;

use supervisor::ProcessSpec;

use crate::Error;
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
    let ProcessSpec { env, directory, user, .. } = session.handed_over(process)?;
    // What belongs to a unit is ended with it; what a person starts here is not.
    let variables = env.iter().filter(|(name, _)| *name != runtime::MARK);
    Ok(ServicePlace {
        service: id.to_string(),
        variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
        directory,
        user: user.map(|user| (user.uid, user.gid)),
    })
}
