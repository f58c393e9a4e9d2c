#!/bin/sh
# Makes a checkout buildable: names what is missing before anything is built, and brings the one tool
# a Debian 12 machine cannot give (cmake >= 3.26, which HDF5 needs) by pip into a git-ignored folder.
# Prints nothing but problems and what it installs. `--env` prints shell lines to evaluate.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
tools=${SKYFRINGE_TOOLS:-$root/.tools}
min=3.26

fail() { printf 'setup: %s\n' "$1" >&2; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }
# is version $1 at least $2?
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
version_of() { "$1" --version 2>/dev/null | sed -n '1s/.*version \([0-9][0-9.]*\).*/\1/p'; }

have cargo || fail "cargo is missing: install Rust 1.95 or newer (https://rustup.rs)"
rust=$(rustc --version | sed 's/rustc \([0-9.]*\).*/\1/')
at_least "$rust" 1.95 || fail "found rustc $rust, expected 1.95 or newer: run 'rustup update'"
have cc || fail "no C compiler (cc): on Debian 'apt-get install gcc'"
have c++ || fail "no C++ compiler (c++): on Debian 'apt-get install g++'"
have make || fail "make is missing: on Debian 'apt-get install make'"

cmake=${CMAKE:-}
if [ -z "$cmake" ] && have cmake && at_least "$(version_of cmake)" "$min"; then
    cmake=cmake
fi
if [ -n "$cmake" ]; then
    at_least "$(version_of "$cmake")" "$min" || fail "CMAKE=$cmake has version $(version_of "$cmake"), expected $min or newer"
else
    cmake=$tools/cmake/data/bin/cmake
    if [ ! -x "$cmake" ]; then
        have python3 || fail "cmake >= $min and python3 (to fetch it) are missing: on Debian 'apt-get install python3 python3-pip'"
        python3 -m pip --version >/dev/null 2>&1 ||
            fail "cmake >= $min and pip (to fetch it) are missing: on Debian 'apt-get install python3-pip'"
        printf 'setup: cmake >= %s not found; fetching it with pip into %s\n' "$min" "$tools" >&2
        mkdir -p "$tools"
        python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
            --upgrade --target "$tools" "cmake>=$min,<5" || fail "pip could not install cmake into $tools"
        [ -x "$cmake" ] || fail "pip's cmake is not at $cmake: install cmake >= $min yourself and set CMAKE"
    fi
    # so that plain `cargo build` works after this, too
    mkdir -p "$root/.cargo"
    printf '# written by scripts/setup.sh; git-ignored\n[env]\nCMAKE = "%s"\n' "$cmake" >"$root/.cargo/config.toml"
fi
if [ "${1:-}" = --env ]; then
    printf 'CMAKE=%s; export CMAKE\n' "'$cmake'"
fi
