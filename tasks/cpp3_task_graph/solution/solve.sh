#!/usr/bin/env bash
# Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
# harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
set -euo pipefail

cp "$(dirname "$0")/task_graph.hpp" "${HARNESS_SWEEP_WORKSPACE:-/app}/task_graph.hpp"
