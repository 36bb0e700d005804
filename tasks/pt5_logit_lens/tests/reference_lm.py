"""The model of tiny_lm.py in float64 NumPy, with weights made here, and its levels.

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

    vocabulary: int = 29
    context: int = 12
    width: int = 16
    heads: int = 2
    layers: int = 4
    dropout: float = 0.0
    soft_cap: float | None = None


@dataclass(frozen=True)
class Levels:
    """The right values, and how far most likely tokens and targets are at least from the next other logit."""

    log_probs: Array
    target_rank: Array
    kl: Array
    settled: Array
    best: Array
    best_margin: float
    rank_margin: float


def make_weights(randomness: np.random.Generator, config: Config, spread: float) -> dict[str, Array]:
    """Parameters in float32 by their names; `spread` is the standard deviation of the logits, roughly."""
    width = config.width
    shapes: dict[str, tuple[tuple[int, ...], float]] = {
        "embed.weight": ((config.vocabulary, width), 0.15),
        "position.weight": ((config.context, width), 0.4),
        "unembed.weight": ((config.vocabulary, width), spread / width**0.5),
        "unembed.bias": ((config.vocabulary,), 0.3),
    }
    norms = ["norm"]
    for number in range(config.layers):
        block = f"blocks.{number}"
        norms += [f"{block}.attention_norm", f"{block}.mlp_norm"]
        for name, (outputs, inputs) in {
            "query": (width, width),
            "key": (width, width),
            "value": (width, width),
            "out": (width, width),
            "up": (2 * width, width),
            "down": (width, 2 * width),
        }.items():
            shapes[f"{block}.{name}.weight"] = ((outputs, inputs), 1.2 / inputs**0.5)
            shapes[f"{block}.{name}.bias"] = ((outputs,), 0.2)
    weights = {name: randomness.standard_normal(shape) * scale for name, (shape, scale) in shapes.items()}
    for norm in norms:
        weights[f"{norm}.weight"] = 1 + 0.4 * randomness.standard_normal(width)
        weights[f"{norm}.bias"] = 0.3 * randomness.standard_normal(width)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def run(config: Config, weights: dict[str, Array], tokens: Array, targets: Array) -> Levels:
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    logits = np.stack([_head(config, exact, hidden) for hidden in _hidden_states(config, exact, tokens)])
    log_probs = log_softmax(logits)
    own = np.take_along_axis(logits, np.broadcast_to(targets, logits.shape[:-1])[..., None], -1)
    differences = np.abs(logits - own)
    ordered = np.sort(logits, axis=-1)
    best = logits.argmax(-1)
    levels = len(logits)
    settled = np.full(tokens.shape, levels - 1)
    for level in range(levels - 1, -1, -1):
        settled = np.where((settled == level + 1) & (best[level] == best[-1]), level, settled)
    return Levels(
        log_probs=log_probs,
        target_rank=(logits > own).sum(-1),
        kl=(np.exp(log_probs[-1]) * (log_probs[-1] - log_probs)).sum(-1),
        settled=settled,
        best=best,
        best_margin=float((ordered[..., -1] - ordered[..., -2]).min()),
        rank_margin=float(differences[differences > 0].min()),
    )


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _hidden_states(config: Config, weights: dict[str, Array], tokens: Array) -> list[Array]:
    hidden = weights["embed.weight"][tokens] * config.width**0.5 + weights["position.weight"][: tokens.shape[1]]
    states = [hidden]
    for number in range(config.layers):
        own = {name.split(".", 2)[2]: w for name, w in weights.items() if name.startswith(f"blocks.{number}.")}
        hidden = hidden + _attend(config, own, _normalise(own, "attention_norm", hidden))
        up = _linear(own, "up", _normalise(own, "mlp_norm", hidden))
        hidden = hidden + _linear(own, "down", up / (1 + np.exp(-up)))
        states.append(hidden)
    return states


def _attend(config: Config, weights: dict[str, Array], normed: Array) -> Array:
    batch, length, width = normed.shape
    query, key, value = (
        _linear(weights, name, normed).reshape(batch, length, config.heads, -1).transpose(0, 2, 1, 3)
        for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 1, 3, 2) / (width // config.heads) ** 0.5
    scores = np.where(np.triu(np.ones((length, length), dtype=bool), 1), -np.inf, scores)
    mixed = np.exp(log_softmax(scores)) @ value
    return _linear(weights, "out", mixed.transpose(0, 2, 1, 3).reshape(batch, length, width))


def _head(config: Config, weights: dict[str, Array], hidden: Array) -> Array:
    logits = _linear(weights, "unembed", _normalise(weights, "norm", hidden))
    return logits if config.soft_cap is None else config.soft_cap * np.tanh(logits / config.soft_cap)


def _linear(weights: dict[str, Array], name: str, values: Array) -> Array:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _normalise(weights: dict[str, Array], name: str, values: Array) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
