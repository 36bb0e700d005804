"""Link prediction with ComplEx embeddings.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import jax
import jax.numpy as jnp
import numpy as np

Parameters = dict[str, jax.Array]


def _multiply(left: jax.Array, right: jax.Array, *, conjugates_right: bool = False) -> jax.Array:
    """Complex product of arrays (..., 2, dimension)."""
    sign = -1.0 if conjugates_right else 1.0
    real = left[..., 0, :] * right[..., 0, :] - sign * left[..., 1, :] * right[..., 1, :]
    imaginary = sign * left[..., 0, :] * right[..., 1, :] + left[..., 1, :] * right[..., 0, :]
    return jnp.stack([real, imaginary], axis=-2)


def score(parameters: Parameters, heads: jax.Array, relations: jax.Array, tails: jax.Array) -> jax.Array:
    """Re <head, relation, conj(tail)> for each triple."""
    query = _multiply(parameters["entities"][heads], parameters["relations"][relations])
    return jnp.sum(query * parameters["entities"][tails], axis=(-2, -1))


def score_tails(parameters: Parameters, heads: jax.Array, relations: jax.Array) -> jax.Array:
    """Scores of every entity as tail."""
    query = _multiply(parameters["entities"][heads], parameters["relations"][relations])
    return jnp.einsum("ncd,ecd->ne", query, parameters["entities"], precision="highest")


def score_heads(parameters: Parameters, relations: jax.Array, tails: jax.Array) -> jax.Array:
    """Scores of every entity as head: Re(h r conj(t)) = Re(h conj(t conj(r)))."""
    query = _multiply(parameters["entities"][tails], parameters["relations"][relations], conjugates_right=True)
    return jnp.einsum("ncd,ecd->ne", query, parameters["entities"], precision="highest")


def loss(parameters: Parameters, triples: jax.Array, regularization: float) -> jax.Array:
    """Cross-entropy in both directions and the cubed moduli of what takes part."""
    heads, relations, tails = triples[:, 0], triples[:, 1], triples[:, 2]
    rows = jnp.arange(triples.shape[0])
    by_tail = jax.nn.log_softmax(score_tails(parameters, heads, relations))[rows, tails]
    by_head = jax.nn.log_softmax(score_heads(parameters, relations, tails))[rows, heads]
    entities, kinds = parameters["entities"], parameters["relations"]
    cubes = sum(_cubed_moduli(part) for part in (entities[heads], kinds[relations], entities[tails]))
    return jnp.mean(-(by_tail + by_head) / 2 + regularization * cubes)


def _cubed_moduli(embeddings: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sqrt(jnp.sum(embeddings**2, axis=-2)) ** 3, axis=-1)


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
    """Adam on all triples at once."""
    entity_key, relation_key = jax.random.split(jax.random.key(seed))
    parameters = {
        "entities": 0.1 * jax.random.normal(entity_key, (entity_count, 2, dimension), jnp.float32),
        "relations": 0.1 * jax.random.normal(relation_key, (relation_count, 2, dimension), jnp.float32),
    }
    return _descend(parameters, jnp.asarray(triples, jnp.int32), steps, learning_rate, regularization)


@jax.jit
def _descend(
    parameters: Parameters, triples: jax.Array, steps: int, learning_rate: float, regularization: float
) -> Parameters:
    def step(number, state):
        parameters, first, second = state
        gradient = jax.grad(loss)(parameters, triples, regularization)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        time = number + 1.0

        def move(p, m, v):
            return p - learning_rate * (m / (1 - 0.9**time)) / (jnp.sqrt(v / (1 - 0.999**time)) + 1e-8)

        return jax.tree.map(move, parameters, first, second), first, second

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return jax.lax.fori_loop(0, steps, step, (parameters, zeros, zeros))[0]


def filtered_ranks(parameters: Parameters, triples: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Ranks among the entities that make no other known triple; ties share their mean rank."""
    triples, known = np.asarray(triples).reshape(-1, 3), np.asarray(known).reshape(-1, 3)
    ranks = np.zeros((len(triples), 2))
    if len(triples) == 0:
        return ranks
    heads, relations, tails = triples.T
    by_tail = np.asarray(score_tails(parameters, jnp.asarray(heads), jnp.asarray(relations)))
    by_head = np.asarray(score_heads(parameters, jnp.asarray(relations), jnp.asarray(tails)))
    known_tails: dict[tuple[int, int], list[int]] = {}
    known_heads: dict[tuple[int, int], list[int]] = {}
    for head, relation, tail in known.tolist():
        known_tails.setdefault((head, relation), []).append(tail)
        known_heads.setdefault((relation, tail), []).append(head)
    for row, (head, relation, tail) in enumerate(triples.tolist()):
        ranks[row, 0] = _rank(by_tail[row], tail, known_tails.get((head, relation), []))
        ranks[row, 1] = _rank(by_head[row], head, known_heads.get((relation, tail), []))
    return ranks


def _rank(scores: np.ndarray, wanted: int, known: list[int]) -> float:
    others = np.ones(len(scores), dtype=bool)
    others[known] = False
    others[wanted] = False
    competing = scores[others]
    return 1 + np.sum(competing > scores[wanted]) + np.sum(competing == scores[wanted]) / 2


def filtered_mrr(parameters: Parameters, triples: np.ndarray, known: np.ndarray) -> float:
    """The mean of 1 / rank over both directions of all triples; 0 without triples."""
    ranks = filtered_ranks(parameters, triples, known)
    return float(np.mean(1.0 / ranks)) if len(ranks) else 0.0
