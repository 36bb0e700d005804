"""Calls the workspace's total; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driving import serve


def answer(request: dict[str, list[list[int]]], load: Callable[[str], ModuleType]) -> dict[str, list[object]]:
    total = load("total").total
    return {
        name: [total(jax.numpy.array(numbers, dtype=jax.numpy.int32)).item() for numbers in lists]
        for name, lists in request.items()
    }


serve(answer)
