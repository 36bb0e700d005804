"""Grouped-query attention with rotary embedding: one head after another in float64, with rotation matrices.

The cache holds the tokens that went in, and their keys and values are computed again.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

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
    past: dict[str, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    if heads % kv_heads != 0 or len(wq) % heads != 0:
        raise ValueError("the heads do not divide evenly")
    width = len(wq) // heads
    if width % 2 == 1 or len(wk) != kv_heads * width or len(wv) != kv_heads * width:
        raise ValueError("the rows of a weight do not fit")
    cache = {"x": x, "positions": positions, "is_real": torch.ones_like(positions) if is_real is None else is_real + 0}
    if past is not None:
        cache = {name: torch.cat((past[name], new), dim=1) for name, new in cache.items()}
    tokens = cache["x"].double()
    turn = _rotations(cache["positions"], width, base)
    keep = cache["is_real"].double()
    length, total = x.shape[1], tokens.shape[1]
    visible = torch.ones(total, total, dtype=torch.float64).tril() * keep[:, None, :]
    results: list[Tensor] = []
    for head in range(heads):
        group = head // (heads // kv_heads)
        rows, shared = slice(head * width, (head + 1) * width), slice(group * width, (group + 1) * width)
        query = (turn @ (tokens @ wq[rows].double().T)[..., None])[..., 0]
        key = (turn @ (tokens @ wk[shared].double().T)[..., None])[..., 0]
        value = tokens @ wv[shared].double().T
        scores = query @ key.transpose(1, 2) * width**-0.5
        # Scores are moderate, so their exponentials can be taken as they are; a row without keys has a sum of 0.
        strength = visible * scores.clamp(-300, 300).exp()
        results.append(strength @ value / strength.sum(-1, keepdim=True).clamp(min=1e-300))
    out = torch.cat(results, dim=-1) @ wo.double().T * keep[:, :, None]
    return out[:, total - length :].to(x.dtype), cache


def _rotations(positions: Tensor, width: int, base: float) -> Tensor:
    """[B, T, width, width]; the pairs are neighbours."""
    matrices = torch.zeros(*positions.shape, width, width, dtype=torch.float64)
    for pair in range(width // 2):
        angle = positions.double() * base ** (-2 * pair / width)
        first, second = 2 * pair, 2 * pair + 1
        matrices[..., first, first] = matrices[..., second, second] = angle.cos()
        matrices[..., second, first] = angle.sin()
        matrices[..., first, second] = -angle.sin()
    return matrices
