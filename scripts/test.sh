#!/bin/sh
# What CI runs: one build profile (release) for all of it, features named, never --all-features.
set -eu
cd "$(dirname "$0")/.."
features="static-libs"
cargo fmt --check
cargo clippy --release --all-targets --no-default-features --features "$features" -- -D warnings
cargo test --release --no-default-features --features "$features"
scripts/examples.sh "${CARGO_TARGET_DIR:-target}/release/skyfringe"
