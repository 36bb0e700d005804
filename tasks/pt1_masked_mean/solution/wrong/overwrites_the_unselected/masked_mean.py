"""Means over the elements that a mask selects.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch


def masked_mean(
    values: torch.Tensor,
    mask: torch.Tensor,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
) -> torch.Tensor:
    """The mean of the selected elements; 0 where none is selected."""
    if not values.is_floating_point():
        raise TypeError(f"values must be of a floating dtype, not {values.dtype}")
    if mask.dtype != torch.bool:
        raise TypeError(f"mask must be of dtype torch.bool, not {mask.dtype}")
    try:
        mask = mask.expand(values.shape)
    except RuntimeError as error:
        raise ValueError(f"a mask of {tuple(mask.shape)} does not fit {tuple(values.shape)}") from error
    wide = torch.promote_types(values.dtype, torch.float32)
    with torch.no_grad():
        values.masked_fill_(~mask, 0.0)
    selected = values.to(wide) * mask
    counts = mask.sum(dim, keepdim=keepdim).clamp(min=1)
    return (selected.sum(dim, keepdim=keepdim) / counts.to(wide)).to(values.dtype)
