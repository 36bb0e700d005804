"""Grouped-query attention with rotary embedding: interleaved pairs as complex numbers and the fused attention.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Cache(NamedTuple):
    key: Tensor
    value: Tensor
    is_real: Tensor


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
    past: Cache | None = None,
) -> tuple[Tensor, Cache]:
    width, rest = divmod(wq.shape[0], heads)
    if heads % kv_heads or rest or width % 2 or {wk.shape[0], wv.shape[0]} != {kv_heads * width}:
        raise ValueError(f"{heads} heads and {kv_heads} kv_heads do not fit the weights")
    batch, length = positions.shape
    frequencies = torch.pow(base, -torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = positions.float()[..., None] * frequencies
    turns = torch.polar(torch.ones_like(angles), angles)[:, :, None]
    query = _turn(F.linear(x, wq).view(batch, length, heads, width), turns)
    now = Cache(
        _turn(F.linear(x, wk).view(batch, length, kv_heads, width), turns),
        F.linear(x, wv).view(batch, length, kv_heads, width),
        torch.ones(batch, length, dtype=torch.bool) if is_real is None else is_real.clone(),
    )
    cache = now if past is None else Cache(*(torch.cat(pair, dim=1) for pair in zip(past, now)))
    total = cache.key.shape[1]
    index = torch.arange(total)
    mask = cache.is_real[:, None, :] & (index <= index[total - length :, None])
    # A token of padding sees itself alone, so that no row of the mask is empty; its result is cleared below.
    mask = mask | torch.eye(total, dtype=torch.bool)[total - length :]
    repeated = (part.repeat_interleave(heads // kv_heads, dim=2).transpose(1, 2) for part in (cache.key, cache.value))
    mixed = F.scaled_dot_product_attention(query.transpose(1, 2), *repeated, attn_mask=mask[:, None])
    out = F.linear(mixed.transpose(1, 2).reshape(batch, length, heads * width), wo)
    return torch.where(now.is_real[:, :, None], out, torch.zeros_like(out)), cache


def _turn(vectors: Tensor, turns: Tensor) -> Tensor:
    pairs = torch.view_as_complex(vectors.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turns).flatten(-2).to(vectors.dtype)
