"""Grouped-query attention with rotary embedding: half-split pairs, scores in float32 with groups as an axis.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math

import torch
from torch import Tensor


def attend(
    x: Tensor,
    wq: Tensor,
    wk: Tensor,
    wv: Tensor,
    wo: Tensor,
    *,
    heads: int,
    kv_heads: int,
    positions: Tensor,
    base: float = 10000.0,
    is_real: Tensor | None = None,
    past: tuple[Tensor, Tensor, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    width = _check(wq, wk, wv, heads, kv_heads)
    batch, length, _ = x.shape
    if is_real is None:
        is_real = torch.ones(batch, length, dtype=torch.bool)

    def split(weight: Tensor) -> Tensor:
        return (x @ weight.T).unflatten(-1, (-1, width)).transpose(1, 2)

    query = _rotate(split(wq), positions, base)
    key, value, is_key = _rotate(split(wk), positions, base), split(wv), is_real
    if past is not None:
        key = torch.cat((past[0], key), dim=2)
        value = torch.cat((past[1], value), dim=2)
        is_key = torch.cat((past[2], is_key), dim=1)
    total = key.shape[2]
    is_before = torch.arange(total) <= torch.arange(total - length, total)[:, None]
    allowed = is_before & is_key[:, None, :]
    # Rows of padding attend to everything, so that their softmax has no NaN, and are cleared at the end.
    allowed = allowed | ~is_real[:, :, None]
    grouped = query.unflatten(1, (kv_heads, heads // kv_heads))
    scores = torch.einsum("bgrtd,bgsd->bgrts", grouped, key) / math.sqrt(width)
    weights = scores.masked_fill(~allowed[:, None, None], -math.inf).softmax(-1)
    mixed = torch.einsum("bgrts,bgsd->btgrd", weights, value).flatten(2).to(x.dtype)
    out = (mixed @ wo.T).masked_fill(~is_real[:, :, None], 0.0)
    return out, (key, value, is_key)


def _check(wq: Tensor, wk: Tensor, wv: Tensor, heads: int, kv_heads: int) -> int:
    if heads % kv_heads != 0:
        raise ValueError("heads is not a multiple of kv_heads")
    if wq.shape[0] % heads != 0:
        raise ValueError("the rows of wq are not a multiple of heads")
    width = wq.shape[0] // heads
    if width % 2 != 0:
        raise ValueError("the width of a head is odd")
    if wk.shape[0] != kv_heads * width or wv.shape[0] != kv_heads * width:
        raise ValueError("wk or wv has a wrong number of rows")
    return width


def _rotate(vectors: Tensor, positions: Tensor, base: float) -> Tensor:
    half = vectors.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, dtype=vectors.dtype) / half)
    angles = positions[:, None, :, None].to(vectors.dtype) * frequencies
    first, second = vectors[..., :half], vectors[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)
