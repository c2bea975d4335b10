#!/usr/bin/env sh
# ci.sh BACKEND [PROFILE [SEED]]: keep the folder .torchstone-examples from one run to the next.
set -eu
export HYPOTHESIS_STORAGE_DIRECTORY="${HYPOTHESIS_STORAGE_DIRECTORY:-.torchstone-examples}"
exec torchstone run --backend "$1" --profile "${2:-quick}" --seed "${3:-0}"
