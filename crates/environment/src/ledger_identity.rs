//! What the ledger calls a load: by which spec it is known again, and the digests of what made it what it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf, absolute};

use dataset::LoadPlan;

use crate::ledger::{LoadIdentity, LoadMode};
use crate::specs::OwnSpec;

/// The spec of what the manifests declare.
pub(crate) const DECLARED: &str = "seedbed.yaml";

/// The spec of `--fill` without a spec.
pub(crate) const FILL: &str = "--fill";

/// What a spec is called: its path below the root workspace, or else its whole path.
pub(crate) fn spec_name(root: &Path, path: &Path) -> String {
    let whole = |path: &Path| -> PathBuf {
        fs::canonicalize(path).or_else(|_| absolute(path)).unwrap_or_else(|_| path.to_owned())
    };
    let path = whole(path);
    path.strip_prefix(whole(root)).unwrap_or(&path).display().to_string()
}

/// The identity of a load of records.
pub(crate) fn of_records(spec: String, service: String, mode: LoadMode, plan: &LoadPlan) -> LoadIdentity {
    let (mut rows, mut types) = (blake3::Hasher::new(), BTreeMap::new());
    for batch in &plan.batches {
        rows.update(format!("{}.{} {:?}\n", batch.service, batch.data_type, batch.columns).as_bytes());
        for row in &batch.rows {
            rows.update(format!("{} {:?}\n", row.name, row.cells).as_bytes());
        }
        let name = (batch.service.clone(), batch.data_type.clone());
        types.insert((name, batch.columns.clone()), (batch.table.clone(), batch.key_columns.clone()));
    }
    LoadIdentity {
        spec,
        service,
        mode,
        digest: rows.finalize().to_hex().to_string(),
        types: blake3::hash(format!("{types:?}").as_bytes()).to_hex().to_string(),
        generator: factory::GENERATOR,
        // Records depend on none.
        seed: 0,
        parameters: BTreeMap::new(),
    }
}

/// The identity of a load of generated rows; `types` are the data types that are declared.
pub(crate) fn of_generation(own: &OwnSpec, mode: LoadMode, types: &dataset::Registry) -> LoadIdentity {
    let types = types.types().map(|declared| {
        let field =
            |(name, field): (&String, &dataset::Field)| format!("{name} {:?} {:?}", field.column, field.default);
        let fields: Vec<String> = declared.fields.iter().map(field).collect();
        let traits: Vec<String> = declared.traits.iter().map(|(name, of)| format!("{name} {:?}", of.fields)).collect();
        format!("{} {:?} {:?} {fields:?} {traits:?}", declared.name, declared.table(), declared.key)
    });
    LoadIdentity {
        spec: own.name.clone(),
        service: own.service.clone(),
        mode,
        digest: blake3::hash(own.spec.words().as_bytes()).to_hex().to_string(),
        types: blake3::hash(types.collect::<Vec<_>>().join("\n").as_bytes()).to_hex().to_string(),
        generator: factory::GENERATOR,
        seed: own.spec.seed,
        parameters: own.chosen.clone(),
    }
}
