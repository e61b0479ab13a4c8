//! Parameters of the workspace and of resources; resources that get another name or go.

use serde_json::{Map, Value, json};

use crate::resource::FORMERLY;
use crate::{Changes, Context, Error, Resource, Workspace, init, names, results, template};

/// Which parameter is meant.
#[derive(Debug, Clone, Copy)]
pub struct Parameter<'a> {
    /// Of which resource; of the workspace when none is named.
    pub resource: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// Whether it is one of this copy alone.
    pub local: bool,
}

/// All parameters of the workspace or a resource: those that all copies share, and those of this copy.
pub fn parameters(workspace: &Workspace, resource: Option<&str>) -> Result<[Map<String, Value>; 2], Error> {
    match resource {
        None => Ok([workspace.metadata().parameters()?, workspace.metadata().local_parameters()?]),
        Some(name) => {
            let resource = workspace.metadata().resource(name)?;
            Ok([resource.parameters, resource.local])
        }
    }
}

/// Sets a parameter; `None` takes it away.
pub fn set_parameter(
    context: &Context<'_>,
    workspace: &Workspace,
    parameter: &Parameter<'_>,
    value: Option<&Value>,
) -> Result<(), Error> {
    let _lock = workspace.begin(context)?;
    check(parameter, value)?;
    let metadata = workspace.metadata();
    let mut changes = Changes::new(workspace.root());
    match parameter.resource {
        None if parameter.local => metadata.set_local_parameter(&mut changes, parameter.name, value)?,
        None => metadata.set_parameter(&mut changes, parameter.name, value, &context.author())?,
        Some(name) => {
            let mut resource = metadata.resource(name)?;
            let all = if parameter.local { &mut resource.local } else { &mut resource.parameters };
            crate::metadata::set(all, parameter.name, value);
            metadata.put_resource(&mut changes, &resource)?;
        }
    }
    let command = format!("Set {}", parameter.name);
    workspace.change_with(context, &command, &changes, Vec::new(), None)
}

/// What must hold of values that we read ourselves.
fn check(parameter: &Parameter<'_>, value: Option<&Value>) -> Result<(), Error> {
    let refuse = |problem: String| {
        let help = format!("`seedbed config get {}` shows what it is", parameter.name);
        Err(Error::refused(format!("'{}' cannot have this value: {problem}", parameter.name), help))
    };
    match (parameter.name, value) {
        (results::TEMPLATE_PARAMETER, Some(Value::String(text))) => template::check(text).or_else(refuse),
        (results::TEMPLATE_PARAMETER, Some(_)) => refuse("its value is a text".to_owned()),
        (results::EXCLUDE_PARAMETER, Some(value)) => match value.as_array() {
            Some(list) if list.iter().all(Value::is_string) => Ok(()),
            _ => refuse("its value is a list, such as [\"README.*\"]".to_owned()),
        },
        _ => Ok(()),
    }
}

/// Removes a resource from the workspace. Its files stay, and so does what snapshots hold of it.
pub fn remove(context: &Context<'_>, workspace: &Workspace, name: &str) -> Result<Resource, Error> {
    let _lock = workspace.begin(context)?;
    let resource = workspace.metadata().resource(name)?;
    let mut changes = Changes::new(workspace.root());
    workspace.metadata().remove_resource(&mut changes, name)?;
    let paths = vec![init::IGNORE.to_owned()];
    workspace.change_with(context, &format!("Remove the resource {name}"), &changes, paths, None)?;
    Ok(resource)
}

/// Gives a resource another name; snapshots hold it under the one that it had, and are restored all the same.
pub fn rename(context: &Context<'_>, workspace: &Workspace, name: &str, new: &str) -> Result<Resource, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    let mut resource = metadata.resource(name)?;
    names::check(new).map_err(|problem| Error::Name {
        what: "resource",
        name: new.to_owned(),
        problem: problem.to_owned(),
    })?;
    if metadata.resources()?.iter().any(|other| other.name == new) {
        return Err(Error::ResourceExists(new.to_owned()));
    }
    let mut former = resource.list(FORMERLY);
    former.retain(|other| other != new);
    former.push(name.to_owned());
    resource.parameters.insert(FORMERLY.to_owned(), json!(former));
    new.clone_into(&mut resource.name);
    let mut changes = Changes::new(workspace.root());
    metadata.remove_resource(&mut changes, name)?;
    metadata.put_resource(&mut changes, &resource)?;
    for (set, state) in metadata.sets(name)? {
        crate::Metadata::put_set(&mut changes, new, &set, &state, &context.author());
    }
    workspace.change_with(context, &format!("Rename the resource {name} to {new}"), &changes, Vec::new(), None)?;
    Ok(resource)
}
