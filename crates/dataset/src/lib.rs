//! Data types and specs: which records are wanted, and the order in which they can be made.
//!
//! ```text
//! types.yaml ── Registry ─┐
//!                         ├── order() ── LoadPlan: batches of rows
//! spec.yaml  ── SpecSet ──┘
//! ```
//!
//! Knows no database, reads no file, no clock and no randomness: the same texts give the same plan. The format is
//! described in `docs/formats/dev-data.md`.

mod compiled;
mod copy;
mod data_type;
mod evaluation;
mod formula;
mod functions;
mod load_plan;
mod order;
mod provider;
mod provider_reader;
mod record;
mod registry;
mod request;
mod row_template;
mod sequence;
mod spec;
mod suggestion;
mod type_reader;

pub use copy::counted_on;
pub use data_type::{Children, DataType, Field, FieldKind, ImpliedRecord, Maker, ReferenceTo, Trait, TypeName};
pub use load_plan::{Batch, Cell, ColumnWanted, LoadPlan, MadeBy, Missing, Origin, Row, RowId};
pub use order::{Options, order, order_copy};
pub use provider::{
    Auth, CommandProvider, HttpProvider, Provider, ProviderKind, ProviderName, ProviderUse, Request, Requests,
};
pub use registry::Registry;
pub use request::filled;
pub use row_template::RowTemplate;
pub use spec::{SpecKind, SpecSet, TopEntry, kind_of_spec, older_version};
