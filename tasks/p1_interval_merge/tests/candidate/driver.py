"""Calls the workspace's functions with the intervals it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driving import serve


def with_tuples(intervals: list[object]) -> list[object]:
    return [tuple(interval) if type(interval) is list else interval for interval in intervals]


SHAPES: dict[str, Callable[[list[object]], object]] = {
    "tuples": with_tuples,
    "lists": lambda intervals: intervals,
    "tuple of tuples": lambda intervals: tuple(with_tuples(intervals)),
    "generator": lambda intervals: (interval for interval in with_tuples(intervals)),
}


def describe(result: object) -> dict[str, Any]:
    """The result in JSON, with exact types: a subclass could pretend to be equal to anything."""
    if type(result) is not list:
        return {"kind": "other", "found": f"a {type(result).__name__}"}
    for item in result:
        if type(item) is not tuple or len(item) != 2:
            return {"kind": "other", "found": f"a list with a {type(item).__name__} that is no tuple of two"}
        if any(type(end) is not int for end in item):
            return {"kind": "other", "found": "a list with a tuple whose members are not both int"}
    return {"kind": "intervals", "intervals": result}


def call_once(module: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    shape = SHAPES[call["shape"]]
    arguments = [shape(argument) if type(argument) is list else argument for argument in call["arguments"]]
    try:
        result = getattr(module, call["function"])(*arguments)
        description = {**describe(result), "is_argument": any(result is argument for argument in arguments)}
    except Exception as error:
        classes = [f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__]
        description = {"kind": "raised", "classes": classes}
    if call["wants_arguments"]:
        description["arguments"] = arguments
    return description


def answer(request: list[dict[str, Any]], load: Callable[[str], ModuleType]) -> list[dict[str, Any]]:
    module = load("interval_merge")
    return [call_once(module, call) for call in request]


serve(answer)
