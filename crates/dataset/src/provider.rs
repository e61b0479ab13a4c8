//! Providers: what makes records that Seedbed does not write itself.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use source::{Place, Tree};

/// The name of a provider: `shop.django`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName {
    /// The service, which is the name of its workspace.
    pub service: String,
    /// The name within the service.
    pub name: String,
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.name)
    }
}

/// What makes records: a program of the service, or its own interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Service and name.
    pub name: ProviderName,
    /// The database of that service into which its records go.
    pub database: String,
    /// Whose variables, directory and address are used; none for those of the step that migrates the database.
    pub service: Option<(String, Place)>,
    /// What it is.
    pub kind: ProviderKind,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Where its name stands.
    pub place: Place,
}

/// What a provider is.
#[derive(Clone, Debug, PartialEq)]
pub enum ProviderKind {
    /// A program that answers requests line by line.
    Command(CommandProvider),
    /// A service that is asked over HTTP.
    Http(HttpProvider),
}

/// A program that answers requests line by line.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandProvider {
    /// The program and its arguments; never empty.
    pub command: Vec<String>,
    /// Variables besides.
    pub env: IndexMap<String, String>,
    /// Globs of what its records depend on, relative to the workspace.
    pub inputs: Vec<String>,
}

/// A service that is asked over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProvider {
    /// Its address, if it is not a service of the workspace.
    pub url: Option<String>,
    /// What every request has.
    pub headers: IndexMap<String, String>,
    /// Who asks.
    pub auth: Option<Auth>,
    /// How often a request is repeated that the service could not answer.
    pub retries: u32,
}

/// How a service knows who asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// A token.
    Bearer(String),
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that is got for the credentials of a client.
    ClientCredentials {
        /// Where: an address, or a path of the service.
        token: String,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: String,
        /// What the token shall be good for.
        scope: Option<String>,
    },
}

/// How records of one type are asked for over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Requests {
    /// Where the primary key stands in a record, as a JSON pointer.
    pub primary_key: Option<String>,
    /// How one is looked for.
    pub find: Request,
    /// How one is made.
    pub create: Request,
    /// How one is changed, if that can be done.
    pub update: Option<Request>,
    /// How one is removed, if that can be done.
    pub remove: Option<Request>,
}

/// One request. Path and body are templates over the fields of the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, and so on.
    pub method: String,
    /// The path with its query; what fields give is escaped.
    pub path: Tree,
    /// What is sent; the fields of the record, when a request that has a body says nothing.
    pub body: Option<Tree>,
    /// The statuses of success; every 2xx when none is named.
    pub status: Vec<u16>,
    /// Where in the answer the record stands, or a list of records, as a JSON pointer.
    pub result: String,
    /// What else a record in the answer must hold to be the one, as templates.
    pub matches: Vec<(String, Tree)>,
}

/// How a data type is made by a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderUse {
    /// The provider, which is of the same service.
    pub provider: String,
    /// Where it is named.
    pub place: Place,
    /// The traits that a record can have.
    pub traits: Vec<String>,
    /// How it is asked, if over HTTP.
    pub requests: Option<Requests>,
}
