"""One training step from micro-batches: adds up gradients of sums, divides them once, limits them with PyTorch's own.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
import torch.nn.functional as F


def train_step(model, optimizer, inputs, targets, *, micro_batch_size, max_norm=None, ignore_index=-100):
    if micro_batch_size < 1:
        raise ValueError("micro_batch_size")
    if inputs.shape != targets.shape:
        raise ValueError("shape")
    if len(inputs) == 0:
        raise ValueError("no rows")
    if max_norm is not None and max_norm <= 0:
        raise ValueError("max_norm")
    for p in model.parameters():
        p.grad = None
    total_loss, total_count = 0.0, 0
    for start in range(0, len(inputs), micro_batch_size):
        x, y = inputs[start : start + micro_batch_size], targets[start : start + micro_batch_size]
        count = int(torch.count_nonzero(y != ignore_index))
        logits = model(x)
        if count == 0:
            continue
        loss = F.cross_entropy(logits.transpose(1, 2), y, ignore_index=ignore_index, reduction="mean") * count
        loss.backward()
        total_loss += loss.detach().double().item()
        total_count += count
        del logits, loss
    if total_count == 0:
        return 0.0, 0.0
    trained = [p for p in model.parameters() if p.grad is not None]
    for p in trained:
        p.grad.div_(total_count)
    limit = float("inf") if max_norm is None else max_norm
    norm = float(torch.nn.utils.clip_grad_norm_(trained, limit))
    if torch.isfinite(torch.tensor(norm)):
        optimizer.step()
    return total_loss / total_count, norm
