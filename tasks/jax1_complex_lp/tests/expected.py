"""ComplEx in NumPy and float64: what scores, losses, gradients and ranks must be.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Parameters = dict[str, Array]

# As the instruction gives it. Scores are sums of at most 32 products of three numbers, for which float32 errs by about
# 1e-6 of the largest. A wrong sign, factor or conjugate differs by more than 1e-2.
TOLERANCE = 1e-4


def as_complex(embeddings: Array) -> Array:
    """(n, dimension) complex128 from (n, 2, dimension)."""
    wide = embeddings.astype(np.float64)
    return wide[:, 0] + 1j * wide[:, 1]


def tail_scores(parameters: Parameters, heads: Array, relations: Array) -> Array:
    """(n, entities)"""
    entities, kinds = as_complex(parameters["entities"]), as_complex(parameters["relations"])
    return np.real((entities[heads] * kinds[relations]) @ np.conj(entities).T)


def head_scores(parameters: Parameters, relations: Array, tails: Array) -> Array:
    """(n, entities)"""
    entities, kinds = as_complex(parameters["entities"]), as_complex(parameters["relations"])
    return np.real((kinds[relations] * np.conj(entities[tails])) @ entities.T)


def loss(parameters: Parameters, triples: Array, regularization: float) -> float:
    """The loss of the instruction."""
    heads, relations, tails = triples.T
    by_tail = _cross_entropy(tail_scores(parameters, heads, relations), tails)
    by_head = _cross_entropy(head_scores(parameters, relations, tails), heads)
    entities = np.sum(np.abs(as_complex(parameters["entities"])) ** 3, axis=1)
    kinds = np.sum(np.abs(as_complex(parameters["relations"])) ** 3, axis=1)
    cubes = entities[heads] + kinds[relations] + entities[tails]
    return float(np.mean((by_tail + by_head) / 2 + regularization * cubes))


def loss_gradient(parameters: Parameters, triples: Array, regularization: float) -> Parameters:
    """By central differences, which err by about 1e-9 here."""
    step = 1e-5
    wide = {name: value.astype(np.float64) for name, value in parameters.items()}
    gradient = {name: np.zeros_like(value) for name, value in wide.items()}
    for name, value in wide.items():
        for place in np.ndindex(value.shape):
            middle = value[place]
            value[place] = middle + step
            above = loss(wide, triples, regularization)
            value[place] = middle - step
            below = loss(wide, triples, regularization)
            value[place] = middle
            gradient[name][place] = (above - below) / (2 * step)
    return gradient


def ranks(parameters: Parameters, triples: Array, known: Array) -> Array:
    """Filtered ranks (n, 2) with ties shared; scores must be exact, as those of small integers are."""
    heads, relations, tails = triples.T
    by_tail = tail_scores(parameters, heads, relations)
    by_head = head_scores(parameters, relations, tails)
    result = np.zeros((len(triples), 2))
    for row, (head, relation, tail) in enumerate(triples):
        is_known_tail = known[(known[:, 0] == head) & (known[:, 1] == relation), 2]
        is_known_head = known[(known[:, 1] == relation) & (known[:, 2] == tail), 0]
        result[row] = _rank(by_tail[row], tail, is_known_tail), _rank(by_head[row], head, is_known_head)
    return result


def mrr(found: Array) -> float:
    """The mean reciprocal of ranks; 0 without any."""
    return float(np.mean(1.0 / found)) if len(found) else 0.0


def _rank(scores: Array, wanted: int, known: Array) -> float:
    competing = np.delete(scores, np.union1d(known, [wanted]).astype(int))
    own = scores[wanted]
    return 1.0 + float(np.sum(competing > own)) + float(np.sum(competing == own)) / 2


def _cross_entropy(scores: Array, classes: Array) -> Array:
    highest = scores.max(axis=1)
    logarithms = np.log(np.sum(np.exp(scores - highest[:, None]), axis=1)) + highest
    return logarithms - scores[np.arange(len(scores)), classes]
