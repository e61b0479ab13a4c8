//! The data types with every name resolved and every template compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::Environment;
use source::{Place, Problem, Problems, closest};

use crate::formula::{Formula, Need, NeedFrom, Variable};
use crate::functions::FUNCTIONS;
use crate::provider::{ProviderKind, ProviderName, ProviderUse, Request};
use crate::provider_reader::unknown;
use crate::suggestion::suggestion;
use crate::{DataType, Field, FieldKind, MadeBy, Maker, Registry};

/// How many types deep natural keys may be made of natural keys; bounds the recursion over them.
const MAX_KEY_DEPTH: usize = 32;

/// All types. Only to be used for records if making it gave no error.
pub(crate) struct Compiled<'e> {
    /// By their index in the registry.
    pub types: Vec<CompiledType<'e>>,
}

/// One type; fields are by their index in it.
pub(crate) struct CompiledType<'e> {
    pub data_type: &'e DataType,
    pub fields: Vec<CompiledField<'e>>,
    /// The fields of the natural key, in order.
    pub key: Vec<usize>,
    /// The fields of the natural key and those that it is worked out from, each after what it needs.
    pub identity: Vec<usize>,
    pub implies: Vec<CompiledImplied<'e>>,
    /// The values of each trait, by its index in the type.
    pub traits: Vec<Vec<(usize, Formula<'e>)>>,
    /// Who makes its records, if a provider does.
    pub made_by: Option<MadeBy>,
}

/// One field.
pub(crate) struct CompiledField<'e> {
    pub field: &'e Field,
    pub default: Option<Formula<'e>>,
    pub reference: Option<CompiledReference<'e>>,
    /// The field of the child that refers back, if this is a list of children.
    pub parent_field: Option<usize>,
}

/// How a field refers to another record.
pub(crate) struct CompiledReference<'e> {
    pub target: usize,
    pub with: Vec<(usize, Formula<'e>)>,
    /// The field of the target that a single value stands for; none if it takes a map to name such a record.
    pub left: Option<usize>,
}

/// A record that another one implies.
pub(crate) struct CompiledImplied<'e> {
    pub target: usize,
    pub record: Vec<(usize, Formula<'e>)>,
    pub place: &'e Place,
}

impl<'e> CompiledType<'e> {
    /// Returns what traits give a field: of those that do, what the last one in the type gives.
    pub fn of_traits(&self, traits: &BTreeSet<usize>, field: usize) -> Option<&Formula<'e>> {
        let mut given = traits.iter().rev().flat_map(|index| &self.traits[*index]);
        given.find(|(given, _)| *given == field).map(|(_, formula)| formula)
    }

    /// Returns the name of a field.
    pub fn field_name(&self, field: usize) -> &'e str {
        let (name, _) = self.data_type.fields.get_index(field).expect("fields are compiled from the type's own");
        name
    }
}

impl<'e> Compiled<'e> {
    /// Resolves and compiles all types; everything that is wrong is reported.
    pub fn new(registry: &'e Registry, environment: &'e Environment<'e>, problems: &mut Problems) -> Self {
        let reader = Compiler { registry, environment };
        let types: Vec<_> = registry.all().iter().map(|data_type| reader.data_type(data_type, problems)).collect();
        let mut compiled = Self { types };
        for index in 0..compiled.types.len() {
            let identity = compiled.identity(index, problems);
            compiled.types[index].identity = identity;
        }
        compiled.check_with(problems);
        compiled.check_traits(problems);
        compiled.check_key_circles(problems);
        compiled
    }

    /// Finds the fields that make up the identity of a record, each after those that its formulas need.
    fn identity(&self, index: usize, problems: &mut Problems) -> Vec<usize> {
        let data_type = &self.types[index];
        let mut done = Vec::new();
        for &key in &data_type.key {
            // Depth first, with the way down at hand to print a circle.
            let mut way = vec![(key, 0)];
            while let Some((field, next)) = way.pop() {
                if next == 0 && done.contains(&field) {
                    continue;
                }
                let needs = data_type.fields[field].needs();
                let Some(need) = needs.get(next) else {
                    done.push(field);
                    continue;
                };
                way.push((field, next + 1));
                match need.from {
                    NeedFrom::Own(needed) if way.iter().any(|&(on_way, _)| on_way == needed) => {
                        let start = way.iter().position(|&(on_way, _)| on_way == needed).unwrap_or(0);
                        let names: Vec<_> =
                            way[start..].iter().map(|&(field, _)| data_type.field_name(field)).collect();
                        problems.push(field_circle(data_type, &names, &way[start..]));
                        return done;
                    }
                    NeedFrom::Own(needed) => way.push((needed, 0)),
                    NeedFrom::Across { .. } => {
                        let message = format!(
                            "the natural key of `{}` cannot depend on fields of another record",
                            data_type.data_type.name
                        );
                        problems.push(
                            Problem::error("dataset::key-across", message)
                                .at(&data_type.fields[field].field.place, format!("uses `{}`", need.variable)),
                        );
                        return done;
                    }
                }
            }
        }
        done
    }

    /// `with` may only speak of what identifies the target.
    fn check_with(&self, problems: &mut Problems) {
        let references = self.types.iter().flat_map(|data_type| &data_type.fields).filter_map(|field| {
            let FieldKind::Reference(to) = &field.field.kind else { return None };
            Some((field.reference.as_ref()?, to))
        });
        for (reference, to) in references {
            let target = &self.types[reference.target];
            for (name, place, _) in &to.with {
                let known = target.identity.iter().any(|&field| target.field_name(field) == name);
                if !known && target.data_type.fields.contains_key(name) {
                    let message = format!("`{name}` is not part of the natural key of `{}`", to.target);
                    problems.push(
                        Problem::error("dataset::with", message)
                            .at(place, "cannot tell which record is meant")
                            .at(&target.data_type.place, format!("the key of `{}`", to.target)),
                    );
                }
            }
        }
    }

    /// Which record is meant must be known before it is known which traits it has.
    fn check_traits(&self, problems: &mut Problems) {
        for data_type in &self.types {
            for (values, (_, of)) in data_type.traits.iter().zip(&data_type.data_type.traits) {
                for (field, _) in values.iter().filter(|(field, _)| data_type.identity.contains(field)) {
                    let name = data_type.field_name(*field);
                    let place =
                        of.fields.iter().find(|(given, ..)| given == name).map_or(&of.place, |(_, place, _)| place);
                    let message = format!("a trait cannot give `{name}`, of which the natural key is made");
                    problems.push(Problem::error("dataset::trait", message).at(place, "given here"));
                }
            }
        }
    }

    /// A natural key that is made of other natural keys must end somewhere.
    fn check_key_circles(&self, problems: &mut Problems) {
        let targets = |index: usize| {
            let data_type = &self.types[index];
            let reference = |&field: &usize| Some((field, data_type.fields[field].reference.as_ref()?.target));
            data_type.identity.iter().filter_map(reference).collect::<Vec<_>>()
        };
        // Of the types that are done: how deep their keys are.
        let mut depths: Vec<Option<usize>> = vec![None; self.types.len()];
        let mut order: Vec<usize> = (0..self.types.len()).collect();
        order.sort_by_key(|&index| &self.types[index].data_type.name);
        for start in order {
            let mut way: Vec<(usize, usize)> = vec![(start, 0)];
            while let Some((index, next)) = way.pop() {
                if next == 0 && depths[index].is_some() {
                    continue;
                }
                let targets_here = targets(index);
                let Some(&(_, target)) = targets_here.get(next) else {
                    let below = targets_here.iter().filter_map(|&(_, target)| depths[target]).max();
                    let depth = below.map_or(0, |below| below + 1);
                    depths[index] = Some(depth);
                    // The types above are too deep for the same reason.
                    if depth == MAX_KEY_DEPTH + 1 {
                        let message =
                            format!("natural keys are made of natural keys more than {MAX_KEY_DEPTH} types deep");
                        let place = &self.types[index].data_type.place;
                        problems.push(Problem::error("dataset::key-depth", message).at(place, "from this type on"));
                    }
                    continue;
                };
                way.push((index, next + 1));
                let Some(begin) = way.iter().position(|&(on_way, _)| on_way == target) else {
                    way.push((target, 0));
                    continue;
                };
                let circle = way[begin..].iter().map(|&(index, next)| (index, targets(index)[next - 1].0));
                problems.push(self.key_circle(&circle.collect::<Vec<_>>()));
                for (index, _) in way.drain(..) {
                    depths[index] = Some(0);
                }
            }
        }
    }

    fn key_circle(&self, circle: &[(usize, usize)]) -> Problem {
        let names: Vec<_> = circle
            .iter()
            .chain(circle.first())
            .map(|&(index, _)| self.types[index].data_type.name.to_string())
            .collect();
        let message = format!("natural keys are made of each other: {}", names.join(" → "));
        circle.iter().fold(Problem::error("dataset::key-circle", message), |problem, &(index, field)| {
            let data_type = &self.types[index];
            let text = format!("part of the key of `{}`", data_type.data_type.name);
            problem.at(&data_type.fields[field].field.place, text)
        })
    }
}

fn field_circle(data_type: &CompiledType<'_>, names: &[&str], way: &[(usize, usize)]) -> Problem {
    let first = names.first().copied().unwrap_or_default();
    let message =
        format!("the natural key of `{}` depends on itself: {} → {first}", data_type.data_type.name, names.join(" → "));
    way.iter().fold(Problem::error("dataset::field-circle", message), |problem, &(field, _)| {
        problem.at(&data_type.fields[field].field.place, format!("`{}`", data_type.field_name(field)))
    })
}

impl CompiledField<'_> {
    /// Returns what all formulas of the field need.
    fn needs(&self) -> Vec<&Need> {
        let with = self.reference.iter().flat_map(|reference| &reference.with).map(|(_, formula)| formula);
        self.default.iter().chain(with).flat_map(|formula| &formula.needs).collect()
    }
}

struct Compiler<'e> {
    registry: &'e Registry,
    environment: &'e Environment<'e>,
}

impl<'e> Compiler<'e> {
    fn data_type(&self, data_type: &'e DataType, problems: &mut Problems) -> CompiledType<'e> {
        let fields = data_type.fields.values().map(|field| self.field(data_type, field, problems)).collect();
        let implies = data_type
            .implies
            .iter()
            .filter_map(|implied| {
                let target = self.target(&implied.implied, &implied.place, problems)?;
                let target_type = &self.registry.all()[target];
                let mut record = Vec::new();
                for (name, place, tree) in &implied.record {
                    let formula = self.formula(data_type, tree, problems);
                    let Some((field, _, kind)) = target_type.fields.get_full(name) else {
                        problems.push(target_type.unknown_field(name, place));
                        continue;
                    };
                    if matches!(kind.kind, FieldKind::Children(_)) {
                        problems.push(
                            Problem::error("dataset::implied-list", "an implied record cannot bring a list of records")
                                .at(place, "a list of records")
                                .help("let it, or this type, imply them"),
                        );
                    }
                    record.extend(formula.map(|formula| (field, formula)));
                }
                for (name, _) in &target_type.key {
                    let given = implied.record.iter().any(|(given, ..)| given == name);
                    let default = target_type.fields.get(name).is_some_and(|field| field.default.is_some());
                    if !given && !default {
                        let message = format!("the implied record does not give `{name}`");
                        problems.push(Problem::error("dataset::implied-key", message).at(
                            &implied.place,
                            format!("`{name}` is part of the natural key of `{}`", target_type.name),
                        ));
                    }
                }
                Some(CompiledImplied { target, record, place: &implied.place })
            })
            .collect();
        let key = key(data_type, problems);
        check_columns(data_type, problems);
        let made_by = match &data_type.maker {
            Maker::Table(_) => None,
            Maker::Provider(used) => self.made_by(data_type, used, problems),
        };
        let value = |(name, _, tree): &'e (String, Place, source::Tree), problems: &mut Problems| {
            // That the type has no such field has been reported.
            let field = data_type.fields.get_index_of(name)?;
            Some((field, self.formula(data_type, tree, problems)?))
        };
        let traits = data_type.traits.values();
        let traits = traits.map(|of| of.fields.iter().filter_map(|given| value(given, problems)).collect()).collect();
        CompiledType { data_type, fields, key, identity: Vec::new(), implies, traits, made_by }
    }

    fn field(&self, data_type: &'e DataType, field: &'e Field, problems: &mut Problems) -> CompiledField<'e> {
        let default = field.default.as_ref().and_then(|tree| self.formula(data_type, tree, problems));
        let mut compiled = CompiledField { field, default, reference: None, parent_field: None };
        match &field.kind {
            FieldKind::Plain => {}
            FieldKind::Children(children) => {
                let Some(child) = self.target(&children.child, &children.place, problems) else { return compiled };
                let child = &self.registry.all()[child];
                let Some((index, _, parent_field)) = child.fields.get_full(&children.parent_field) else {
                    problems.push(child.unknown_field(&children.parent_field, &children.parent_field_place));
                    return compiled;
                };
                match &parent_field.kind {
                    FieldKind::Reference(back) if back.target == data_type.name => {
                        compiled.parent_field = Some(index);
                    }
                    _ => problems.push(
                        Problem::error(
                            "dataset::parent-field",
                            format!(
                                "`{}` of `{}` does not refer to `{}`",
                                children.parent_field, child.name, data_type.name
                            ),
                        )
                        .at(&children.parent_field_place, "the field that refers to the record with this list")
                        .at(&parent_field.place, "this field"),
                    ),
                }
            }
            FieldKind::Reference(reference) => {
                let Some(target) = self.target(&reference.target, &reference.place, problems) else { return compiled };
                let target_type = &self.registry.all()[target];
                let mut with = Vec::new();
                for (name, place, tree) in &reference.with {
                    let formula = self.formula(data_type, tree, problems);
                    match target_type.fields.get_index_of(name) {
                        Some(index) => with.extend(formula.map(|formula| (index, formula))),
                        None => problems.push(target_type.unknown_field(name, place)),
                    }
                }
                let mut left =
                    target_type.key.iter().filter(|(name, _)| reference.with.iter().all(|(given, ..)| given != name));
                let (first, more) = (left.next(), left.next().is_some());
                if !reference.with.is_empty() && (first.is_none() || more) {
                    let message = if more {
                        "`with` must give all fields of the key but one"
                    } else {
                        "`with` gives the whole key, and leaves no field that a spec could give"
                    };
                    let names: Vec<_> = target_type.key.iter().map(|(name, _)| format!("`{name}`")).collect();
                    problems.push(
                        Problem::error("dataset::with", message)
                            .at(&reference.place, format!("its key is {}", names.join(", "))),
                    );
                }
                let left = first.filter(|_| !more).and_then(|(name, _)| target_type.fields.get_index_of(name));
                compiled.reference = Some(CompiledReference { target, with, left });
            }
        }
        compiled
    }

    /// Finds the provider of a type, and checks how it is asked.
    fn made_by(&self, data_type: &'e DataType, used: &'e ProviderUse, problems: &mut Problems) -> Option<MadeBy> {
        let Some(provider) = self.registry.provider_of(data_type) else {
            let name = ProviderName { service: data_type.name.service.clone(), name: used.provider.clone() };
            let known: Vec<&str> = self
                .registry
                .providers()
                .filter(|known| known.name.service == name.service)
                .map(|known| known.name.name.as_str())
                .collect();
            let help = if known.is_empty() {
                "declare it under `providers`".to_owned()
            } else {
                suggestion(&name.name, known.iter().copied(), "its providers are")
            };
            problems.push(unknown(&name, &used.place, help));
            return None;
        };
        match (&provider.kind, &used.requests) {
            (ProviderKind::Command(_), Some(_)) => problems.push(
                Problem::error(
                    "dataset::requests",
                    format!("`{}` is a program, and is not asked over HTTP", provider.name),
                )
                .at(&used.place, "this data type says under `http` how it is asked")
                .at(&provider.place, "this provider"),
            ),
            (ProviderKind::Http(_), None) => problems.push(
                Problem::error(
                    "dataset::requests",
                    format!("`{}` is asked over HTTP, and it is not said how", provider.name),
                )
                .at(&used.place, "there is no `http` in this data type")
                .help("`http: { find: { path: … }, create: { path: … } }` says which requests find and make a record"),
            ),
            _ => {}
        }
        for request in used.requests.iter().flat_map(|requests| {
            [Some(&requests.find), Some(&requests.create), requests.update.as_ref(), requests.remove.as_ref()]
        }) {
            self.check_request(data_type, request, problems);
        }
        let requests = used.requests.clone().map(Arc::new);
        Some(MadeBy { provider: Arc::clone(provider), requests })
    }

    /// What a request is made of is only known when it is sent; that it speaks of what there is is checked here.
    fn check_request(&self, data_type: &'e DataType, request: Option<&'e Request>, problems: &mut Problems) {
        let Some(request) = request else { return };
        let trees = [Some(&request.path), request.body.as_ref()].into_iter().flatten();
        for tree in trees.chain(request.matches.iter().map(|(_, tree)| tree)) {
            let Some(formula) = self.formula(data_type, tree, problems) else { continue };
            for need in formula.needs.iter().filter(|need| matches!(need.from, NeedFrom::Across { .. })) {
                problems.push(
                    Problem::error("dataset::requests", "a request speaks of the fields of its own record alone")
                        .at(&place_of(&tree.place, &need.variable), "a field of another record")
                        .help("a field of this type can have it as its default"),
                );
            }
        }
    }

    fn target(&self, name: &crate::TypeName, place: &Place, problems: &mut Problems) -> Option<usize> {
        let found = self.registry.index(name);
        if found.is_none() {
            problems.push(
                Problem::error("dataset::unknown-type", format!("there is no data type `{name}`"))
                    .at(place, "not a data type")
                    .help(self.registry.suggestion(name)),
            );
        }
        found
    }

    fn formula(&self, data_type: &DataType, tree: &'e source::Tree, problems: &mut Problems) -> Option<Formula<'e>> {
        Formula::new(tree, self.environment, &|name, place| self.variable(data_type, name, place), problems)
    }

    /// Tells what a name in a template of a type is: one of its fields, a field of a referenced record, or a function.
    fn variable(&self, data_type: &DataType, name: &str, place: &Place) -> Result<Variable, Problem> {
        let problem = |message: String| Problem::error("dataset::unknown-variable", message);
        if let Some((index, _, field)) = data_type.fields.get_full(name) {
            if matches!(field.kind, FieldKind::Children(_)) {
                return Err(problem(format!("`{name}` is a list of records, and templates cannot look into it"))
                    .at(place, "in this template"));
            }
            return Ok(Variable::Field(NeedFrom::Own(index)));
        }
        for (split, _) in name.match_indices("__") {
            let (first, last) = (&name[..split], &name[split + 2..]);
            let Some((reference, _, field)) = data_type.fields.get_full(first) else { continue };
            let FieldKind::Reference(to) = &field.kind else { continue };
            // That the type is unknown is reported where it is named.
            let Some(target) = self.registry.index(&to.target) else { return Ok(Variable::Global) };
            let target = &self.registry.all()[target];
            return match target.fields.get_full(last) {
                Some((field, _, kind)) if !matches!(kind.kind, FieldKind::Children(_)) => {
                    Ok(Variable::Field(NeedFrom::Across { reference, field }))
                }
                _ => Err(target.unknown_field(last, &place_of(place, name))),
            };
        }
        if self.environment.globals().any(|(global, _)| global == name) {
            return Ok(Variable::Global);
        }
        let globals = FUNCTIONS.into_iter().chain(["epoch"]);
        let near = closest(name, data_type.fields.keys().map(String::as_str).chain(globals));
        let help = near.map_or_else(
            || "templates know the fields of the record, `FIELD__NAME` of a referenced one, and `epoch`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(problem(format!("`{name}` is not a field of `{}`", data_type.name))
            .at(&place_of(place, name), "nothing of this name is known here")
            .help(help))
    }
}

/// Returns the indexes of the fields of the natural key.
fn key(data_type: &DataType, problems: &mut Problems) -> Vec<usize> {
    let mut key = Vec::new();
    for (name, place) in &data_type.key {
        let Some((index, _, field)) = data_type.fields.get_full(name) else {
            problems.push(data_type.unknown_field(name, place));
            continue;
        };
        let reason = match field.kind {
            FieldKind::Children(_) => "it is a list of records",
            _ if field.column.is_none() => "it is not stored",
            _ => {
                key.push(index);
                continue;
            }
        };
        problems.push(
            Problem::error("dataset::key-field", format!("`{name}` cannot be part of the key: {reason}"))
                .at(place, "part of the key")
                .at(&field.place, "this field"),
        );
    }
    key
}

/// Points at a name in a template, as well as that can be told.
fn place_of(place: &Place, name: &str) -> Place {
    let text = place.text();
    match text.find(name) {
        Some(start) => place.within(text, start..start + name.len()),
        None => place.clone(),
    }
}

/// Two fields in one column would overwrite each other.
fn check_columns(data_type: &DataType, problems: &mut Problems) {
    let mut fields: Vec<(&str, &Place)> = Vec::new();
    for field in data_type.fields.values() {
        let Some(column) = &field.column else { continue };
        if let Some((_, other)) = fields.iter().find(|(known, _)| known == column) {
            problems.push(
                Problem::error("dataset::column-twice", format!("two fields are stored in the column `{column}`"))
                    .at(&field.place, "the second one")
                    .at(other, "the first one")
                    .help("`column: null` keeps a field out of the table"),
            );
        }
        fields.push((column, &field.place));
    }
}
