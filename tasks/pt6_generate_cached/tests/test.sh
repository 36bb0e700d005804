#!/usr/bin/env bash
# Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
# harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
set -euo pipefail

export HARNESS_SWEEP_WORKSPACE="${HARNESS_SWEEP_WORKSPACE:-/app}"
export HARNESS_SWEEP_TESTS="${HARNESS_SWEEP_TESTS:-/tests}"
export HARNESS_SWEEP_LOGS="${HARNESS_SWEEP_LOGS:-/logs/verifier}"

mkdir -p "$HARNESS_SWEEP_LOGS"
rm -f "$HARNESS_SWEEP_LOGS/reward.txt" "$HARNESS_SWEEP_LOGS/reward.json" "$HARNESS_SWEEP_LOGS/checks.jsonl"

if ! python3 -I -c 'import sys, importlib.util as u; sys.exit(sys.version_info < (3, 11) or not all(map(u.find_spec, ("numpy", "torch"))))'; then
  echo "this machine cannot grade the task: python3 on PATH is not Python 3.11 or newer with NumPy and PyTorch" >&2
  exit 69
fi

# -I keeps the caller's environment and folders out of the judge, which needs NumPy.
exec python3 -I -B "$HARNESS_SWEEP_TESTS/check.py"
