"""Caches as NumPy arrays and both layouts of them, one token at a time.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Cache:
    """`tokens[b]` has shape [lengths[b], L, 2, H, D]."""

    tokens: list[Array]

    @property
    def lengths(self) -> Array:
        return np.array([len(tokens) for tokens in self.tokens], dtype=np.int64)


def make_cache(randomness: np.random.Generator, lengths: list[int], layers: int, heads: int, width: int) -> Cache:
    """Random numbers other than 0, all of which float16 and bfloat16 can hold exactly."""
    return Cache([random_values(randomness, (length, layers, 2, heads, width)) for length in lengths])


def random_values(randomness: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Multiples of 1/8 between -16 and 16, without 0."""
    signs = randomness.integers(0, 2, shape) * 2 - 1
    return (randomness.integers(1, 128, shape) * signs / 8).astype(np.float32)


def contiguous_layers(cache: Cache, padded_length: int, padding: float) -> list[tuple[Array, Array]]:
    """The contiguous layout, with `padding` where no token is."""
    _, layers, _, heads, width = cache.tokens[0].shape
    shape = (layers, 2, len(cache.tokens), heads, padded_length, width)
    whole = np.full(shape, padding, dtype=np.float32)
    for sequence, tokens in enumerate(cache.tokens):
        for position, token in enumerate(tokens):
            whole[:, :, sequence, :, padded_length - len(tokens) + position] = token
    return [(layer[0], layer[1]) for layer in whole]


def paged(
    cache: Cache, block_size: int, table: Array | None = None, blocks: int | None = None, free: float = 0.0
) -> tuple[Array, Array]:
    """The paged layout by a given table, or else by the one that `to_paged` must make; `free` where no token is."""
    if table is None:
        table = dense_table(cache, block_size)
        blocks = int((table >= 0).sum())
    assert blocks is not None
    _, layers, _, heads, width = cache.tokens[0].shape
    pool = np.full((blocks, layers, 2, heads, block_size, width), free, dtype=np.float32)
    for sequence, tokens in enumerate(cache.tokens):
        for position, token in enumerate(tokens):
            pool[table[sequence, position // block_size], :, :, :, position % block_size] = token
    return pool, table


def dense_table(cache: Cache, block_size: int) -> Array:
    counts = [-(-len(tokens) // block_size) for tokens in cache.tokens]
    table = np.full((len(counts), max(counts)), -1, dtype=np.int64)
    first = 0
    for sequence, count in enumerate(counts):
        table[sequence, :count] = np.arange(first, first + count)
        first += count
    return table
