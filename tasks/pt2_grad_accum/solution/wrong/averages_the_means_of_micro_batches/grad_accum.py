"""One training step from micro-batches.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math

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
    """The loss and the norm of the gradient, both before the step."""
    if micro_batch_size < 1:
        raise ValueError(f"micro_batch_size is {micro_batch_size}")
    if inputs.shape != targets.shape or inputs.shape[0] == 0:
        raise ValueError(f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)} do not make a batch")
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}")

    optimizer.zero_grad(set_to_none=True)
    total = int((targets != ignore_index).sum())
    if total == 0:
        return 0.0, 0.0

    loss = 0.0
    for part, wanted in zip(inputs.split(micro_batch_size), targets.split(micro_batch_size), strict=True):
        if not bool((wanted != ignore_index).any()):
            continue
        logits = model(part)
        share = (
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=ignore_index)
            / len(inputs.split(micro_batch_size))
        )
        share.backward()
        loss += share.item()

    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters]).item()
    if not math.isfinite(norm):
        return loss, norm
    if max_norm is not None and norm > max_norm:
        for parameter in parameters:
            parameter.grad.mul_(max_norm / norm)
    optimizer.step()
    return loss, norm
