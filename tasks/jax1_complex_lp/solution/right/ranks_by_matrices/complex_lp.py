"""Link prediction with ComplEx embeddings: real matrices, a scan over steps, and ranks from boolean matrices in JAX.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import jax
import jax.numpy as jnp
import numpy as np


def _parts(array):
    return array[:, 0, :], array[:, 1, :]


def _score_parts(h, r, t):
    (hr, hi), (rr, ri), (tr, ti) = h, r, t
    return hr * rr * tr + hi * rr * ti + hr * ri * ti - hi * ri * tr


def score(parameters, heads, relations, tails):
    entities, kinds = parameters["entities"], parameters["relations"]
    return _score_parts(_parts(entities[heads]), _parts(kinds[relations]), _parts(entities[tails])).sum(-1)


def score_tails(parameters, heads, relations):
    entities = parameters["entities"]
    hr, hi = _parts(entities[heads])
    rr, ri = _parts(parameters["relations"][relations])
    er, ei = _parts(entities)
    return (hr * rr - hi * ri) @ er.T + (hi * rr + hr * ri) @ ei.T


def score_heads(parameters, relations, tails):
    entities = parameters["entities"]
    tr, ti = _parts(entities[tails])
    rr, ri = _parts(parameters["relations"][relations])
    er, ei = _parts(entities)
    return (rr * tr + ri * ti) @ er.T + (rr * ti - ri * tr) @ ei.T


def loss(parameters, triples, regularization):
    heads, relations, tails = triples[:, 0], triples[:, 1], triples[:, 2]
    entities, kinds = parameters["entities"], parameters["relations"]
    classes = jnp.arange(entities.shape[0])
    tail_hot = (tails[:, None] == classes).astype(jnp.float32)
    head_hot = (heads[:, None] == classes).astype(jnp.float32)
    t = -jnp.sum(tail_hot * jax.nn.log_softmax(score_tails(parameters, heads, relations), axis=-1), -1)
    h = -jnp.sum(head_hot * jax.nn.log_softmax(score_heads(parameters, relations, tails), axis=-1), -1)
    n = 0.0
    for embedding in (entities[heads], kinds[relations], entities[tails]):
        square = jnp.sum(embedding * embedding, axis=1)
        n = n + jnp.sum(jnp.power(square, 1.5), axis=1)
    return jnp.mean((t + h) / 2 + regularization * n)


def train(triples, entity_count, relation_count, *, dimension, steps, learning_rate, regularization, seed):
    key = jax.random.PRNGKey(seed)
    values = jax.random.normal(key, (entity_count + relation_count, 2, dimension)) * 0.1
    parameters = {"entities": values[:entity_count], "relations": values[entity_count:]}
    if steps == 0:
        return parameters
    triples = jnp.asarray(triples)
    # Powers of the decay rates, in float64, before anything is compiled.
    numbers = np.arange(1, steps + 1)
    corrections = jnp.asarray(np.stack([1 - 0.9**numbers, 1 - 0.999**numbers], axis=1), jnp.float32)

    def step(state, correction):
        parameters, moments = state
        gradient = jax.grad(loss)(parameters, triples, regularization)
        moments = {
            name: (0.9 * moments[name][0] + 0.1 * slope, 0.999 * moments[name][1] + 0.001 * slope**2)
            for name, slope in gradient.items()
        }
        parameters = {
            name: parameters[name]
            - learning_rate * (m / correction[0]) / (jnp.sqrt(v / correction[1]) + 1e-8)
            for name, (m, v) in moments.items()
        }
        return (parameters, moments), None

    start = (parameters, {name: (jnp.zeros_like(p), jnp.zeros_like(p)) for name, p in parameters.items()})
    (parameters, _), _ = jax.jit(lambda state: jax.lax.scan(step, state, corrections))(start)
    return parameters


def filtered_ranks(parameters, triples, known):
    if len(triples) == 0:
        return jnp.zeros((0, 2))
    triples, known = np.asarray(triples), np.asarray(known)
    heads, relations, tails = triples.T
    columns = []
    for table, fixed, other in (
        (score_tails(parameters, heads, relations), (0, 1), 2),
        (score_heads(parameters, relations, tails), (1, 2), 0),
    ):
        rows = np.arange(len(triples))
        out = np.zeros(table.shape, dtype=bool)
        order = np.lexsort((known[:, fixed[1]], known[:, fixed[0]]))
        span = int(max(triples.max(), known.max() if len(known) else 0)) + 1
        keys = known[order][:, fixed[0]] * span + known[order][:, fixed[1]]
        wanted = triples[:, fixed[0]] * span + triples[:, fixed[1]]
        first, last = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
        for row in rows:
            out[row, known[order[first[row] : last[row]], other]] = True
        out[rows, triples[:, other]] = True
        own = table[rows, triples[:, other]][:, None]
        competing = jnp.asarray(~out)
        higher = jnp.sum(competing & (table > own), axis=1)
        equal = jnp.sum(competing & (table == own), axis=1)
        columns.append(1.0 + higher + 0.5 * equal)
    return jnp.stack(columns, axis=1)


def filtered_mrr(parameters, triples, known):
    if len(triples) == 0:
        return 0.0
    return (1.0 / filtered_ranks(parameters, triples, known)).mean().item()
