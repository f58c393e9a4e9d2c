#!/bin/sh
# A data set on a SLURM cluster: plan, then an array of TASKS builds, then the merge.
#   TASKS=64 examples/slurm/submit.sh big.toml /scratch/me/pairs [sbatch options such as --account=NAME]
# Run it again after failures: what is there is kept.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: [TASKS=n] $0 CONFIG.toml DIR [sbatch options]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
CONFIG=$(realpath "$1")
OUT=$(realpath -m "$2")
export CONFIG OUT
shift 2
tasks=${TASKS:-16}
mkdir -p "$OUT"

plan=$(sbatch --parsable "$@" "$here/plan.sbatch")
plan=${plan%%;*}
build=$(sbatch --parsable --dependency="afterok:$plan" --kill-on-invalid-dep=yes --array="0-$((tasks - 1))" "$@" "$here/build.sbatch")
build=${build%%;*}
# afterany: the merge names the shards that are missing where a task failed
merge=$(sbatch --parsable --dependency="afterany:$build" --kill-on-invalid-dep=yes "$@" "$here/merge.sbatch")
echo "plan $plan, build $build (tasks 0 to $((tasks - 1))), merge ${merge%%;*}"
