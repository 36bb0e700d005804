"""Link prediction with ComplEx embeddings, in complex64 and with a compiled step that Python repeats.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def _as_complex(parameters):
    return tuple(jax.lax.complex(parameters[name][:, 0], parameters[name][:, 1]) for name in ("entities", "relations"))


def score(parameters, heads, relations, tails):
    entities, kinds = _as_complex(parameters)
    return jnp.real(jnp.sum(entities[heads] * kinds[relations] * jnp.conj(entities[tails]), axis=-1))


def score_tails(parameters, heads, relations):
    entities, kinds = _as_complex(parameters)
    return jnp.real((entities[heads] * kinds[relations]) @ jnp.conj(entities).T)


def score_heads(parameters, relations, tails):
    entities, kinds = _as_complex(parameters)
    return jnp.real((kinds[relations] * jnp.conj(entities[tails])) @ entities.T)


def _cross_entropy(scores, wanted):
    own = jnp.take_along_axis(scores, wanted[:, None], axis=1)[:, 0]
    return jax.scipy.special.logsumexp(scores, axis=1) - own


def loss(parameters, triples, regularization):
    heads, relations, tails = triples.T
    fit = _cross_entropy(score_tails(parameters, heads, relations), tails)
    fit = fit + _cross_entropy(score_heads(parameters, relations, tails), heads)
    squares = {name: jnp.sum(jnp.square(value), axis=1) for name, value in parameters.items()}
    # The square root of a number that is never 0, so that its derivative is finite.
    cubes = {
        name: jnp.where(value > 0, value * jnp.sqrt(jnp.where(value > 0, value, 1.0)), 0.0).sum(axis=1)
        for name, value in squares.items()
    }
    penalty = cubes["entities"][heads] + cubes["relations"][relations] + cubes["entities"][tails]
    return (fit / 2).mean() + regularization * penalty.mean()


@jax.jit
def _step(parameters, first, second, number, triples, learning_rate, regularization):
    gradient = jax.grad(loss)(parameters, triples, regularization)
    for name in parameters:
        first = {**first, name: first[name] + 0.1 * (gradient[name] - first[name])}
        second = {**second, name: second[name] + 0.001 * (gradient[name] ** 2 - second[name])}
    rate = learning_rate / (1 - 0.9**number)
    moved = {
        name: parameters[name] - rate * first[name] / (jnp.sqrt(second[name] / (1 - 0.999**number)) + 1e-8)
        for name in parameters
    }
    return moved, first, second


def train(triples, entity_count, relation_count, *, dimension, steps, learning_rate, regularization, seed):
    random = np.random.default_rng([seed, entity_count, relation_count, dimension])
    parameters = {
        name: jnp.asarray(random.normal(0, 0.1, (count, 2, dimension)), dtype=jnp.float32)
        for name, count in (("entities", entity_count), ("relations", relation_count))
    }
    first = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    second = first
    step = partial(_step, triples=jnp.asarray(triples), learning_rate=learning_rate, regularization=regularization)
    for number in range(1, steps + 1):
        parameters, first, second = step(parameters, first, second, float(number))
    return parameters


def filtered_ranks(parameters, triples, known):
    triples = np.asarray(triples, dtype=np.int64).reshape(-1, 3)
    known = {tuple(triple) for triple in np.asarray(known).reshape(-1, 3).tolist()}
    entity_count = parameters["entities"].shape[0]
    by_relation = {}
    for head, relation, tail in known:
        by_relation.setdefault(("t", head, relation), set()).add(tail)
        by_relation.setdefault(("h", relation, tail), set()).add(head)
    rows = []
    if len(triples):
        heads, relations, tails = (jnp.asarray(column) for column in triples.T)
        by_tail, by_head = score_tails(parameters, heads, relations), score_heads(parameters, relations, tails)
        tables = (np.asarray(by_tail), np.asarray(by_head))
    for row, (head, relation, tail) in enumerate(triples.tolist()):
        ranks = []
        keys = (("t", head, relation), ("h", relation, tail))
        for table, wanted, key in zip(tables, (tail, head), keys, strict=True):
            own = table[row, wanted]
            hidden = by_relation.get(key, set()) - {wanted}
            kept = np.delete(table[row], list(hidden)) if hidden else table[row]
            assert len(kept) == entity_count - len(hidden)
            ranks.append(((kept > own).sum() + (kept >= own).sum() + 1) / 2)
        rows.append(ranks)
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def filtered_mrr(parameters, triples, known):
    ranks = filtered_ranks(parameters, triples, known)
    return sum((1 / ranks.ravel()).tolist()) / ranks.size if ranks.size else 0.0
