//! The `skyfringe` program.
fn main() {}
