"""Calls the functions of the workspace's kv_layout with what it is sent; knows nothing of the right answers.

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


def perform_call(module: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    tensors = {name: make_tensor(value) for name, value in call["tensors"].items()}
    arguments: list[Any]
    if call["function"] == "to_paged":
        layers = [(make_tensor(key), make_tensor(value)) for key, value in call["layers"]]
        arguments = [layers, tensors["lengths"], call["block_size"]]
        after: list[object] = [*(list(pair) for pair in layers), tensors["lengths"]]
    else:
        arguments = list(tensors.values())
        after = list(tensors.values())
    answer = perform(lambda: {"result": describe(getattr(module, call["function"])(*arguments))})
    if call["function"] == "append_token" or call.get("wants_arguments"):
        answer["after"] = describe(after)
    return answer


def answer(request: Any, load: Callable[[str], ModuleType]) -> object:
    torch.set_num_threads(1)
    module = load("kv_layout")
    return [perform_call(module, call) for call in request["calls"]]


serve(answer)
