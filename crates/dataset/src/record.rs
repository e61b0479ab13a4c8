//! The records of a load, each once, by type and natural key.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use indexmap::IndexMap;
use serde_json::Value;
use source::Place;

use crate::compiled::{Compiled, CompiledReference};
use crate::formula::{Need, NeedFrom};

/// How many records away from a wanted one a record may be that only exists because others refer to it. Types whose
/// defaults refer to ever new records would never end.
const MAX_DISTANCE: u32 = 100;

/// The number of a record, in the order in which they were first named; not stable, and never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId(u32);

/// Type and natural key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub data_type: usize,
    pub key: Vec<KeyPart>,
}

/// One field of a natural key.
#[derive(Clone)]
pub(crate) enum KeyPart {
    /// A string, number or boolean. Equal when the text is.
    Scalar(Value),
    Record(RecordId),
}

/// One record and what is known of it.
pub(crate) struct Record {
    /// What specs give.
    pub declared: Vec<Given>,
    /// What the types of other records give, in this round.
    pub implied: Vec<Given>,
    /// The traits that specs say it has, by their index in the type.
    pub traits: BTreeSet<usize>,
    /// Where specs declare it.
    pub places: Vec<Place>,
    /// The record that implies it and where its type says so, in this round.
    pub implied_by: Vec<(RecordId, Place)>,
    /// By field.
    pub slots: Vec<Slot>,
    /// How far it is from a record that specs or types want, in this round.
    pub distance: u32,
    /// Whether it is wanted at all, in this round.
    pub reached: bool,
}

/// A value that somebody gives a field of a record.
#[derive(Clone)]
pub(crate) struct Given {
    pub field: usize,
    pub value: GivenValue,
    pub place: Place,
}

/// A value as it stands in a spec, or the record that it stands for.
#[derive(Clone)]
pub(crate) enum GivenValue {
    Json(Value),
    Record(RecordId),
}

/// What a field of a record holds.
#[derive(Clone)]
pub(crate) enum Slot {
    /// Not looked at yet.
    Todo,
    /// Waits for other slots.
    Doing,
    /// Left to the database.
    Absent,
    /// Cannot be told, since nobody gives what a spec must give.
    Missing,
    /// Wrong, and reported.
    Failed,
    Value(Value),
    Record(RecordId),
}

/// Why it cannot be told which record is meant.
#[derive(Debug)]
pub(crate) struct Unidentified {
    pub message: String,
    pub help: Option<String>,
}

impl Unidentified {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }
}

/// All records.
pub(crate) struct Records<'c, 'e> {
    pub compiled: &'c Compiled<'e>,
    all: IndexMap<Identity, Record>,
    /// Records that others stand for, wherever these are named.
    copies: HashMap<Identity, Identity>,
}

impl KeyPart {
    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Scalar(value) => Some(text(value)),
            Self::Record(_) => None,
        }
    }
}

/// Returns a scalar as text: `1` and `"1"` are the same key.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

impl PartialEq for KeyPart {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Record(one), Self::Record(other)) => one == other,
            (Self::Scalar(_), Self::Scalar(_)) => self.text() == other.text(),
            _ => false,
        }
    }
}

impl Eq for KeyPart {}

impl Hash for KeyPart {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Scalar(value) => text(value).hash(state),
            Self::Record(id) => id.hash(state),
        }
    }
}

impl RecordId {
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("four thousand million records do not fit into memory"))
    }
}

impl Record {
    /// Goes through what is given for a field.
    pub fn given(&self, field: usize) -> impl Iterator<Item = &Given> {
        self.declared.iter().chain(&self.implied).filter(move |given| given.field == field)
    }

    /// Says whether a spec declares it.
    pub fn is_declared(&self) -> bool {
        !self.places.is_empty()
    }

    /// Says whether more is known of it than that others refer to it.
    pub fn is_described(&self) -> bool {
        self.is_declared() || !self.implied_by.is_empty()
    }
}

impl<'c, 'e> Records<'c, 'e> {
    pub fn new(compiled: &'c Compiled<'e>) -> Self {
        Self { compiled, all: IndexMap::new(), copies: HashMap::new() }
    }

    pub fn ids(&self) -> impl Iterator<Item = RecordId> + use<> {
        (0..self.all.len()).map(RecordId::from_index)
    }

    pub fn reached(&self) -> impl Iterator<Item = RecordId> {
        self.ids().filter(|&id| self.record(id).reached)
    }

    pub fn record(&self, id: RecordId) -> &Record {
        &self.all[id.index()]
    }

    pub fn record_mut(&mut self, id: RecordId) -> &mut Record {
        &mut self.all[id.index()]
    }

    pub fn data_type(&self, id: RecordId) -> usize {
        self.identity(id).data_type
    }

    pub fn identity(&self, id: RecordId) -> &Identity {
        let (identity, _) = self.all.get_index(id.index()).expect("ids are only made for records that are there");
        identity
    }

    /// Forgets what the last round found out, save which records there are.
    pub fn begin_round(&mut self) {
        for (identity, record) in &mut self.all {
            record.implied.clear();
            record.implied_by.clear();
            record.reached = false;
            record.distance = if record.is_declared() { 0 } else { u32::MAX };
            fill_slots(self.compiled, identity, &mut record.slots);
        }
    }

    /// Returns the name for people: `lms.user[verified]`. Of one type, different records have different names.
    pub fn name(&self, id: RecordId) -> String {
        let mut name = format!("{}[", self.compiled.types[self.data_type(id)].data_type.name);
        self.write_key(id, &mut name);
        name.push(']');
        name
    }

    fn write_key(&self, id: RecordId, name: &mut String) {
        for (index, part) in self.identity(id).key.iter().enumerate() {
            if index > 0 {
                name.push_str(", ");
            }
            match part {
                KeyPart::Record(inner) => self.write_key(*inner, name),
                KeyPart::Scalar(value) => {
                    let text = text(value);
                    if text.is_empty() || text.contains([',', '[', ']', '"']) || text.contains(char::is_control) {
                        write!(name, "{text:?}").expect("writing to a string does not fail");
                    } else {
                        name.push_str(&text);
                    }
                }
            }
        }
    }

    /// Returns what a template sees of a reference: the natural key as it would stand in a spec.
    pub fn seen(&self, reference: &CompiledReference<'_>, id: RecordId) -> Value {
        let data_type = &self.compiled.types[reference.target];
        let identity = self.identity(id);
        let part = |position: usize| match &identity.key[position] {
            KeyPart::Scalar(value) => value.clone(),
            KeyPart::Record(inner) => data_type.fields[data_type.key[position]]
                .reference
                .as_ref()
                .map_or(Value::Null, |reference| self.seen(reference, *inner)),
        };
        let left = reference.left.and_then(|left| data_type.key.iter().position(|&field| field == left));
        if let Some(position) = left {
            return part(position);
        }
        let names = data_type.key.iter().map(|&field| data_type.field_name(field).to_owned());
        Value::Object(names.enumerate().map(|(position, name)| (name, part(position))).collect())
    }

    /// Finds or makes the record to which a value refers; `with` are the parts of its key that the type gives.
    pub fn refer(
        &mut self,
        reference: &CompiledReference<'_>,
        value: &Value,
        with: Vec<(usize, Value)>,
        distance: u32,
    ) -> Result<RecordId, Unidentified> {
        let data_type = &self.compiled.types[reference.target];
        let name = &data_type.data_type.name;
        let mut fields: Vec<(usize, GivenValue)> = Vec::new();
        match (value, reference.left) {
            (Value::Object(entries), _) => {
                for (key, value) in entries {
                    let field = data_type.identity.iter().find(|&&field| data_type.field_name(field) == key);
                    let Some(&field) = field else {
                        let mut problem =
                            Unidentified::new(format!("`{key}` is not part of the natural key of `{name}`"));
                        let known = data_type.identity.iter().map(|&field| data_type.field_name(field));
                        problem.help = source::closest(key, known).map(|near| format!("did you mean `{near}`?"));
                        return Err(problem);
                    };
                    fields.push((field, GivenValue::Json(value.clone())));
                }
            }
            (Value::Array(_), _) => {
                return Err(Unidentified::new(format!("a list is not the natural key of a `{name}`")));
            }
            (scalar, Some(left)) => fields.push((left, GivenValue::Json(scalar.clone()))),
            (_, None) => {
                let parts: Vec<_> = data_type.key.iter().map(|&field| data_type.field_name(field)).collect();
                let message = format!("the natural key of `{name}` has several fields: {}", parts.join(", "));
                let sample: Vec<_> = parts.iter().map(|part| format!("{part}: …")).collect();
                let help = format!(
                    "write `{{ {} }}`, or let the data type give all but one of them under `with`",
                    sample.join(", ")
                );
                return Err(Unidentified { message, help: Some(help) });
            }
        }
        for (field, value) in with {
            if fields.iter().all(|(given, _)| *given != field) {
                fields.push((field, GivenValue::Json(value)));
            }
        }
        self.identify(reference.target, &fields, distance)
    }

    /// Finds or makes the record of a type with these values; other fields than those of its identity do not matter.
    pub fn identify(
        &mut self,
        data_type: usize,
        given: &[(usize, GivenValue)],
        distance: u32,
    ) -> Result<RecordId, Unidentified> {
        let compiled = &self.compiled.types[data_type];
        let type_name = &compiled.data_type.name;
        let mut seen: Vec<Option<Value>> = vec![None; compiled.fields.len()];
        let mut parts: Vec<Option<KeyPart>> = Vec::new();
        parts.resize_with(compiled.fields.len(), || None);
        for &index in &compiled.identity {
            let field = &compiled.fields[index];
            let field_name = compiled.field_name(index);
            let is_key = compiled.key.contains(&index);
            let lookup = |need: &Need| match need.from {
                NeedFrom::Own(own) => seen[own].clone(),
                NeedFrom::Across { .. } => None,
            };
            let failed = |message: String| Unidentified::new(format!("`{field_name}` of `{type_name}`: {message}"));
            let value = match given.iter().find(|(given, _)| *given == index) {
                Some((_, value)) => value.clone(),
                None => match &field.default {
                    Some(default) => GivenValue::Json(default.evaluate(&lookup).map_err(failed)?),
                    None if is_key => {
                        return Err(Unidentified::new(format!(
                            "`{field_name}` is part of the natural key of `{type_name}` and is not given"
                        )));
                    }
                    None => continue,
                },
            };
            let record = match (value, &field.reference) {
                (GivenValue::Record(id), _) => Some(id),
                (GivenValue::Json(Value::Null), _) if is_key => {
                    return Err(Unidentified::new(format!(
                        "`{field_name}` is part of the natural key of `{type_name}` and cannot be null"
                    )));
                }
                (GivenValue::Json(Value::Null), Some(_)) => None,
                (GivenValue::Json(value), Some(reference)) => {
                    let with: Result<Vec<_>, _> = reference
                        .with
                        .iter()
                        .map(|(field, formula)| Ok((*field, formula.evaluate(&lookup)?)))
                        .collect();
                    Some(self.refer(reference, &value, with.map_err(failed)?, distance.saturating_add(1))?)
                }
                (GivenValue::Json(value @ (Value::Array(_) | Value::Object(_))), None) if is_key => {
                    let kind = if value.is_array() { "a list" } else { "a map" };
                    return Err(Unidentified::new(format!(
                        "`{field_name}` is part of the natural key of `{type_name}` and cannot be {kind}"
                    )));
                }
                (GivenValue::Json(value), None) => {
                    if is_key {
                        parts[index] = Some(KeyPart::Scalar(value.clone()));
                    }
                    seen[index] = Some(value);
                    None
                }
            };
            if let Some(id) = record {
                seen[index] = field.reference.as_ref().map(|reference| self.seen(reference, id));
                parts[index] = Some(KeyPart::Record(id));
            }
        }
        let key = compiled.key.iter().map(|&field| parts[field].take()).collect::<Option<Vec<_>>>();
        let key = key.expect("each field of the key was filled above, or returned from");
        self.intern(Identity { data_type, key }, distance)
    }

    /// From now on, another record stands for this one.
    pub fn stands_for(&mut self, identity: Identity, other: Identity) {
        self.copies.insert(identity, other);
    }

    fn intern(&mut self, identity: Identity, distance: u32) -> Result<RecordId, Unidentified> {
        let identity = self.copies.get(&identity).cloned().unwrap_or(identity);
        self.add(identity, distance)
    }

    /// Finds or makes the record with this very key.
    pub fn add(&mut self, identity: Identity, distance: u32) -> Result<RecordId, Unidentified> {
        let index = if let Some((index, known, record)) = self.all.get_full_mut(&identity) {
            record.distance = record.distance.min(distance);
            for (known, other) in known.key.iter().zip(&identity.key) {
                if let (KeyPart::Scalar(known), KeyPart::Scalar(other)) = (known, other)
                    && known != other
                {
                    let mut kinds = [kind_of(known), kind_of(other)];
                    kinds.sort_unstable();
                    return Err(Unidentified {
                        message: format!(
                            "`{}` is written as {} in one place and as {} in another",
                            text(known),
                            kinds[0],
                            kinds[1]
                        ),
                        help: Some("quotes make a string of it".to_owned()),
                    });
                }
            }
            index
        } else {
            let mut slots = Vec::new();
            fill_slots(self.compiled, &identity, &mut slots);
            let record = Record {
                declared: Vec::new(),
                traits: BTreeSet::new(),
                implied: Vec::new(),
                places: Vec::new(),
                implied_by: Vec::new(),
                slots,
                distance,
                reached: false,
            };
            self.all.insert_full(identity, record).0
        };
        let id = RecordId::from_index(index);
        if self.record(id).distance > MAX_DISTANCE {
            let data_type = &self.compiled.types[self.data_type(id)].data_type.name;
            return Err(Unidentified {
                message: format!("records of `{data_type}` refer to ever new ones, without end"),
                help: Some("each record that is not in a spec brings another one with it".to_owned()),
            });
        }
        Ok(id)
    }
}

/// Says how a scalar is written, for a message.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        _ => "a string",
    }
}

/// The fields of the key are known from the start.
fn fill_slots(compiled: &Compiled<'_>, identity: &Identity, slots: &mut Vec<Slot>) {
    let data_type = &compiled.types[identity.data_type];
    slots.clear();
    slots.resize_with(data_type.fields.len(), || Slot::Todo);
    for (&field, part) in data_type.key.iter().zip(&identity.key) {
        slots[field] = match part {
            KeyPart::Scalar(value) => Slot::Value(value.clone()),
            KeyPart::Record(id) => Slot::Record(*id),
        };
    }
}
