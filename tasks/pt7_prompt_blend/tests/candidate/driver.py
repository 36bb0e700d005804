"""Calls the workspace's generate_blended with models of the weights it is sent; knows nothing of the right answers.

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
from tiny_lm import Config, TinyLm  # noqa: E402


def make_model(description: dict[str, Any]) -> TinyLm:
    model = TinyLm(Config(**description["config"]))
    model.load_state_dict({name: make_tensor(value) for name, value in description["weights"].items()})
    return model


def perform_call(module: ModuleType, model: TinyLm, call: dict[str, Any]) -> dict[str, Any]:
    arguments = call["prompts"], call["weights"], call["max_new_tokens"]
    answer = perform(lambda: {"result": describe(module.generate_blended(model, *arguments, **call["options"]))})
    answer["after"] = describe([call["prompts"], call["weights"]])
    if call["wants_model"]:
        answer["model"] = describe({name: parameter.detach() for name, parameter in model.named_parameters()})
    return answer


def answer(request: Any, load: Callable[[str], ModuleType]) -> object:
    torch.set_num_threads(1)
    module = load("prompt_blend")
    models = {name: make_model(description) for name, description in request["models"].items()}
    return [perform_call(module, models[call["model"]], call) for call in request["calls"]]


serve(answer)
