//! Development commands of the repository.
fn main() {}
