//! What a shell offers of dev data: scenarios, specs, services and data types.

use std::ffi::OsStr;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};

use crate::completion::of;

/// Scenarios of the workspace, and files.
pub fn specs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let scenarios = of(|context, target| environment::spec_names(context, target).scenarios).candidates();
        let begins = |candidate: &CompletionCandidate| {
            candidate.get_value().as_encoded_bytes().starts_with(typed.as_encoded_bytes())
        };
        let scenarios = scenarios.into_iter().filter(begins);
        scenarios.chain(PathCompleter::any().complete(typed)).collect()
    })
}

/// The scenarios of the spec that the words before name.
pub fn scenarios() -> ArgValueCandidates {
    of(|context, target| {
        let words = std::env::args().skip_while(|word| word != "--").skip(2).filter(|word| !word.starts_with('-'));
        words.flat_map(|word| environment::scenarios_of(context, target, &word)).collect()
    })
}

/// The services of the environment.
pub fn services() -> ArgValueCandidates {
    of(|context, target| environment::spec_names(context, target).services)
}

/// The data types that are declared.
pub fn data_types() -> ArgValueCandidates {
    of(|context, target| environment::spec_names(context, target).data_types)
}
