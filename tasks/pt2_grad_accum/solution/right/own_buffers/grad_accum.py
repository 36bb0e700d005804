"""One training step from micro-batches, with gradients gathered beside the parameters.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch


def train_step(model, optimizer, inputs, targets, *, micro_batch_size, max_norm=None, ignore_index=-100):
    rows = inputs.size(0)
    if micro_batch_size <= 0 or inputs.shape != targets.shape or rows == 0 or (max_norm is not None and max_norm <= 0):
        raise ValueError("bad arguments")
    parameters = [p for p in model.parameters() if p.requires_grad]
    sums = [None] * len(parameters)
    counts = targets != ignore_index
    total = counts.sum().item()
    loss = 0.0
    for start in range(0, rows, micro_batch_size):
        part = slice(start, start + micro_batch_size)
        log_probabilities = model(inputs[part]).log_softmax(-1)
        chosen = targets[part].masked_fill(~counts[part], 0).unsqueeze(-1)
        picked = log_probabilities.gather(-1, chosen).squeeze(-1)
        part_loss = -torch.where(counts[part], picked, torch.zeros_like(picked)).sum()
        found = torch.autograd.grad(part_loss, parameters, allow_unused=True)
        for index, gradient in enumerate(found):
            if gradient is not None:
                gradient = gradient.double()
                sums[index] = gradient if sums[index] is None else sums[index] + gradient
        loss += part_loss.item()
    if total == 0:
        return 0.0, 0.0
    loss /= total
    means = [None if gradient is None else gradient / total for gradient in sums]
    norm = sum(float((gradient**2).sum()) for gradient in means if gradient is not None) ** 0.5
    if norm != norm or norm == float("inf"):
        return loss, norm
    factor = 1.0 if max_norm is None else min(1.0, max_norm / (norm + 1e-6))
    for parameter, gradient in zip(parameters, means, strict=True):
        parameter.grad = None if gradient is None else (gradient * factor).to(parameter.dtype)
    optimizer.step()
    return loss, norm
