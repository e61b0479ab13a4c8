//! Reads a file of data types.

use indexmap::IndexMap;
use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree};

use crate::provider::Provider;
use crate::provider_reader::{provider, provider_use};
use crate::spec::read_version;
use crate::suggestion::suggestion;
use crate::{Children, DataType, Field, FieldKind, ImpliedRecord, Maker, ReferenceTo, Trait, TypeName};

/// The field that a type gets whose provider knows traits.
pub(crate) const TRAITS: &str = "traits";

/// What a file of data types holds.
#[derive(Default)]
pub(crate) struct TypesRead {
    pub types: Vec<DataType>,
    pub providers: Vec<Provider>,
}

/// Reads the types and providers of one database; what cannot be read is a problem and left out.
pub(crate) fn read_types(service: &str, database: &str, tree: &Tree, problems: &mut Problems) -> TypesRead {
    let Some(mut root) = MapReader::new(tree, problems, "a file of data types") else { return TypesRead::default() };
    let providers = root.optional_map("providers").unwrap_or_default();
    // A file may have nothing but providers, whose types stand in another one.
    let types = if providers.is_empty() { root.required("types") } else { root.optional("types") };
    let entries = types.map(|types| {
        types.as_map().ok_or_else(|| types.wrong_type("data types by name, which is a map")).unwrap_or_else(|problem| {
            root.problems().push(problem);
            &[]
        })
    });
    root.finish();
    let mut reader = TypeReader { service, database, problems };
    for entry in providers {
        reader.check_name(&entry.key, &entry.key_place, "provider");
    }
    let types = entries.unwrap_or_default().iter().filter_map(|entry| reader.data_type(entry)).collect();
    let providers = providers.iter().filter_map(|entry| provider(service, database, entry, problems)).collect();
    TypesRead { types, providers }
}

struct TypeReader<'a> {
    service: &'a str,
    database: &'a str,
    problems: &'a mut Problems,
}

impl TypeReader<'_> {
    fn data_type(&mut self, entry: &Entry) -> Option<DataType> {
        self.check_name(&entry.key, &entry.key_place, "data type");
        let mut reader = MapReader::new(&entry.value, self.problems, "a data type")?.heading(&entry.key_place);
        let provider = reader.entry("provider");
        let table = match provider {
            Some(_) => reader.optional_str("table"),
            None => reader.required_str("table"),
        };
        let provided_traits = provider.and_then(|_| reader.entry(TRAITS));
        let requests = provider.and_then(|_| reader.entry("http"));
        let key = reader.required("key");
        let list = reader.optional_str("list").map(str::to_owned);
        let fields = reader.optional_map("fields").unwrap_or_default();
        let implies = reader.optional_list("implies").unwrap_or_default();
        let traits = match provider {
            Some(_) => &[],
            None => reader.optional_map(TRAITS).unwrap_or_default(),
        };
        let version = reader.optional("version");
        let renamed = reader.optional_map("renamed").unwrap_or_default();
        reader.finish();

        let version = version.and_then(|tree| read_version(tree, self.problems)).unwrap_or(1);
        let key = key.and_then(|key| self.key(key));
        let mut fields: IndexMap<String, Field> =
            fields.iter().filter_map(|field| Some((field.key.clone(), self.field(field)?))).collect();
        let maker = match (table, provider) {
            (Some(_), Some(provider)) => {
                self.problems.push(
                    Problem::error("dataset::maker", "a data type has either `table` or `provider`")
                        .at(&provider.key_place, "its records are made by a provider")
                        .at(&entry.key_place, "and are rows of a table"),
                );
                None
            }
            (Some(table), None) => Some(Maker::Table(table.to_owned())),
            (None, Some(provider)) => {
                let traits = provided_traits.map(|traits| &traits.value);
                provider_use(provider, traits, requests, self.problems).map(Box::new).map(Maker::Provider)
            }
            (None, None) => None,
        };
        if let Some(traits) = provided_traits {
            self.add_traits(&mut fields, &traits.key_place);
        }
        let implies = implies.iter().filter_map(|tree| self.implied_record(tree)).collect();
        Some(DataType {
            name: TypeName { service: self.service.to_owned(), name: entry.key.clone() },
            database: self.database.to_owned(),
            maker: maker?,
            key: key?,
            list: list.unwrap_or_else(|| format!("{}s", entry.key)),
            traits: traits.iter().map(|entry| self.read_trait(entry, &fields)).collect(),
            renamed: self.renamed(renamed, version, &fields),
            version,
            fields,
            implies,
            place: entry.key_place.clone(),
        })
    }

    /// `{ staff: { is_staff: true } }`.
    fn read_trait(&mut self, entry: &Entry, fields: &IndexMap<String, Field>) -> (String, Trait) {
        self.check_name(&entry.key, &entry.key_place, "trait");
        let values = self.values(&entry.value, "the values of a trait");
        for (name, place, _) in &values {
            match fields.get(name).map(|field| &field.kind) {
                Some(FieldKind::Children(_)) => self.problems.push(
                    Problem::error("dataset::trait", "a trait cannot bring a list of records")
                        .at(place, "a list of records"),
                ),
                Some(_) => {}
                None => {
                    let known = fields.keys().map(String::as_str);
                    self.problems.push(
                        Problem::error("dataset::trait", format!("there is no field `{name}`"))
                            .at(place, "not a field of this data type")
                            .help(suggestion(name, known, "its fields are")),
                    );
                }
            }
        }
        (entry.key.clone(), Trait { fields: values, place: entry.key_place.clone() })
    }

    /// `{ OLD: NEW }` for what the newest version changed, or `{ VERSION: { OLD: NEW } }`.
    fn renamed(
        &mut self,
        entries: &[Entry],
        version: u32,
        fields: &IndexMap<String, Field>,
    ) -> Vec<(u32, String, String)> {
        let mut renamed = Vec::new();
        let mut named = |entry: &Entry, version: u32, problems: &mut Problems| match entry.value.as_str() {
            Some(new) => renamed.push((version, entry.key.clone(), new.to_owned())),
            None => problems.push(entry.value.wrong_type("the name that the field has now")),
        };
        for entry in entries {
            let Some(of_version) = entry.value.as_map() else {
                named(entry, version, self.problems);
                continue;
            };
            match entry.key.parse() {
                Ok(changed) if (2..=version).contains(&changed) => {
                    for entry in of_version {
                        named(entry, changed, self.problems);
                    }
                }
                _ => self.problems.push(
                    Problem::error("dataset::renamed", format!("`{}` is not a version of this type", entry.key))
                        .at(&entry.key_place, format!("from 2 to {version} would be")),
                ),
            }
        }
        renamed.sort_by_key(|(version, ..)| *version);
        if version == 1
            && let Some(entry) = entries.first()
        {
            self.problems.push(
                Problem::error("dataset::renamed", "a type with renamed fields needs a `version`")
                    .at(&entry.key_place, "since which version is it called otherwise?")
                    .help("write `version: 2`"),
            );
        }
        for (index, (changed, _, new)) in renamed.iter().enumerate() {
            let again = renamed[index..].iter().any(|(later, old, _)| later > changed && old == new);
            if !again && !fields.contains_key(new) {
                let entry = entries.iter().find(|entry| entry.value.as_str() == Some(new)).or(entries.first());
                let known = fields.keys().map(String::as_str);
                self.problems.push(
                    Problem::error("dataset::renamed", format!("there is no field `{new}`"))
                        .at(&entry.expect("it was read from one").value.place, "not a field of this data type")
                        .help(suggestion(new, known, "its fields are")),
                );
            }
        }
        renamed
    }

    /// The traits of a record are given like a field.
    fn add_traits(&mut self, fields: &mut IndexMap<String, Field>, place: &Place) {
        if let Some(other) = fields.get(TRAITS) {
            self.problems.push(
                Problem::error("dataset::field-kind", "a data type with traits has no field of that name")
                    .at(&other.place, "this field")
                    .at(place, "the traits that a record can have"),
            );
            return;
        }
        let place = place.clone();
        let column = Some(TRAITS.to_owned());
        let field = Field { column, default: None, required: false, kind: FieldKind::Plain, place };
        fields.insert(TRAITS.to_owned(), field);
    }

    fn key(&mut self, tree: &Tree) -> Option<Vec<(String, Place)>> {
        let Some(names) = tree.as_list().filter(|names| !names.is_empty()) else {
            self.problems.push(match tree.as_list() {
                Some(_) => Problem::error("dataset::empty-key", "a natural key needs at least one field")
                    .at(&tree.place, "there is no field here"),
                None => tree.wrong_type("the fields of the natural key, which is a list"),
            });
            return None;
        };
        let mut key: Vec<(String, Place)> = Vec::new();
        for name in names {
            match name.as_str() {
                None => self.problems.push(name.wrong_type("the name of a field")),
                Some(text) if key.iter().any(|(known, _)| known == text) => self.problems.push(
                    Problem::error("dataset::field-twice", format!("`{text}` is in the key twice"))
                        .at(&name.place, "the second time"),
                ),
                Some(text) => key.push((text.to_owned(), name.place.clone())),
            }
        }
        (key.len() == names.len()).then_some(key)
    }

    fn field(&mut self, entry: &Entry) -> Option<Field> {
        self.check_name(&entry.key, &entry.key_place, "field");
        let place = entry.key_place.clone();
        match &entry.value.node {
            Node::Map(_) => self.long_field(entry),
            Node::List(_) => {
                self.problems.push(entry.value.wrong_type("a default or a map with the keys of a field"));
                None
            }
            _ => Some(Field {
                column: Some(entry.key.clone()),
                default: Some(entry.value.clone()),
                required: false,
                kind: FieldKind::Plain,
                place,
            }),
        }
    }

    fn long_field(&mut self, entry: &Entry) -> Option<Field> {
        let mut reader = MapReader::new(&entry.value, self.problems, "a field")?.heading(&entry.key_place);
        let column = reader.optional("column");
        let default = reader.optional("default").cloned();
        let required = reader.optional_bool("required").unwrap_or(false);
        let references = reader.entry("references");
        let with = reader.entry("with");
        let value = reader.entry("value");
        let has = reader.entry("has");
        let parent_field = reader.entry("as");
        reader.finish();

        let column = match column {
            None => Some(entry.key.clone()),
            Some(Tree { node: Node::Null, .. }) => None,
            Some(Tree { node: Node::String(name), .. }) => Some(name.clone()),
            Some(other) => {
                self.problems.push(other.wrong_type("the name of a column, or `null` for none"));
                None
            }
        };
        for (extra, needed) in [(with, "references"), (value, "references"), (parent_field, "has")]
            .into_iter()
            .filter_map(|(key, needed)| {
                let there = if needed == "has" { has } else { references };
                key.filter(|_| there.is_none()).map(|key| (key, needed))
            })
        {
            self.problems.push(
                Problem::error("dataset::lonely-key", format!("`{}` has no meaning without `{needed}`", extra.key))
                    .at(&extra.key_place, format!("there is no `{needed}` in this field")),
            );
        }
        let kind = match (references, has) {
            (Some(references), Some(has)) => {
                self.problems.push(
                    Problem::error("dataset::field-kind", "a field has either `references` or `has`")
                        .at(&has.key_place, "this makes it a list of records")
                        .at(&references.key_place, "this makes it a reference"),
                );
                return None;
            }
            (Some(references), None) => FieldKind::Reference(ReferenceTo {
                target: self.type_name(&references.value)?,
                with: with.map(|with| self.values(&with.value, "values for parts of the key")).unwrap_or_default(),
                value: match value.map(|value| (value, value.value.as_str())) {
                    None => None,
                    Some((_, Some(name))) => Some(name.to_owned()),
                    Some((value, None)) => {
                        self.problems.push(value.value.wrong_type("the name of a column"));
                        None
                    }
                },
                place: references.value.place.clone(),
            }),
            (None, Some(has)) => {
                for (key, there) in [("default", default.is_some()), ("required", required)] {
                    if there && let Some(extra) = entry.value.entry(key) {
                        self.problems.push(
                            Problem::error("dataset::field-kind", format!("a list of records has no `{key}`"))
                                .at(&extra.key_place, "not for a field with `has`")
                                .help("records that are always there are written under `implies`"),
                        );
                    }
                }
                let Some(parent_field) = parent_field else {
                    self.problems.push(
                        Problem::error("yaml::missing-key", "a field with `has` needs the key `as`")
                            .at(&has.key_place, "there is no `as` beside it")
                            .help("`as` names the field of the child that refers to this record"),
                    );
                    return None;
                };
                let Some(name) = parent_field.value.as_str() else {
                    self.problems.push(parent_field.value.wrong_type("the name of a field"));
                    return None;
                };
                FieldKind::Children(Children {
                    child: self.type_name(&has.value)?,
                    parent_field: name.to_owned(),
                    parent_field_place: parent_field.value.place.clone(),
                    place: has.value.place.clone(),
                })
            }
            (None, None) => FieldKind::Plain,
        };
        if required
            && has.is_none()
            && let Some(default) = &default
        {
            self.problems.push(
                Problem::error("dataset::unused-default", "a field that is required has no use for a default")
                    .at(&default.place, "never used")
                    .at(&entry.key_place, "a spec must give this field")
                    .help("leave out either `required` or `default`"),
            );
        }
        let column = column.filter(|_| !matches!(kind, FieldKind::Children(_)));
        Some(Field { column, default, required, kind, place: entry.key_place.clone() })
    }

    fn implied_record(&mut self, tree: &Tree) -> Option<ImpliedRecord> {
        let mut reader = MapReader::new(tree, self.problems, "an implied record")?;
        let implied = reader.required("type");
        let record = reader.required("record");
        reader.finish();
        let (implied, record) = (implied?, record?);
        Some(ImpliedRecord {
            implied: self.type_name(implied)?,
            record: self.values(record, "the fields of the implied record"),
            place: implied.place.clone(),
        })
    }

    fn values(&mut self, tree: &Tree, what: &str) -> Vec<(String, Place, Tree)> {
        let Some(entries) = tree.as_map() else {
            self.problems.push(tree.wrong_type(&format!("{what}, which is a map")));
            return Vec::new();
        };
        entries.iter().map(|entry| (entry.key.clone(), entry.key_place.clone(), entry.value.clone())).collect()
    }

    /// Reads `TYPE` or `SERVICE.TYPE`.
    fn type_name(&mut self, tree: &Tree) -> Option<TypeName> {
        let Some(text) = tree.as_str() else {
            self.problems.push(tree.wrong_type("a data type: `TYPE`, or `SERVICE.TYPE` of another service"));
            return None;
        };
        let (service, name) = text.split_once('.').unwrap_or((self.service, text));
        Some(TypeName { service: service.to_owned(), name: name.to_owned() })
    }

    /// Templates and references speak of types and fields by name, so a name must be a word in them.
    fn check_name(&mut self, name: &str, place: &Place, what: &str) {
        let mut letters = name.chars();
        let begins_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !begins_well || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            self.problems.push(
                Problem::error("dataset::name", format!("`{name}` cannot be the name of a {what}"))
                    .at(place, "a name is made of letters, digits and `_`, and does not begin with a digit"),
            );
        }
    }
}
