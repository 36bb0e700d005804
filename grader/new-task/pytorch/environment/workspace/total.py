import torch


def total(numbers: torch.Tensor) -> torch.Tensor:
    raise NotImplementedError
