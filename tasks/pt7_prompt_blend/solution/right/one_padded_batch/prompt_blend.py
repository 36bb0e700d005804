"""Generation from a blend of prompts: all branches in one batch, padded on the right, in float32.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from math import inf

import torch
import torch.nn.functional as F
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
    vocabulary, context = model.config.vocabulary, model.config.context
    lengths = [len(prompt) for prompt in prompts]
    if not lengths or min(lengths) == 0 or len(weights) != len(prompts) or max_new_tokens < 0:
        raise ValueError("prompts, weights and max_new_tokens do not fit")
    if not all(0 <= weight < inf for weight in weights) or max(weights) == 0 or not 0 < temperature < inf:
        raise ValueError("a weight or the temperature is out of range")
    if max(lengths) + max(max_new_tokens, 1) - 1 > context:
        raise ValueError("the context is too short")
    if {token for prompt in prompts for token in prompt} - set(range(vocabulary)):
        raise ValueError("a token is not in the vocabulary")
    kept = [branch for branch, weight in enumerate(weights) if weight > 0]
    width = max(lengths) + max_new_tokens
    batch = torch.tensor([prompts[branch] + [0] * (width - lengths[branch]) for branch in kept])
    ends = torch.tensor([lengths[branch] for branch in kept])
    rows = torch.arange(len(kept))
    log_weights = torch.tensor([weights[branch] for branch in kept]).log()
    tokens: list[int] = []
    log_probs = torch.zeros(max_new_tokens, vocabulary)
    with torch.no_grad():
        while len(tokens) < max_new_tokens and (not tokens or tokens[-1] != stop):
            logits = model(batch[:, : int(ends.max())])[rows, ends - 1]
            branches = F.log_softmax(logits / temperature, dim=-1)
            log_weights = log_weights - log_weights.logsumexp(0)
            log_probs[len(tokens)] = (branches + log_weights.unsqueeze(1)).logsumexp(0)
            best = int(log_probs[len(tokens)].argmax())
            if adaptive:
                log_weights = log_weights + branches[:, best]
            tokens.append(best)
            batch[rows, ends] = best
            ends += 1
    return tokens, log_probs[: len(tokens)]
