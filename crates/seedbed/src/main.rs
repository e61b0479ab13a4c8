//! The `seedbed` program.
fn main() {}
