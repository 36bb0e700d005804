"""The model of tiny_lm.py in float64 NumPy, with weights made here.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Config:
    """As in tiny_lm.py."""

    vocabulary: int
    context: int
    width: int
    heads: int
    layers: int
    window: int | None = None


@dataclass(frozen=True)
class Model:
    """`weights` are in float32, by their names in PyTorch."""

    config: Config
    weights: dict[str, Array]

    def logits(self, tokens: list[int]) -> Array:
        """Logits [length, vocabulary] after each of the tokens."""
        exact = {name: value.astype(np.float64) for name, value in self.weights.items()}
        hidden = exact["embed.weight"][tokens] + exact["position.weight"][: len(tokens)]
        for number in range(self.config.layers):
            start = f"blocks.{number}."
            own = {name.removeprefix(start): value for name, value in exact.items() if name.startswith(start)}
            hidden = hidden + _attend(self.config, own, _normalise(own, "attention_norm", hidden))
            up = _linear(own, "up", _normalise(own, "mlp_norm", hidden))
            hidden = hidden + _linear(own, "down", up / (1 + np.exp(-up)))
        return _linear(exact, "unembed", _normalise(exact, "norm", hidden))


def make_model(randomness: np.random.Generator, config: Config, spread: float) -> Model:
    """Random weights; `spread` is the standard deviation of the logits, roughly."""
    width = config.width
    shapes: dict[str, tuple[tuple[int, ...], float]] = {
        "embed.weight": ((config.vocabulary, width), 1.2),
        "position.weight": ((config.context, width), 0.5),
        "unembed.weight": ((config.vocabulary, width), spread / width**0.5),
        "unembed.bias": ((config.vocabulary,), 0.3),
    }
    norms = ["norm"]
    for number in range(config.layers):
        block = f"blocks.{number}"
        norms += [f"{block}.attention_norm", f"{block}.mlp_norm"]
        for name, (outputs, inputs) in {
            "attention.query": (width, width),
            "attention.key_value": (2 * width, width),
            "attention.out": (width, width),
            "up": (2 * width, width),
            "down": (width, 2 * width),
        }.items():
            shapes[f"{block}.{name}.weight"] = ((outputs, inputs), 1.3 / inputs**0.5)
            shapes[f"{block}.{name}.bias"] = ((outputs,), 0.2)
    weights = {name: randomness.standard_normal(shape) * scale for name, (shape, scale) in shapes.items()}
    for norm in norms:
        weights[f"{norm}.weight"] = 1 + 0.4 * randomness.standard_normal(width)
        weights[f"{norm}.bias"] = 0.3 * randomness.standard_normal(width)
    return Model(config, {name: value.astype(np.float32) for name, value in weights.items()})


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _attend(config: Config, weights: dict[str, Array], normed: Array) -> Array:
    length, width = normed.shape
    key, value = np.split(_linear(weights, "attention.key_value", normed), 2, axis=-1)
    query, key, value = (
        array.reshape(length, config.heads, -1).transpose(1, 0, 2)
        for array in (_linear(weights, "attention.query", normed), key, value)
    )
    scores = query @ key.transpose(0, 2, 1) / (width // config.heads) ** 0.5
    distance = np.arange(length)[:, None] - np.arange(length)
    is_hidden = (distance < 0) | (distance >= (config.window or length))
    mixed = np.exp(log_softmax(np.where(is_hidden, -np.inf, scores))) @ value
    return _linear(weights, "attention.out", mixed.transpose(1, 0, 2).reshape(length, width))


def _linear(weights: dict[str, Array], name: str, values: Array) -> Array:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _normalise(weights: dict[str, Array], name: str, values: Array) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
