#!/bin/sh
# Runs the examples small and checks their products with independent programs where those are installed.
set -eu
cd "$(dirname "$0")/.."
skyfringe=$1
data=${SKYFRINGE_TEST_DATA:-../shared/data}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

small="--set image.size=64 --set image.cell=16asec --set telescope.name=ska-mid-aa1"
$skyfringe run examples/quickstart.toml --out "$out/quickstart" $small --set sky.channels=16
if [ -d "$data" ]; then
    $skyfringe run examples/tng.toml --out "$out/tng" $small --set sky.snapshot="$data/tng50-4-subbox0"
    $skyfringe run examples/eor-low.toml --out "$out/eor" --set sky.fits="$data/eor/eor21cm_mK_96x96x64_z8.fits" \
        --set telescope.name=ska-low-aa1 --set observation.steps=2
elif [ "${SKYFRINGE_REQUIRE_DATA:-0}" = 1 ]; then
    echo "examples: no reference data in $data" >&2
    exit 1
else
    echo "SKIPPED examples/tng.toml, examples/eor-low.toml: no reference data in $data" >&2
fi
for file in "$out"/*/*.fits; do
    if command -v fitsverify >/dev/null 2>&1; then fitsverify -q "$file"; else echo "SKIPPED fitsverify $(basename "$file"): not installed" >&2; fi
done
echo "examples: passed"
