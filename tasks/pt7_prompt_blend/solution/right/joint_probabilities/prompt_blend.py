"""Generation from a blend of prompts: by the probability of the whole text so far in each branch, in double precision.

A blend with adaptive weights is the conditional distribution of a mixture over whole texts, so that no weight
is carried from step to step.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import copy
import math

import torch
from tiny_lm import TinyLm
from torch import Tensor


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
    if len(prompts) == 0 or len(prompts) != len(weights) or any(len(prompt) == 0 for prompt in prompts):
        raise ValueError("there must be one weight for each of one or more prompts, none of them empty")
    if any(math.isnan(weight) or math.isinf(weight) or weight < 0 for weight in weights) or sum(weights) == 0:
        raise ValueError("weights must be finite and not negative, and not all 0")
    if math.isnan(temperature) or math.isinf(temperature) or temperature <= 0:
        raise ValueError("temperature must be a finite number above 0")
    if max_new_tokens < 0:
        raise ValueError("max_new_tokens must not be negative")
    longest = max(len(prompt) for prompt in prompts)
    if longest > model.config.context or longest + max_new_tokens - 1 > model.config.context:
        raise ValueError("the context is too short")
    for prompt in prompts:
        for token in prompt:
            if token < 0 or token >= model.config.vocabulary:
                raise ValueError(f"token {token} is not in the vocabulary")
    exact = copy.deepcopy(model).double()
    shares = [weight / sum(weights) for weight in weights]
    tokens: list[int] = []
    rows: list[Tensor] = []
    while len(tokens) < max_new_tokens:
        joints: list[Tensor] = []
        evidence: list[Tensor] = []
        for prompt, share in zip(prompts, shares):
            if share == 0:
                continue
            with torch.inference_mode():
                steps = (exact(torch.tensor([prompt + tokens]))[0, len(prompt) - 1 :] / temperature).log_softmax(-1)
            past = torch.tensor(share, dtype=torch.float64).log()
            if adaptive:
                past = past + sum(steps[place, token] for place, token in enumerate(tokens))
            joints.append(past + steps[-1])
            evidence.append(past)
        row = torch.stack(joints).logsumexp(0) - torch.stack(evidence).logsumexp(0)
        tokens.append(int(row.argmax()))
        rows.append(row.float().clone())
        if stop is not None and tokens[-1] == stop:
            break
    return tokens, torch.stack(rows) if rows else torch.zeros((0, model.config.vocabulary))
