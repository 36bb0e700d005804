"""Parameters, triples and small knowledge graphs to call with.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import numpy as np
from expected import Array, Parameters


def make_parameters(seed: int, entities: int, relations: int, dimension: int, scale: float = 1.0) -> Parameters:
    """Random numbers."""
    random = np.random.default_rng(seed)
    return {
        "entities": (scale * random.normal(0.0, 1.0, (entities, 2, dimension))).astype(np.float32),
        "relations": (scale * random.normal(0.0, 1.0, (relations, 2, dimension))).astype(np.float32),
    }


def make_whole_parameters(seed: int, entities: int, relations: int, dimension: int, largest: int = 3) -> Parameters:
    """Random integers from -largest to largest, so that scores are exact and many of them equal."""
    random = np.random.default_rng(seed)
    return {
        "entities": random.integers(-largest, largest + 1, (entities, 2, dimension)).astype(np.float32),
        "relations": random.integers(-largest, largest + 1, (relations, 2, dimension)).astype(np.float32),
    }


def make_triples(seed: int, count: int, entities: int, relations: int) -> Array:
    """Random triples (count, 3), some of which may be equal."""
    random = np.random.default_rng(seed)
    columns = [random.integers(0, limit, count) for limit in (entities, relations, entities)]
    return np.stack(columns, axis=1).astype(np.int64)


def make_ring_graph(seed: int, entities: int) -> tuple[Array, Array]:
    """Triples to train on and triples to predict.

    Relation 0 leads around a ring, relation 1 back, relation 2 joins pairs both ways. Every second step back is
    held out; it follows from the step forth. A model whose scores do not change when head and tail are exchanged cannot
    tell forth from back.
    """
    random = np.random.default_rng(seed)
    ring, pairs = random.permutation(entities), random.permutation(entities)
    forth = [(ring[place], 0, ring[(place + 1) % entities]) for place in range(entities)]
    back = [(tail, 1, head) for head, _, tail in forth]
    joined = [(pairs[place], 2, pairs[place ^ 1]) for place in range(entities)]
    known = np.array([*forth, *back[::2], *joined], dtype=np.int64)
    return known, np.array(back[1::2], dtype=np.int64)
