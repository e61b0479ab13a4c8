//! Whether the databases of an environment are in a server that environments share, and if not, why not.

use std::fs;

use database::{Engine, ServerFound};
use manifest::{BaseSource, Database, Servers, SnapshotForm, Snapshots, Workspace, WorkspaceTree};
use plan::{DatabaseId, ServerId};

use crate::record::Record;

/// Where the databases of a server are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// In a server that environments share.
    Shared,
    /// In one of the environment's own.
    Own(Why),
}

/// Why an environment has a server of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Environments share no server of this engine.
    Engine,
    /// A manifest asks for it; which one, in words.
    Asked(String),
    /// A shared server cannot give what is declared, or the environment has its own already; what that is, in words.
    Needed(String),
}

impl Why {
    /// The reason, in words; nothing where nobody expects the server to be shared.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Engine => None,
            Self::Asked(why) | Self::Needed(why) => Some(why.clone()),
        }
    }
}

/// Chooses for an environment whose databases were not made in a shared server. What is declared decides, and never what is
/// found out later: an environment keeps the servers that its databases were made in.
pub(crate) fn choose(
    tree: &WorkspaceTree,
    id: &ServerId,
    engine: &dyn Engine,
    found: &ServerFound,
    record: &Record,
) -> Choice {
    if !engine.can_be_shared() {
        return Choice::Own(Why::Engine);
    }
    let own = Declared { tree, id };
    let root = &tree.workspace(tree.root).manifest;
    if root.servers == Some(Servers::Own) {
        return Choice::Own(Why::Asked(format!("{} asks for it", root.name)));
    }
    if let Some((workspace, _)) =
        own.databases().find(|(workspace, _)| workspace.manifest.servers == Some(Servers::Own))
    {
        return Choice::Own(Why::Asked(format!("{} asks for it", workspace.manifest.name)));
    }
    let needed = if found.binaries.directory().is_none() {
        Some("its programs are in a container".to_owned())
    } else {
        own.superuser(engine, found)
    };
    let declared = || own.files().or_else(|| own.roles()).or_else(|| own.size());
    let needed = needed.or_else(|| declared().filter(|_| root.servers != Some(Servers::Shared)));
    let needed = needed.or_else(|| own.is_made(record).then(|| "its databases were made in it".to_owned()));
    needed.map_or(Choice::Shared, |why| Choice::Own(Why::Needed(why)))
}

/// Whether the environment has made databases that are in this server.
pub(crate) fn is_made(tree: &WorkspaceTree, id: &ServerId, record: &Record) -> bool {
    Declared { tree, id }.is_made(record)
}

fn name(workspace: &Workspace, database: &Database) -> DatabaseId {
    DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() }
}

/// What is declared of the databases of one server.
struct Declared<'a> {
    tree: &'a WorkspaceTree,
    id: &'a ServerId,
}

impl<'a> Declared<'a> {
    fn databases(&self) -> impl Iterator<Item = (&'a Workspace, &'a Database)> + use<'a> {
        let id = self.id;
        let all = self.tree.iter().flat_map(|(_, workspace)| {
            workspace.manifest.databases.values().map(move |database| (workspace, database))
        });
        all.filter(move |(_, database)| ServerId::of(database).as_ref() == Some(id))
    }

    fn is_made(&self, record: &Record) -> bool {
        let names = || self.databases().map(|(workspace, database)| name(workspace, database));
        names().any(|id| record.databases.contains_key(&id) || record.kept.contains_key(&id))
    }

    fn snapshots(&self) -> &'a Snapshots {
        &self.tree.workspace(self.tree.root).manifest.snapshots
    }

    /// Files are of a server that has stopped, and a shared one goes on.
    fn files(&self) -> Option<String> {
        let snapshots = self.snapshots();
        let is_asked = snapshots.form == SnapshotForm::Physical
            || snapshots.files_from_bytes < Snapshots::default().files_from_bytes;
        is_asked.then(|| "`snapshots` asks for files, for which a server is stopped".to_owned())
    }

    /// The role of an environment in a shared server is no member of others.
    fn roles(&self) -> Option<String> {
        let (workspace, database) = self.databases().find(|(_, database)| !database.roles.is_empty())?;
        Some(format!("{} has roles, which belong to a whole server", name(workspace, database)))
    }

    /// What such an extension makes can belong to superusers alone.
    fn superuser(&self, engine: &dyn Engine, found: &ServerFound) -> Option<String> {
        self.databases().find_map(|(workspace, database)| {
            let extension =
                database.extensions.iter().find(|extension| engine.needs_superuser(found, extension.as_str()))?;
            Some(format!("{} has the extension {extension}, which only superusers make", name(workspace, database)))
        })
    }

    /// Large databases are better saved as files.
    fn size(&self) -> Option<String> {
        let limit = self.snapshots().files_from_bytes;
        self.databases().find_map(|(workspace, database)| {
            let BaseSource::File(file) = &database.base.as_ref()?.source else { return None };
            let path = workspace.directory.join(&file.path);
            let bytes = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
            let words = format!("the base of {} has {} MB", name(workspace, database), bytes / 1_000_000);
            (bytes >= limit).then(|| format!("{words}, and what is so large is saved as files"))
        })
    }
}
