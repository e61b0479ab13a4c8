//! One case: data types and specs as texts, and what comes of them.

use dataset::{LoadPlan, Options, Registry, SpecKind, SpecSet, kind_of_spec, order};
use source::{Node, Problems, SourceFile, Tree, parse};

/// Texts, before they are read.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Service and file.
    pub types: Vec<(String, SourceFile)>,
    /// Service and file.
    pub specs: Vec<(String, SourceFile)>,
    /// A top spec, which says which of the specs are loaded, by their file names.
    pub top: Option<SourceFile>,
    pub options: Options,
}

impl Case {
    /// Reads everything and makes the plan.
    pub fn plan(&self) -> Result<LoadPlan, Problems> {
        self.plan_with(|tree| tree)
    }

    /// The same with everything written the other way round: files, lists and records.
    pub fn plan_reversed(&self) -> Result<LoadPlan, Problems> {
        let mut reversed = self.clone();
        reversed.types.reverse();
        reversed.specs.reverse();
        reversed.plan_with(reverse)
    }

    fn plan_with(&self, change: impl Fn(Tree) -> Tree) -> Result<LoadPlan, Problems> {
        let mut problems = Problems::new();
        let mut read = |file: &SourceFile| parse(file).map_err(|problem| problems.push(problem)).ok();
        let types: Vec<_> = self.types.iter().filter_map(|(name, file)| Some((name, read(file)?))).collect();
        let specs: Vec<_> =
            self.specs.iter().filter_map(|(name, file)| Some((name.clone(), file.name(), read(file)?))).collect();
        let top = self.top.as_ref().and_then(&mut read);

        let mut registry = Registry::new();
        for (service, tree) in &types {
            registry.add(service, "main", tree, &mut problems);
        }
        registry.check(&mut problems);
        let mut wanted = Vec::new();
        match top.and_then(|top| kind_of_spec(&top, &mut problems)) {
            None => wanted.extend(specs.iter().map(|(service, _, tree)| (service.clone(), tree))),
            Some(SpecKind::Service) => panic!("the top spec of a case is a list"),
            Some(SpecKind::Top(entries)) => {
                for entry in entries {
                    assert!(self.specs.iter().any(|(_, file)| file.name() == entry.path), "no file {}", entry.path);
                    // One that could not be parsed is a problem already.
                    if let Some((.., tree)) = specs.iter().find(|(_, file, _)| *file == entry.path) {
                        wanted.push((entry.service, tree));
                    }
                }
            }
        }
        let mut set = SpecSet::new();
        for (service, tree) in wanted {
            set.add(&registry, &service, None, &change(tree.clone()), &mut problems);
        }
        if problems.has_errors() {
            return Err(problems);
        }
        let mut plan = order(&registry, set, &self.options)?;
        plan.warnings.extend(problems);
        Ok(plan)
    }
}

/// Turns the lists of a spec and the records in them round; not what is inside a record, which may be a value.
fn reverse(mut tree: Tree) -> Tree {
    if let Node::Map(lists) = &mut tree.node {
        lists.reverse();
        for list in lists {
            if let Node::List(records) = &mut list.value.node {
                records.reverse();
                for record in records {
                    if let Node::Map(fields) = &mut record.node {
                        fields.reverse();
                    }
                }
            }
        }
    }
    tree
}
