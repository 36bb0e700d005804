"""Means over the elements that a mask selects, as a product with weights 1 / count.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch


def masked_mean(values, mask, dim=None, keepdim=False):
    if values.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise TypeError(f"values has dtype {values.dtype}")
    if mask.dtype != torch.bool:
        raise TypeError(f"mask has dtype {mask.dtype}")
    try:
        mask = torch.broadcast_to(mask, values.shape)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    dims = range(values.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    for d in dims:
        if d < -values.ndim or d >= values.ndim:
            raise IndexError(d)
    dims = sorted(d % values.ndim for d in dims)
    kept = [d for d in range(values.ndim) if d not in dims]
    order = kept + dims
    kept_shape = [values.shape[d] for d in kept]
    length = 1
    for d in dims:
        length *= values.shape[d]
    groups = 1
    for size in kept_shape:
        groups *= size
    wide = torch.float64 if values.dtype == torch.float64 else torch.float32
    flat_mask = mask.permute(order).reshape(groups, length)
    flat = values.permute(order).reshape(groups, length).to(wide).masked_fill(~flat_mask, 0)
    weights = flat_mask.to(wide)
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
    means = torch.einsum("gl,gl->g", flat, weights)
    shape = [1 if d in dims else values.shape[d] for d in range(values.ndim)] if keepdim else kept_shape
    return means.reshape(shape).to(values.dtype)
