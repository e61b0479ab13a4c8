//! `seedbed schema`

use super::Outcome;

pub fn run() -> Outcome {
    let schema = manifest::schema();
    Outcome::of(format!("{schema:#}\n"), schema)
}
