"""Means over the elements that a mask selects: picks them out and adds each to its group.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch


def masked_mean(values, mask, dim=None, keepdim=False):
    if not values.dtype.is_floating_point:
        raise TypeError("values must be floating")
    if mask.dtype != torch.bool:
        raise TypeError("mask must be bool")
    if mask.ndim > values.ndim:
        raise ValueError("mask has too many dimensions")
    padded = (1,) * (values.ndim - mask.ndim) + tuple(mask.shape)
    if any(size not in (1, whole) for size, whole in zip(padded, values.shape, strict=True)):
        raise ValueError("mask does not fit")
    full = mask.reshape(padded).expand(values.shape)
    if dim is None:
        reduced = set(range(values.ndim))
    else:
        named = (dim,) if isinstance(dim, int) else dim
        if not all(-values.ndim <= d < values.ndim for d in named):
            raise IndexError("no such dimension")
        reduced = {d % values.ndim for d in named}
    shape = [1 if d in reduced else size for d, size in enumerate(values.shape)]
    count = 1
    for size in shape:
        count *= size
    groups = torch.arange(count).reshape(shape).expand(values.shape)[full]
    picked = values[full].double()
    sums = torch.zeros(count, dtype=torch.float64).index_add(0, groups, picked)
    sizes = torch.bincount(groups, minlength=count).clamp(min=1)
    means = (sums / sizes).to(values.dtype).reshape(shape)
    return means if keepdim else means.reshape([s for d, s in enumerate(values.shape) if d not in reduced])
