"""Builds a small model, calls train_step as asked and records what happened.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arrays import decode_array, encode_array
from driving import serve


class TokenModel(torch.nn.Module):
    """tanh(embedding + shift) @ inner, tanh, @ outer + bias; `shift` is frozen, `unused` takes no part."""

    def __init__(self, parameters: dict[str, torch.Tensor], events: list[list[Any]]) -> None:
        super().__init__()
        for name, value in parameters.items():
            self.register_parameter(name, torch.nn.Parameter(value, requires_grad=name != "shift"))
        self.events = events

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        number = len(self.events)
        self.events.append(["forward", tokens.tolist(), self.training])
        first = torch.tanh(self.embedding[tokens] + self.shift)
        second = torch.tanh(first @ self.inner)
        if second.requires_grad:
            second.register_hook(lambda gradient: self.events.append(["backward", number]))
        return second @ self.outer + self.bias


class RecordingOptimizer(torch.optim.SGD):
    events: list[list[Any]]

    def step(self, closure: Any = None) -> Any:
        self.events.append(["step"])
        return super().step(closure)


def run_session(session: dict[str, Any], train_step: Callable[..., object]) -> list[dict[str, Any]]:
    events: list[list[Any]] = []
    model = TokenModel({n: torch.from_numpy(decode_array(value)) for n, value in session["parameters"].items()}, events)
    model.train(session["training"])
    optimizer = RecordingOptimizer([p for p in model.parameters() if p.requires_grad], **session["optimizer"])
    optimizer.events = events
    for name, value in session["stale"].items():
        getattr(model, name).grad = torch.from_numpy(decode_array(value))
    answers = []
    for call in session["calls"]:
        events.clear()
        answers.append(run_call(call, model, optimizer, train_step, events))
    return answers


def run_call(
    call: dict[str, Any],
    model: TokenModel,
    optimizer: torch.optim.Optimizer,
    train_step: Callable[..., object],
    events: list[list[Any]],
) -> dict[str, Any]:
    inputs = torch.from_numpy(decode_array(call["inputs"]))
    targets = torch.from_numpy(decode_array(call["targets"]))
    try:
        result = train_step(model, optimizer, inputs, targets, **call["options"])
    except Exception as error:
        classes = [kind.__name__ for kind in type(error).__mro__]
        outcome: dict[str, Any] = {"kind": "raised", "classes": classes, "text": str(error)[:200]}
    else:
        if type(result) is tuple and [type(part) for part in result] == [float, float]:
            outcome = {"kind": "result", "loss": result[0], "norm": result[1]}
        else:
            outcome = {"kind": "other", "found": f"{type(result).__name__} {result!r}"[:200]}
    return {
        **outcome,
        "events": list(events),
        "parameters": {name: encode_array(p.detach().numpy()) for name, p in model.named_parameters()},
        "training": model.training,
        "inputs": encode_array(inputs.numpy()),
        "targets": encode_array(targets.numpy()),
    }


def answer(request: dict[str, Any], load: Callable[[str], ModuleType]) -> list[list[dict[str, Any]]]:
    train_step = load("grad_accum").train_step
    return [run_session(session, train_step) for session in request["calls"]]


torch.set_num_threads(1)
serve(answer)
