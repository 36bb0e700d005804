"""What each layer of a model would predict: a copy in double precision is cut short after each of its blocks.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import copy

import torch
from tiny_lm import TinyLm
from torch import Tensor


def logit_lens(model: TinyLm, tokens: Tensor, targets: Tensor) -> dict[str, Tensor]:
    if tokens.shape != targets.shape:
        raise ValueError(f"tokens have shape {tuple(tokens.shape)} but targets {tuple(targets.shape)}")
    if tokens.shape[1] > model.config.context:
        raise ValueError("more tokens than the context holds")
    known = range(model.config.vocabulary)
    if any(number not in known for number in [*tokens.flatten().tolist(), *targets.flatten().tolist()]):
        raise ValueError("an id is not in the vocabulary")
    short = copy.deepcopy(model).double().eval()
    blocks = list(short.blocks)
    with torch.inference_mode():
        levels = []
        for level in range(len(blocks) + 1):
            short.blocks = torch.nn.ModuleList(blocks[:level])
            levels.append(short(tokens))
    logits = torch.stack(levels).clone()
    log_probs = logits - logits.logsumexp(-1, keepdim=True)
    order = logits.argsort(dim=-1, descending=True)
    rank = (order == targets[None, :, :, None]).long().argmax(-1)
    best = order[..., 0]
    disagrees = best != best[-1]
    last_level = torch.arange(1, len(levels) + 1)[:, None, None]
    return {
        "log_probs": log_probs.float(),
        "target_rank": rank,
        "kl": ((log_probs[-1] - log_probs) * log_probs[-1].exp()).sum(-1).float(),
        "settled": (disagrees * last_level).amax(0),
    }
