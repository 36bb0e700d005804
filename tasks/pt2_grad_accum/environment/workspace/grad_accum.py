"""One training step from micro-batches."""

import torch


def train_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    *,
    micro_batch_size: int,
    max_norm: float | None = None,
    ignore_index: int = -100,
) -> tuple[float, float]:
    raise NotImplementedError
