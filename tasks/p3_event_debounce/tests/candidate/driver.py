"""Plays scripts of calls on the workspace's Debouncer; knows nothing of the right answers.

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


def describe(method: str, result: object) -> object:
    """The result in JSON, with exact types: a subclass could pretend to be equal to anything."""
    if method in ("cancel", "next_due"):
        return result if result is None or type(result) is int else {"found": f"a {type(result).__name__}"}
    if type(result) is not list:
        return {"found": f"a {type(result).__name__}"}
    for emission in result:
        if type(emission) is not tuple or [type(part) for part in emission] != [int, str, list]:
            return {"found": "an emission that is no tuple of an int, a str and a list"}
    return result


def play(make: Callable[..., Any], script: dict[str, Any]) -> list[object]:
    """The result of each step; a script ends with the constructor that raises."""
    answers: list[object] = []
    debouncers: list[Any] = []
    for wait, options in script["debouncers"]:
        try:
            debouncers.append(make(wait, **options))
        except Exception as error:
            return [describe_error(error)]
    for which, method, *arguments in script["steps"]:
        try:
            answers.append(describe(method, getattr(debouncers[which], method)(*arguments)))
        except Exception as error:
            answers.append(describe_error(error))
    return answers


def describe_error(error: Exception) -> dict[str, Any]:
    return {"raised": [f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__]}


def answer(request: list[dict[str, Any]], load: Callable[[str], ModuleType]) -> list[list[object]]:
    module = load("event_debounce")
    return [play(module.Debouncer, script) for script in request]


serve(answer)
