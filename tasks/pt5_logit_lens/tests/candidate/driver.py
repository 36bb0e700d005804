"""Calls the workspace's logit_lens with models of the weights it is sent; knows nothing of the right answers.

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

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def make_model(call: dict[str, Any]) -> TinyLm:
    model = TinyLm(Config(**call["config"]))
    model.load_state_dict({name: make_tensor(value) for name, value in call["weights"].items()})
    for name, module in model.named_modules():
        module.training = name in call["training"]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in call["frozen"])
    return model


def describe_model(model: TinyLm) -> dict[str, Any]:
    return {
        "parameters": describe({name: parameter.detach() for name, parameter in model.named_parameters()}),
        "training": [name for name, module in model.named_modules() if module.training],
        "frozen": [name for name, parameter in model.named_parameters() if not parameter.requires_grad],
        "with_gradient": [name for name, parameter in model.named_parameters() if parameter.grad is not None],
        "hooks": sum(len(getattr(module, kind)) for module in model.modules() for kind in HOOKS),
        "gradient_mode": torch.is_grad_enabled(),
    }


def perform_call(module: ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    model = make_model(call)
    tokens, targets = make_tensor(call["tokens"]), make_tensor(call["targets"])
    torch.set_grad_enabled(call["gradient_mode"])
    answer = perform(lambda: {"result": describe(module.logit_lens(model, tokens, targets))})
    if call["wants_model"]:
        answer["model"] = describe_model(model)
    torch.set_grad_enabled(True)
    return answer


def answer(request: Any, load: Callable[[str], ModuleType]) -> object:
    torch.set_num_threads(1)
    # So that dropout, where it is applied by mistake, is the same in every grade.
    torch.manual_seed(1)
    module = load("logit_lens")
    return [perform_call(module, call) for call in request["calls"]]


serve(answer)
