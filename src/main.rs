//! The `skyfringe` program.

fn main() {
    std::process::exit(skyfringe::cli::main())
}
