"""Grouped-query attention with rotary embedding in float64 NumPy, in both layouts.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
DEFAULT_BASE = 10000.0
LAYOUTS = ("half-split", "interleaved")
NAMES = ("x", "wq", "wk", "wv", "wo")


@dataclass(frozen=True)
class Layer:
    """A whole text and the layer that it goes through; `arrays` has `NAMES` as its keys."""

    heads: int
    kv_heads: int
    base: float
    arrays: dict[str, Array]
    positions: Array
    is_real: Array


def make_layer(
    seed: int,
    shape: tuple[int, int, int],
    heads: int,
    kv_heads: int,
    width: int,
    *,
    base: float = DEFAULT_BASE,
    positions: Array | None = None,
    is_real: Array | None = None,
    dtype: str = "float32",
) -> Layer:
    """Random numbers that the dtype can hold, with values and results around 1 and distinct scores."""
    randomness = np.random.default_rng(seed)
    batch, length, channels = shape
    sizes = {
        "x": (shape, 1.0),
        "wq": ((heads * width, channels), 1.3 / channels**0.5),
        "wk": ((kv_heads * width, channels), 1.3 / channels**0.5),
        "wv": ((kv_heads * width, channels), 1.2 / channels**0.5),
        "wo": ((channels, heads * width), 1.2 / (heads * width) ** 0.5),
    }
    arrays = {name: _hold(randomness.standard_normal(size) * scale, dtype) for name, (size, scale) in sizes.items()}
    if positions is None:
        positions = np.broadcast_to(np.arange(length), (batch, length))
    if is_real is None:
        is_real = np.ones((batch, length), dtype=bool)
    return Layer(heads, kv_heads, base, arrays, np.ascontiguousarray(positions, dtype=np.int64), is_real)


def run(layer: Layer, layout: str, changed: dict[str, Array] | None = None) -> Array:
    """`out` for the whole text; `changed` replaces some of the arrays."""
    arrays = {name: value.astype(np.float64) for name, value in {**layer.arrays, **(changed or {})}.items()}
    x = arrays["x"]
    batch, length, _ = x.shape
    width = len(arrays["wq"]) // layer.heads
    query, key, value = (
        (x @ arrays[name].T).reshape(batch, length, -1, width).transpose(0, 2, 1, 3) for name in ("wq", "wk", "wv")
    )
    query, key = (rotate(vectors, layer.positions, layer.base, layout) for vectors in (query, key))
    of_head = np.arange(layer.heads) // (layer.heads // layer.kv_heads)
    scores = query @ key[:, of_head].transpose(0, 1, 3, 2) / width**0.5
    allowed = np.tril(np.ones((length, length), dtype=bool)) & layer.is_real[:, None, :]
    allowed = allowed | ~layer.is_real[:, :, None]
    scores = np.where(allowed[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = weights / weights.sum(-1, keepdims=True) @ value[:, of_head]
    out: Array = mixed.transpose(0, 2, 1, 3).reshape(batch, length, -1) @ arrays["wo"].T
    return np.where(layer.is_real[:, :, None], out, 0.0)


def rotate(vectors: Array, positions: Array, base: float, layout: str) -> Array:
    width = vectors.shape[-1]
    pairs = np.arange(width // 2)
    angles = positions[:, None, :, None] * base ** (-2.0 * pairs / width)
    first, second = (pairs, pairs + width // 2) if layout == "half-split" else (2 * pairs, 2 * pairs + 1)
    a, b = vectors[..., first], vectors[..., second]
    rotated = np.empty_like(vectors)
    rotated[..., first] = a * np.cos(angles) - b * np.sin(angles)
    rotated[..., second] = a * np.sin(angles) + b * np.cos(angles)
    return rotated


def _hold(values: Array, dtype: str) -> Array:
    """The values in float32, cut to what the dtype can hold."""
    if dtype == "float16":
        return values.astype(np.float16).astype(np.float32)
    single = values.astype(np.float32)
    return (single.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32) if dtype == "bfloat16" else single
