//! The ids of steps on databases and servers; a task or a service is a step under its own id.

use supervisor::UnitId;

use crate::{DatabaseId, ResourceId, ServerId};

/// A step on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseStep {
    Create,
    Clear,
    Protect,
    Schema,
    Keep,
    Adopt,
    Base,
    KeepSchema,
    Save,
    Fill,
    SwapBack,
    Restore,
    Recover,
}

impl DatabaseStep {
    /// The step's id. No task or service has a blank in its name, so none can be called like this.
    pub(crate) fn of(self, database: &DatabaseId) -> UnitId {
        let word = match self {
            Self::Create => "create",
            Self::Clear => "clear",
            Self::Protect => "protect",
            Self::Schema => "schema",
            Self::Keep => "keep",
            Self::Adopt => "clone",
            Self::Base => "base",
            Self::KeepSchema => "keep-schema",
            Self::Fill => "fetch",
            Self::SwapBack => "undo",
            Self::Save => "save",
            Self::Restore => "restore",
            Self::Recover => "recover",
        };
        UnitId::new(format!("{database} {word}"))
    }
}

/// The step that loads data into all databases.
pub(crate) fn load() -> UnitId {
    UnitId::new("load")
}

/// The step that removes what loads have made.
pub(crate) fn unload() -> UnitId {
    UnitId::new("unload")
}

/// A step on a resource; `word` says which.
pub(crate) fn files(resource: &ResourceId, word: &str) -> UnitId {
    UnitId::new(format!("{resource} {word}"))
}

/// The step that makes the data directory of a server.
pub(crate) fn prepare(server: &ServerId) -> UnitId {
    UnitId::new(format!("{server} prepare"))
}

/// The step that brings or builds the image of a service.
pub(crate) fn image(service: &UnitId) -> UnitId {
    UnitId::new(format!("{service} image"))
}

/// The step that saves the files of a server.
pub(crate) fn save_server(server: &ServerId) -> UnitId {
    UnitId::new(format!("{server} save"))
}
