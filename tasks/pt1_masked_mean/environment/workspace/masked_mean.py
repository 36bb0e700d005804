"""Means over the elements that a mask selects."""

import torch


def masked_mean(
    values: torch.Tensor,
    mask: torch.Tensor,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
) -> torch.Tensor:
    raise NotImplementedError
