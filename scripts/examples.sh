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
few="--set dataset.galaxies=4 --set dataset.shard_samples=8 --set image.size=64 --set image.cell=16asec --set observation.steps=20"
$skyfringe dataset build examples/dataset-small.toml --out "$out/pairs" $few --set dataset.instruments.meerkat='["telescope.name=meerkat"]' \
    --set dataset.split='{ train = 0.5, validation = 0.25, test = 0.25, strata = 1 }'
$skyfringe dataset verify "$out/pairs"
$skyfringe dataset export "$out/pairs" --format fits --split test --out "$out/pairs-fits"
if [ -d "$data" ]; then
    $skyfringe dataset build examples/dataset-tng.toml --out "$out/pairs-tng" --set sky.snapshot="$data/tng50-4-subbox0" \
        --set image.size=64 --set image.cell=20asec --set sky.channels=8 --set sky.channel_width="240 kHz" --set telescope.name=meerkat
    $skyfringe run examples/tng.toml --out "$out/tng" $small --set sky.snapshot="$data/tng50-4-subbox0"
    $skyfringe run examples/eor-low.toml --out "$out/eor" --set sky.fits="$data/eor/eor21cm_mK_96x96x64_z8.fits" \
        --set telescope.name=ska-low-aa1 --set observation.steps=2
elif [ "${SKYFRINGE_REQUIRE_DATA:-0}" = 1 ]; then
    echo "examples: no reference data in $data" >&2
    exit 1
else
    echo "SKIPPED examples/tng.toml, examples/eor-low.toml: no reference data in $data" >&2
fi
for file in "$out"/*/*.fits "$out"/pairs-fits/*/*.fits; do
    if command -v fitsverify >/dev/null 2>&1; then fitsverify -q "$file"; else echo "SKIPPED fitsverify $(basename "$file"): not installed" >&2; fi
done
echo "examples: passed"
