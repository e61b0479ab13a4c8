//! `seedbed schema`

use super::Outcome;

pub fn run() -> Outcome {
    let schema = manifest::schema();
    Outcome { text: format!("{schema:#}\n"), json: schema }
}
