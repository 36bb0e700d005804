"""Calls the workspace's shortest_path with the graphs it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driving import serve


def describe(result: object) -> dict[str, Any]:
    """The result in JSON, with exact types: a subclass could pretend to be equal to anything."""
    if result is None:
        return {"kind": "none"}
    if type(result) is not tuple or len(result) != 2:
        return {"kind": "other", "found": f"a {type(result).__name__}"}
    cost, path = result
    if type(cost) not in (int, float):
        return {"kind": "other", "found": f"a tuple whose cost is a {type(cost).__name__}"}
    if type(path) is not list or any(type(node) is not str for node in path):
        return {"kind": "other", "found": "a tuple whose path is not a list of str"}
    return {"kind": "path", "cost": cost, "path": path}


def call_once(shortest_path: Callable[..., object], call: dict[str, Any]) -> dict[str, Any]:
    graph = call["graph"]
    try:
        description = describe(shortest_path(graph, call["source"], call["target"]))
    except Exception as error:
        classes = [f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__]
        description = {"kind": "raised", "classes": classes}
    if call["wants_graph"]:
        description["graph"] = graph
    return description


def answer(request: list[dict[str, Any]], load: Callable[[str], ModuleType]) -> dict[str, Any]:
    before = sorted(os.listdir())
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        module = load("shortest_path")
    created = sorted(set(os.listdir()) - set(before))
    answers = [call_once(module.shortest_path, call) for call in request]
    return {"answers": answers, "printed": printed.getvalue()[:200], "created": created[:10]}


serve(answer)
