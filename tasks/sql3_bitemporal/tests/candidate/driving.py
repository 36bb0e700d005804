"""How a driver written in Python meets the code under test: read the request, call, answer.

Every task with such a driver holds an identical copy. What runs here shares its process with code that
may be hostile, so nothing here knows a right answer.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def serve(answer: Callable[[Any, Callable[[str], ModuleType]], object]) -> None:
    """Answers the one request with what `answer` makes of it and ends the process.

    `answer` gets the request and a function that imports a module of the workspace. Of two modules with
    one name the installed one is taken, since the workspace comes last on the path.
    """
    message = json.load(sys.stdin)
    pipe = os.fdopen(int(os.environ["ANSWER_PIPE"]), "w")

    def load(name: str) -> ModuleType:
        if message["workspace"] not in sys.path:
            sys.path.append(message["workspace"])
        return importlib.import_module(name)

    json.dump({"nonce": message["nonce"], "answer": answer(message["request"], load)}, pipe)
    pipe.close()
    # Nothing that the code under test registered for the end shall run.
    os._exit(0)
