#!/usr/bin/env bash
# Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
# {{canary}}
set -euo pipefail

workspace="${HARNESS_SWEEP_WORKSPACE:-/app}"
cp "$(dirname "$0")/{{solution}}" "$workspace/{{file}}"
