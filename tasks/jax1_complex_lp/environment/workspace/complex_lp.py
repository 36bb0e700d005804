"""Link prediction with ComplEx embeddings."""

import jax
import numpy as np

# "entities": (entities, 2, dimension) and "relations": (relations, 2, dimension), both float32.
# Index 0 of the middle axis holds real parts, index 1 imaginary parts.
Parameters = dict[str, jax.Array]


def score(parameters: Parameters, heads: jax.Array, relations: jax.Array, tails: jax.Array) -> jax.Array:
    raise NotImplementedError


def score_tails(parameters: Parameters, heads: jax.Array, relations: jax.Array) -> jax.Array:
    raise NotImplementedError


def score_heads(parameters: Parameters, relations: jax.Array, tails: jax.Array) -> jax.Array:
    raise NotImplementedError


def loss(parameters: Parameters, triples: jax.Array, regularization: float) -> jax.Array:
    raise NotImplementedError


def train(
    triples: np.ndarray,
    entity_count: int,
    relation_count: int,
    *,
    dimension: int,
    steps: int,
    learning_rate: float,
    regularization: float,
    seed: int,
) -> Parameters:
    raise NotImplementedError


def filtered_ranks(parameters: Parameters, triples: np.ndarray, known: np.ndarray) -> np.ndarray:
    raise NotImplementedError


def filtered_mrr(parameters: Parameters, triples: np.ndarray, known: np.ndarray) -> float:
    raise NotImplementedError
