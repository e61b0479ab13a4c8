//! Every file of `tests/sessions`, each a test of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::session::check;

macro_rules! sessions {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

sessions! {
    bad_data
    bad_manifests
    bases
    budget
    changes
    checks
    commands
    configuration
    copies
    data_branches
    data_snapshots
    data_lineage
    data_sharing
    data_workspaces
    db
    dependencies
    doctor
    done
    failing_loads
    failing_migrations
    failing_steps
    init
    json
    lazy
    lineage
    lineage_of_databases
    life
    loading
    local
    logs
    make
    names
    ports
    procfile
    profiles
    providers
    remotes
    resources
    resets
    services
    snapshots
    states
    times
    undo
    verify
    watch
}

#[test]
fn no_session_is_forgotten() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeSet<String> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(there, NAMES.iter().map(|name| (*name).to_owned()).collect());
}
