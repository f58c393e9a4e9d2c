//! Benchmarks of the chain.
fn main() {}
