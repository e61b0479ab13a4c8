//! All data types of an environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use source::{Problem, Problems, Tree, closest};

use crate::compiled::Compiled;
use crate::formula::templates;
use crate::provider::{Provider, ProviderName};
use crate::suggestion::suggestion;
use crate::type_reader::{TypesRead, read_types};
use crate::{DataType, MadeBy, TypeName};

/// All data types of an environment: first every file is added, then all are checked together.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    types: Vec<DataType>,
    providers: BTreeMap<ProviderName, Arc<Provider>>,
    /// Service, then name, then the index in `types`.
    by_name: BTreeMap<String, BTreeMap<String, usize>>,
    /// Service, then list name, then the index in `types`.
    by_list: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Registry {
    /// Begins without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the types of one file, which are of that service and stored in that database of it.
    pub fn add(&mut self, service: &str, database: &str, tree: &Tree, problems: &mut Problems) {
        let TypesRead { types, providers } = read_types(service, database, tree, problems);
        for provider in providers {
            if let Some(other) = self.providers.get(&provider.name) {
                problems.push(
                    Problem::error("dataset::provider-twice", format!("there are two providers `{}`", provider.name))
                        .at(&provider.place, "the second one")
                        .at(&other.place, "the first one"),
                );
            } else {
                self.providers.insert(provider.name.clone(), Arc::new(provider));
            }
        }
        for data_type in types {
            let index = self.types.len();
            let names = self.by_name.entry(service.to_owned()).or_default();
            if let Some(&other) = names.get(&data_type.name.name) {
                problems.push(
                    Problem::error("dataset::type-twice", format!("there are two data types `{}`", data_type.name))
                        .at(&data_type.place, "the second one")
                        .at(&self.types[other].place, "the first one"),
                );
                continue;
            }
            let lists = self.by_list.entry(service.to_owned()).or_default();
            if let Some(&other) = lists.get(&data_type.list) {
                let message =
                    format!("two data types of `{service}` are both listed under `{}` in specs", data_type.list);
                problems.push(
                    Problem::error("dataset::list-twice", message)
                        .at(&data_type.place, "the second one")
                        .at(&self.types[other].place, "the first one")
                        .help("give one of them another name with `list`"),
                );
                continue;
            }
            names.insert(data_type.name.name.clone(), index);
            lists.insert(data_type.list.clone(), index);
            self.types.push(data_type);
        }
    }

    /// Finds everything that is wrong with the types taken together: references to unknown types and fields, templates,
    /// circles of keys. To be called after the last [`Registry::add`]; [`crate::order`] checks again and relies on it.
    pub fn check(&self, problems: &mut Problems) {
        let templates = templates(0);
        Compiled::new(self, &templates, problems);
    }

    /// The service of the type with this index.
    pub(crate) fn service_of(&self, index: usize) -> &str {
        &self.types[index].name.service
    }

    /// Goes through the types by service and name.
    pub fn types(&self) -> impl Iterator<Item = &DataType> {
        self.by_name.values().flat_map(|names| names.values().map(|&index| &self.types[index]))
    }

    /// The type of a service that is called so, or whose records specs list under that name.
    pub fn find(&self, service: &str, name: &str) -> Option<&DataType> {
        let named = self.by_name.get(service).and_then(|names| names.get(name));
        named.copied().or_else(|| self.index_of_list(service, name)).map(|index| &self.types[index])
    }

    /// Goes through the providers by service and name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// Returns the type of that name, if there is one.
    pub fn data_type(&self, name: &TypeName) -> Option<&DataType> {
        self.index(name).map(|index| &self.types[index])
    }

    /// Returns the type of that name, written `SERVICE.TYPE`.
    pub fn data_type_called(&self, name: &str) -> Option<&DataType> {
        let (service, name) = name.split_once('.')?;
        self.data_type(&TypeName { service: service.to_owned(), name: name.to_owned() })
    }

    /// Returns the provider of a type, if a provider makes its records; none too if that is not declared.
    pub fn provider_of(&self, data_type: &DataType) -> Option<&Arc<Provider>> {
        let crate::Maker::Provider(used) = &data_type.maker else { return None };
        let name = ProviderName { service: data_type.name.service.clone(), name: used.provider.clone() };
        self.providers.get(&name)
    }

    /// Returns the provider of the records of a type, with how it is asked; none if they are rows of a table.
    pub fn made_by(&self, data_type: &DataType) -> Option<MadeBy> {
        let crate::Maker::Provider(used) = &data_type.maker else { return None };
        let provider = Arc::clone(self.provider_of(data_type)?);
        Some(MadeBy { provider, requests: used.requests.clone().map(Arc::new) })
    }

    /// Returns the types by index.
    pub(crate) fn all(&self) -> &[DataType] {
        &self.types
    }

    /// Returns the index of a type.
    pub(crate) fn index(&self, name: &TypeName) -> Option<usize> {
        self.by_name.get(&name.service)?.get(&name.name).copied()
    }

    /// Returns the index of the type that specs of a service list under that name.
    pub(crate) fn index_of_list(&self, service: &str, list: &str) -> Option<usize> {
        self.by_list.get(service)?.get(list).copied()
    }

    /// Returns the list names of a service; none if it has no types.
    pub(crate) fn lists(&self, service: &str) -> Option<impl Iterator<Item = &str>> {
        self.by_list.get(service).map(|lists| lists.keys().map(String::as_str))
    }

    /// Goes through the services that have types.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Says what was probably meant by the name of a type that is not there, or what there is.
    pub(crate) fn suggestion(&self, name: &TypeName) -> String {
        let Some(names) = self.by_name.get(&name.service) else {
            return match closest(&name.service, self.services()) {
                Some(near) => format!("did you mean `{near}.{}`?", name.name),
                None => format!("no workspace named `{}` with data types is part of this environment", name.service),
            };
        };
        let what = format!("the data types of `{}` are", name.service);
        suggestion(&name.name, names.keys().map(String::as_str), &what)
    }
}
