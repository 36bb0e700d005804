"""What a session must lead to, computed on the whole batch at once in float64.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sessions import Array, Call, Session

# As the instruction gives them. In float64 sums of a few hundred terms err by about 1e-14, and by 1e-8 if a factor
# went through float32. In float32 it is 1e-6 and after a few steps a few times that; adding 1e-6 to a norm that
# is limited moves parameters by at most 1e-5. The wrong solutions differ by more than 1e-3.
TOLERANCE = 1e-6
COARSE_TOLERANCE = 2e-5


def tolerance_of(session: Session) -> float:
    """The error that is allowed, relative to the larger of 1 and the value."""
    is_limited = any(call.max_norm is not None for call in session.calls)
    return COARSE_TOLERANCE if is_limited or session.dtype == "float32" else TOLERANCE


@dataclass(frozen=True)
class Expected:
    """After one call. Loss and norm are NaN if only a missing step is asked for."""

    loss: float
    norm: float
    has_step: bool
    parameters: dict[str, Array]


def expected_session(session: Session) -> list[Expected]:
    """What each call must lead to, one after the other."""
    parameters = {name: value.astype(np.float64) for name, value in session.parameters.items()}
    momentum: dict[str, Array] = {}
    results: list[Expected] = []
    for call in session.calls:
        if not call.counts.any():
            results.append(Expected(0.0, 0.0, False, parameters))
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            loss, gradients = differentiate(parameters, call)
            norm = math.sqrt(sum(float(np.sum(gradient**2)) for gradient in gradients.values()))
        if math.isfinite(norm):
            factor = 1.0 if call.max_norm is None else min(1.0, call.max_norm / norm)
            step = {name: factor * gradient for name, gradient in gradients.items()}
            parameters = descend(parameters, step, momentum, session.optimizer)
        results.append(Expected(loss, norm, math.isfinite(norm), parameters))
    return results


def differentiate(parameters: dict[str, Array], call: Call) -> tuple[float, dict[str, Array]]:
    """The loss of the whole batch and its gradients, of the driver's model."""
    counts = call.counts
    tokens, targets = call.inputs[counts], call.targets[counts]
    first = np.tanh(parameters["embedding"][tokens] + parameters["shift"])
    second = np.tanh(first @ parameters["inner"])
    logits = second @ parameters["outer"] + parameters["bias"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(targets))
    loss = -float(np.mean(log_probabilities[rows, targets]))

    by_logits = np.exp(log_probabilities)
    by_logits[rows, targets] -= 1.0
    by_logits /= len(targets)
    by_second = (by_logits @ parameters["outer"].T) * (1.0 - second**2)
    by_first = (by_second @ parameters["inner"].T) * (1.0 - first**2)
    by_embedding = np.zeros_like(parameters["embedding"])
    np.add.at(by_embedding, tokens, by_first)
    return loss, {
        "embedding": by_embedding,
        "inner": first.T @ by_second,
        "outer": second.T @ by_logits,
        "bias": by_logits.sum(axis=0),
    }


def descend(
    parameters: dict[str, Array], gradients: dict[str, Array], momentum: dict[str, Array], optimizer: dict[str, float]
) -> dict[str, Array]:
    """A step of stochastic gradient descent as PyTorch defines it; `momentum` is brought up to date."""
    result = dict(parameters)
    for name, gradient in gradients.items():
        step = gradient + optimizer.get("weight_decay", 0.0) * parameters[name]
        if "momentum" in optimizer:
            step = optimizer["momentum"] * momentum[name] + step if name in momentum else step
            momentum[name] = step
        result[name] = parameters[name] - optimizer["lr"] * step
    return result
