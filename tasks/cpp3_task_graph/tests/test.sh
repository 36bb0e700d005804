#!/usr/bin/env bash
# Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
# harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
set -euo pipefail

export HARNESS_SWEEP_WORKSPACE="${HARNESS_SWEEP_WORKSPACE:-/app}"
export HARNESS_SWEEP_TESTS="${HARNESS_SWEEP_TESTS:-/tests}"
export HARNESS_SWEEP_LOGS="${HARNESS_SWEEP_LOGS:-/logs/verifier}"

mkdir -p "$HARNESS_SWEEP_LOGS"
rm -f "$HARNESS_SWEEP_LOGS/reward.txt" "$HARNESS_SWEEP_LOGS/reward.json" "$HARNESS_SWEEP_LOGS/checks.jsonl"

if ! python3 -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "this machine cannot grade the task: python3 on PATH is not Python 3.11 or newer" >&2
  exit 69
fi

# -I and -S keep the caller's environment, folders and site packages out of the judge.
exec python3 -I -S -B "$HARNESS_SWEEP_TESTS/check.py"
