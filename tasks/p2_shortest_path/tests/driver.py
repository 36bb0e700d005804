"""Calls the workspace's shortest_path with the graphs it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any


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


def answer(shortest_path: Callable[..., object], call: dict[str, Any]) -> dict[str, Any]:
    graph = call["graph"]
    try:
        description = describe(shortest_path(graph, call["source"], call["target"]))
    except Exception as error:
        description = {"kind": "raised", "classes": [c.__name__ for c in type(error).__mro__]}
    if call["wants_graph"]:
        description["graph"] = graph
    return description


def main() -> None:
    request = json.load(sys.stdin)
    sys.path.insert(0, request["workspace"])
    from shortest_path import shortest_path  # type: ignore[import-not-found]

    answers = [answer(shortest_path, call) for call in request["calls"]]
    with os.fdopen(int(os.environ["ANSWER_PIPE"]), "w") as pipe:
        json.dump({"nonce": request["nonce"], "answers": answers}, pipe)


main()
