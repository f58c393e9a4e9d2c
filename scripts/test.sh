#!/bin/sh
# What CI runs: one build profile (release) for all of it, features named, never --all-features.
set -eu
cd "$(dirname "$0")/.."
# CI adds the GPU backend (.ci/run)
features=${SKYFRINGE_FEATURES:-static-libs,learn}
# HDF5 locks what it opens. A program that one test starts while another test of the same process has a file open inherits
# the lock, and the file cannot be opened again: tests lock nothing.
export HDF5_USE_FILE_LOCKING=FALSE
cargo fmt --check
cargo clippy --release --all-targets --no-default-features --features "$features" -- -D warnings
cargo test --release --no-default-features --features "$features"
scripts/examples.sh "${CARGO_TARGET_DIR:-target}/release/skyfringe"
