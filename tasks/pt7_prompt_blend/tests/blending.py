"""What a blend of prompts must give, in float64 NumPy.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from reference_lm import Array, Model, log_softmax


@dataclass(frozen=True)
class Blend:
    """The right result, how far the most likely token leads at least, and the log weights before each step."""

    tokens: list[int]
    log_probs: Array
    margin: float
    log_weights: Array
    branches: Array
    """Log-probabilities [steps, branches, vocabulary] of the single branches."""


def blend(
    model: Model,
    prompts: list[list[int]],
    weights: list[float],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    stop: int | None = None,
    adaptive: bool = False,
) -> Blend:
    with np.errstate(divide="ignore"):
        log_weights = _normalise(np.log(np.array(weights, dtype=np.float64)))
    tokens: list[int] = []
    rows: list[Array] = []
    all_branches: list[Array] = []
    all_weights: list[Array] = []
    margin = np.inf
    for _ in range(max_new_tokens):
        branches = np.stack([log_softmax(model.logits(prompt + tokens)[-1] / temperature) for prompt in prompts])
        row = np.logaddexp.reduce(log_weights[:, None] + branches, axis=0)
        best, second = np.sort(row)[:-3:-1]
        margin = min(margin, float(best - second))
        tokens.append(int(row.argmax()))
        rows.append(row)
        all_branches.append(branches)
        all_weights.append(log_weights)
        if tokens[-1] == stop:
            break
        if adaptive:
            log_weights = _normalise(log_weights + branches[:, tokens[-1]])
    log_probs = np.stack(rows) if rows else np.zeros((0, model.config.vocabulary))
    return Blend(tokens, log_probs, margin, np.array(all_weights), np.array(all_branches))


def _normalise(log_weights: Array) -> Array:
    normalised: Array = log_weights - np.logaddexp.reduce(log_weights)
    return normalised
