"""The models that are trained and the calls that are made with them.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from arrays import encode_array

Array = np.ndarray[Any, Any]

CLASSES = 11
WIDTH = 5


@dataclass(frozen=True)
class Call:
    """One call of train_step with its keyword arguments."""

    inputs: Array
    targets: Array
    micro_batch_size: int
    max_norm: float | None = None
    ignore_index: int | None = None

    def as_request(self) -> dict[str, Any]:
        options: dict[str, Any] = {"micro_batch_size": self.micro_batch_size}
        if self.max_norm is not None:
            options["max_norm"] = self.max_norm
        if self.ignore_index is not None:
            options["ignore_index"] = self.ignore_index
        return {"inputs": encode_array(self.inputs), "targets": encode_array(self.targets), "options": options}

    @property
    def counts(self) -> Array:
        """Which targets count."""
        return self.targets != (-100 if self.ignore_index is None else self.ignore_index)


@dataclass(frozen=True)
class Session:
    """A model, an SGD optimizer and calls one after the other."""

    parameters: dict[str, Array]
    calls: list[Call]
    optimizer: dict[str, float] = field(default_factory=lambda: {"lr": 1.0})
    is_training: bool = True
    stale: dict[str, Array] = field(default_factory=dict)

    @property
    def dtype(self) -> str:
        return str(self.parameters["inner"].dtype)

    def as_request(self) -> dict[str, Any]:
        return {
            "parameters": {name: encode_array(value) for name, value in self.parameters.items()},
            "stale": {name: encode_array(value) for name, value in self.stale.items()},
            "calls": [call.as_request() for call in self.calls],
            "optimizer": self.optimizer,
            "training": self.is_training,
        }


def make_parameters(seed: int, dtype: str = "float64", scale: float = 1.0) -> dict[str, Array]:
    """Random parameters of the driver's model."""
    random = np.random.default_rng(seed)
    shapes = {
        "embedding": (CLASSES, WIDTH),
        "shift": (WIDTH,),
        "unused": (3,),
        "inner": (WIDTH, WIDTH),
        "outer": (WIDTH, CLASSES),
        "bias": (CLASSES,),
    }
    return {name: (scale * random.normal(0.0, 1.0, shape)).astype(dtype) for name, shape in shapes.items()}


def make_call(
    seed: int, valid: list[int], length: int, micro_batch_size: int, *, ignore_index: int | None = None, **options: Any
) -> Call:
    """A row for each number in `valid`, which says how many of its targets count."""
    random = np.random.default_rng(seed)
    ignored = -100 if ignore_index is None else ignore_index
    classes = [number for number in range(CLASSES) if number != ignored]
    inputs = random.integers(0, CLASSES, (len(valid), length))
    targets = np.full((len(valid), length), ignored, dtype=np.int64)
    for row, count in zip(targets, valid, strict=True):
        row[random.permutation(length)[:count]] = random.choice(classes, count)
    return Call(inputs, targets, micro_batch_size, ignore_index=ignore_index, **options)
