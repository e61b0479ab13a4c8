//! Contents of resources in the store: where they are, what keeps them, and from where they come.

use serde_json::{Value, json};
use store::{Expect, ObjectId, Session, Store};

use crate::kind::{State, Work};
use crate::{Context, Error, Workspace};

/// The parameter that says where contents are shared: any address that remotes have.
pub const REMOTE: &str = "content.remote";

/// What keeps the contents of a snapshot.
pub fn reference(snapshot: &str) -> String {
    format!("workspaces/{snapshot}")
}

/// Keeps contents under a name, beside what that name keeps already.
pub fn keep(store: &Store, name: &str, roots: &[ObjectId], session: &Session) -> Result<(), Error> {
    loop {
        let before = store.reference::<Value>(name)?;
        let mut all = before.as_ref().map(|before| before.objects.clone()).unwrap_or_default();
        let known = all.len();
        all.extend(roots.iter().filter(|root| !before.as_ref().is_some_and(|before| before.objects.contains(root))));
        if all.len() == known && before.is_some() {
            return Ok(());
        }
        let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
        match store.put_reference(name, &all, &json!({ "seedbed_workspace_content": 1 }), &expect, session) {
            // Somebody else keeps something under that name at the same time.
            Err(error) if error.is_conflict() => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Keeps these contents under a name, and no longer what that name kept.
pub fn replace(store: &Store, name: &str, roots: &[ObjectId], session: &Session) -> Result<(), Error> {
    loop {
        let before = store.reference::<Value>(name)?;
        let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
        match store.put_reference(name, roots, &json!({ "seedbed_workspace_content": 1 }), &expect, session) {
            Err(error) if error.is_conflict() => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Sees to it that the content of a state is in the store of the workspace; `false` when there is none that could be.
pub fn bring(work: &Work<'_>, state: &State) -> Result<bool, Error> {
    let Some(root) = &state.content else { return Ok(false) };
    let store = work.workspace.store(work.context)?;
    store.refresh()?;
    if store.contains(root)? {
        return Ok(true);
    }
    let name = &work.resource.name;
    let Some(remote) = remote(work.workspace, work.context)? else {
        let help = format!("nothing was changed; `seedbed config set {REMOTE} ADDRESS` says where contents are shared");
        return Err(Error::resource(name, "its content is not on this machine", help));
    };
    work.context.world.note(&format!("the content of {name} comes from {}", remote.place()));
    let told = |progress: store::Progress| work.context.world.files(name, progress.objects, progress.bytes);
    let transferred = store::transfer(&remote, store, &[*root], &told)?;
    let key = work.resource.name.as_str();
    keep(store, &format!("workspaces/fetched/{key}"), &[*root], &transferred.session)?;
    Ok(true)
}

/// Where contents are shared, if a place is named. A relative path is meant from the root of the workspace.
pub fn address(workspace: &Workspace) -> Result<Option<String>, Error> {
    let said = workspace.metadata().parameter(REMOTE)?;
    let Some(said) = said.as_ref().and_then(Value::as_str).filter(|said| !said.is_empty()) else { return Ok(None) };
    let is_path = !said.contains(':');
    Ok(Some(if is_path { workspace.root().join(said).to_string_lossy().into_owned() } else { said.to_owned() }))
}

/// The store where contents are shared, if one is named.
pub fn remote(workspace: &Workspace, context: &Context<'_>) -> Result<Option<Store>, Error> {
    let Some(url) = address(workspace)? else { return Ok(None) };
    let failed = |source| Error::World { resource: REMOTE.to_owned(), problem: format!("cannot use {url}"), source };
    let backend = context.world.open_remote(&url).map_err(failed)?;
    Ok(Some(Store::open(backend, &workspace.remote_cache(), &context.identities)?))
}
