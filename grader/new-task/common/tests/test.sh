#!/usr/bin/env bash
# Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
# {{canary}}
set -euo pipefail

export HARNESS_SWEEP_WORKSPACE="${HARNESS_SWEEP_WORKSPACE:-/app}"
export HARNESS_SWEEP_TESTS="${HARNESS_SWEEP_TESTS:-/tests}"
export HARNESS_SWEEP_LOGS="${HARNESS_SWEEP_LOGS:-/logs/verifier}"

mkdir -p "$HARNESS_SWEEP_LOGS"
rm -f "$HARNESS_SWEEP_LOGS/reward.txt" "$HARNESS_SWEEP_LOGS/reward.json" "$HARNESS_SWEEP_LOGS/checks.jsonl"

if ! python3 {{pythonFlags}} -c 'import sys{{pythonImports}}; sys.exit(sys.version_info < (3, 11){{pythonProbe}})'; then
  echo "this machine cannot grade the task: python3 on PATH is not {{pythonWanted}}" >&2
  exit 69
fi

exec python3 {{pythonFlags}} -B "$HARNESS_SWEEP_TESTS/check.py"
