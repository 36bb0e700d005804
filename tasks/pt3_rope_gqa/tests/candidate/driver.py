"""Calls the workspace's attend with what it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent))
import torch  # noqa: E402
from driving import serve  # noqa: E402
from tensors import describe, make_tensor, perform  # noqa: E402

NAMES = ("x", "wq", "wk", "wv", "wo")


def perform_steps(module: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    """Calls `attend` once for each step, which names the one that it continues, if any."""
    weights = [make_tensor(call["weights"][name]) for name in NAMES[1:]]
    caches: list[object] = []
    results: list[dict[str, Any]] = []
    arguments: list[object] = []
    for step in call["steps"]:
        x, positions = make_tensor(step["x"]), make_tensor(step["positions"])
        options = dict(call["options"])
        if step["is_real"] is not None:
            options["is_real"] = make_tensor(step["is_real"])
        if step["past"] is not None:
            options["past"] = caches[step["past"]]
        result = module.attend(x, *weights, positions=positions, **options)
        is_pair = type(result) is tuple and len(result) == 2
        results.append(describe(result[0]) if is_pair else {"kind": "other", "found": "no tuple of two"})
        caches.append(result[1] if is_pair else None)
        arguments += [x, positions, *([options["is_real"]] if "is_real" in options else [])]
    return {"result": {"kind": "list", "items": results}, "after": describe([*weights, *arguments])}


def perform_backward(module: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    """Gradients of the sum of `out * cotangent`."""
    step = call["steps"][0]
    leaves = [make_tensor(step["x"]), *(make_tensor(call["weights"][name]) for name in NAMES[1:])]
    for leaf in leaves:
        leaf.requires_grad_()
    options = dict(call["options"])
    if step["is_real"] is not None:
        options["is_real"] = make_tensor(step["is_real"])
    out, _ = module.attend(*leaves, positions=make_tensor(step["positions"]), **options)
    (out * make_tensor(call["cotangent"])).sum().backward()
    return {"result": describe({name: leaf.grad for name, leaf in zip(NAMES, leaves, strict=True)})}


def answer(request: Any, load: Callable[[str], ModuleType]) -> object:
    torch.set_num_threads(1)
    module = load("rope_gqa")

    def answer_call(call: dict[str, Any]) -> dict[str, Any]:
        action = perform_backward if "cotangent" in call else perform_steps
        return perform(lambda: action(module, call))

    return [answer_call(call) for call in request["calls"]]


serve(answer)
