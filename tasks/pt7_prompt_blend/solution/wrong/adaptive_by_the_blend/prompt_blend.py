"""Generation from a blend of prompts: branches one by one, mixed in the logarithm with logsumexp.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math

import torch
from tiny_lm import TinyLm
from torch import Tensor


@torch.no_grad()
def generate_blended(
    model: TinyLm,
    prompts: list[list[int]],
    weights: list[float],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    stop: int | None = None,
    adaptive: bool = False,
) -> tuple[list[int], Tensor]:
    _check(model, prompts, weights, max_new_tokens, temperature)
    log_weights = torch.tensor(weights, dtype=torch.float64).log()
    log_weights = log_weights.log_softmax(0)
    tokens: list[int] = []
    rows: list[Tensor] = []
    for _ in range(max_new_tokens):
        logits = torch.stack([model(torch.tensor([prompt + tokens]))[0, -1] for prompt in prompts])
        branches = (logits.double() / temperature).log_softmax(-1)
        row = torch.logsumexp(log_weights[:, None] + branches, dim=0)
        rows.append(row)
        tokens.append(int(row.argmax()))
        if tokens[-1] == stop:
            break
        if adaptive:
            log_weights = (log_weights + row[tokens[-1]]).log_softmax(0)
    log_probs = torch.stack(rows) if rows else torch.empty(0, model.config.vocabulary)
    return tokens, log_probs.float()


def _check(
    model: TinyLm, prompts: list[list[int]], weights: list[float], max_new_tokens: int, temperature: float
) -> None:
    if not prompts or any(not prompt for prompt in prompts):
        raise ValueError("a prompt is missing or empty")
    if len(weights) != len(prompts):
        raise ValueError("the numbers of prompts and weights differ")
    if any(not math.isfinite(weight) or weight < 0 for weight in weights) or not any(weights):
        raise ValueError("a weight is not a finite number of at least 0, or all are 0")
    if not math.isfinite(temperature) or temperature <= 0:
        raise ValueError("temperature must be a finite number above 0")
    if max_new_tokens < 0:
        raise ValueError("max_new_tokens must not be negative")
    if any(not 0 <= token < model.config.vocabulary for prompt in prompts for token in prompt):
        raise ValueError("a token is not in the vocabulary")
    if max(map(len, prompts)) + max(0, max_new_tokens - 1) > model.config.context:
        raise ValueError("the context is too short")
