//! `types`: the data types of an environment: derived from its living schemas, refined by what its services declare.

use std::collections::BTreeMap;

use database::{Description, Filled, TableDescription};
use dataset::{DataType, Field, FieldKind, Maker, Registry};
use factory::{Plan, Wanted};
use plan::DatabaseId;

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::databases::reachable;
use crate::defaults::{declared_default, operand};
use crate::load::relational;
use crate::session::Session;
use crate::wanted::{self, Tables};

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// The service.
    pub service: String,
    /// The database of it.
    pub database: String,
    /// The name: that of the declared data type, else that of the table.
    pub name: String,
    /// The table of which its records are rows.
    pub table: Option<String>,
    /// The provider that makes them, if they are rows of no table.
    pub provider: Option<String>,
    /// Whether the service declares it.
    pub declared: bool,
    /// The natural key that is declared; else the primary key.
    pub key: Vec<String>,
    /// The fields, in the table's order; those that are not stored come last.
    pub fields: Vec<FieldInfo>,
    /// What of the table is not understood, so that generated rows may be refused.
    pub notes: Vec<String>,
}

/// A field of a kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name.
    pub name: String,
    /// The column in which it is stored, if it is.
    pub column: Option<String>,
    /// The type in the engine's words; empty for what is not stored.
    pub sql_type: String,
    /// Whether it can be nothing.
    pub nullable: bool,
    /// Where its value comes from when none is given.
    pub from: String,
}

/// Lists the data types of an environment, or of one of its services.
pub fn types(context: &Context<'_>, target: &Target, service: Option<&str>) -> Result<Vec<TypeInfo>, Error> {
    if crate::record::Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "types")?;
    if let Some(service) = service {
        let known: Vec<String> = session.model.workspaces.iter().map(|workspace| workspace.name.clone()).collect();
        if !known.iter().any(|name| name == service) {
            return Err(Error::NoWorkspace { wanted: service.to_owned(), known });
        }
    }
    let mut all = Vec::new();
    let mut described = Vec::new();
    for id in relational(&session) {
        let is_asked = service.is_none_or(|service| id.workspace == service);
        let read = reachable(&session, &id).and_then(|mut found| found.describe().map_err(Error::database(&id)));
        match read {
            Ok(description) => described.push((id, description, is_asked)),
            Err(error) if is_asked => return Err(error),
            // Others are looked at only for what is referred to.
            Err(_) => {}
        }
    }
    let known: Vec<(&DatabaseId, &Description)> =
        described.iter().map(|(id, description, _)| (id, description)).collect();
    for (id, description, _) in described.iter().filter(|(.., is_asked)| *is_asked) {
        all.extend(of_database(id, description, &session.types, &known));
    }
    Ok(all)
}

/// The data types of a database.
fn of_database(
    id: &DatabaseId,
    description: &Description,
    types: &Registry,
    described: &[(&DatabaseId, &Description)],
) -> Vec<TypeInfo> {
    // As if some rows of each table were wanted: what can be said of a table is how they would come about.
    const SOME: u64 = 10;
    let tables = Tables { service: &id.workspace, types, described };
    let wanted = Wanted { fill: Some(SOME), ..Wanted::default() };
    let plan = Plan::make(description, &wanted, &BTreeMap::new(), &BTreeMap::new());
    let (sources, doubts, left_out) = match &plan {
        Ok(plan) => (plan.sources(), plan.doubts.clone(), plan.left_out.clone()),
        Err(_) => (BTreeMap::new(), BTreeMap::new(), BTreeMap::new()),
    };
    let mut all = Vec::new();
    for table in &description.tables {
        let mut notes: Vec<String> =
            doubts.get(&table.name).into_iter().flatten().map(|doubt| format!("not understood: {doubt}")).collect();
        notes.extend(left_out.get(&table.name).map(|reason| format!("not generated: {reason}")));
        let sources: BTreeMap<&str, &str> = sources
            .get(&table.name)
            .into_iter()
            .flatten()
            .map(|(column, from)| (column.as_str(), from.as_str()))
            .collect();
        let is_of = |declared: &&DataType| {
            let is_here = declared.name.service == id.workspace && declared.database == id.name;
            is_here && declared.table() == Some(&*table.name)
        };
        let mut declared = types.types().filter(is_of).peekable();
        if declared.peek().is_none() {
            all.push(info((id, tables), table, None, &sources, notes.clone()));
        }
        all.extend(declared.map(|declared| info((id, tables), table, Some(declared), &sources, notes.clone())));
    }
    let is_here = |declared: &&DataType| declared.name.service == id.workspace && declared.database == id.name;
    let provided = types.types().filter(is_here).filter(|declared| declared.table().is_none());
    all.extend(provided.map(|declared| of_provider(id, declared)));
    all
}

/// A data type whose records a provider makes. What it does with a field that is not given only the provider knows.
fn of_provider(id: &DatabaseId, declared: &DataType) -> TypeInfo {
    let field = |(name, field): (&String, &Field)| FieldInfo {
        name: name.clone(),
        column: field.column.clone(),
        sql_type: String::new(),
        nullable: true,
        from: match (&field.kind, &field.default) {
            (FieldKind::Reference(reference), _) => format!("a record of {}", reference.target),
            (FieldKind::Children(children), _) => format!("records of {}, made along", children.child),
            (FieldKind::Plain, Some(default)) => format!("declared: {}", shown(default)),
            (FieldKind::Plain, None) if declared.key.iter().any(|(key, _)| key == name) => "given by a spec".to_owned(),
            (FieldKind::Plain, None) => "the provider".to_owned(),
        },
    };
    let provider = match &declared.maker {
        Maker::Provider(used) => Some(used.provider.clone()),
        Maker::Table(_) => None,
    };
    TypeInfo {
        service: id.workspace.clone(),
        database: id.name.clone(),
        name: declared.name.name.clone(),
        table: None,
        provider,
        declared: true,
        key: declared.key.iter().map(|(name, _)| name.clone()).collect(),
        // Its traits are no field of a record.
        fields: declared.fields.iter().filter(|(name, _)| *name != "traits").map(field).collect(),
        notes: Vec::new(),
    }
}

fn info(
    (id, tables): (&DatabaseId, Tables<'_>),
    table: &TableDescription,
    declared: Option<&DataType>,
    sources: &BTreeMap<&str, &str>,
    notes: Vec<String>,
) -> TypeInfo {
    let mut fields: Vec<FieldInfo> = Vec::new();
    for column in &table.columns {
        let field = declared.into_iter().flat_map(|declared| &declared.fields);
        let field = field.into_iter().find(|(_, field)| field.column.as_deref() == Some(column.name.as_str()));
        let derived = || {
            let fallback = match &column.filled {
                Filled::Null => "nothing",
                Filled::Default(default) => default,
                Filled::Counter => "counted",
                Filled::Generated => "the database",
            };
            sources.get(column.name.as_str()).map_or(fallback, |from| from).to_owned()
        };
        let from = match (declared, field) {
            (Some(declared), Some((name, field))) => {
                let target = wanted::Target { id, table, data_type: Some(declared) };
                let operand = |name: &str| operand(tables, target, name);
                let is_key = declared.key.iter().any(|(key, _)| key == name);
                match (&field.kind, &field.default) {
                    (FieldKind::Reference(reference), _) => format!("a record of {}", reference.target),
                    (_, Some(default)) if declared_default(default, declared, &operand).is_some() => {
                        format!("declared: {}", shown(default))
                    }
                    (_, Some(default)) => format!("declared, for records alone: {}", shown(default)),
                    (_, None) if field.required || is_key => "given by a spec, or generated".to_owned(),
                    (_, None) => derived(),
                }
            }
            _ => derived(),
        };
        fields.push(FieldInfo {
            name: field.map_or_else(|| column.name.clone(), |(name, _)| name.clone()),
            column: Some(column.name.clone()),
            sql_type: column.sql_type.clone(),
            nullable: column.nullable,
            from,
        });
    }
    let unstored = declared.into_iter().flat_map(|declared| &declared.fields);
    fields.extend(unstored.filter(|(_, field)| field.column.is_none()).map(|(name, field)| {
        let from = match (&field.kind, &field.default) {
            (FieldKind::Children(children), _) => format!("records of {}, made along", children.child),
            (_, Some(default)) => format!("declared: {}", shown(default)),
            (_, None) => "given by a spec".to_owned(),
        };
        FieldInfo { name: name.clone(), column: None, sql_type: String::new(), nullable: true, from }
    }));
    let primary = || table.keys.iter().find(|key| key.primary).map(|key| key.columns.clone()).unwrap_or_default();
    TypeInfo {
        service: id.workspace.clone(),
        database: id.name.clone(),
        name: declared.map_or_else(|| table.name.clone(), |declared| declared.name.name.clone()),
        table: Some(table.name.clone()),
        provider: None,
        declared: declared.is_some(),
        key: declared.map_or_else(primary, |declared| declared.key.iter().map(|(name, _)| name.clone()).collect()),
        fields,
        notes,
    }
}

fn shown(default: &source::Tree) -> String {
    default.as_str().map_or_else(|| default.to_json().to_string(), str::to_owned)
}
