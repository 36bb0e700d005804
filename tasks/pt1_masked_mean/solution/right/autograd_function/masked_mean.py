"""Means over the elements that a mask selects, with a backward pass of its own.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from typing import Any

import torch


class _MaskedMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, mask: torch.Tensor, dims: tuple[int, ...], keepdim: bool):
        counts = mask.to(torch.float64).sum(dim=dims, keepdim=True) if dims else mask.to(torch.float64)
        filled = values.to(torch.float64).masked_fill(~mask, 0.0)
        total = filled.sum(dim=dims, keepdim=True) if dims else filled
        mean = total / torch.where(counts > 0, counts, 1.0)
        ctx.save_for_backward(mask, counts)
        ctx.kept_shape, ctx.dtype = mean.shape, values.dtype
        if not keepdim:
            mean = mean.reshape([size for index, size in enumerate(mean.shape) if index not in dims])
        return mean.to(values.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        mask, counts = ctx.saved_tensors
        share = gradient.to(torch.float64).reshape(ctx.kept_shape) / torch.where(counts > 0, counts, 1.0)
        return torch.where(mask, share, 0.0).to(ctx.dtype), None, None, None


def masked_mean(values, mask, dim=None, keepdim=False):
    if not torch.is_floating_point(values) or mask.dtype is not torch.bool:
        raise TypeError("values must be floating and mask of dtype bool")
    try:
        fits = torch.broadcast_shapes(values.shape, mask.shape) == values.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError("the mask cannot be broadcast to the shape of the values")
    count = values.ndim
    if dim is None:
        dims = tuple(range(count))
    else:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
        if any(not -count <= d < count for d in dims):
            raise IndexError(f"dim {dim} is out of range for {count} dimensions")
        dims = tuple(d % count for d in dims)
    return _MaskedMean.apply(values, mask.expand_as(values), dims, keepdim)
