"""What each layer of a model would predict: the parts of the model called one by one, without its dropout modules.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math

import torch
import torch.nn.functional as F
from tiny_lm import TinyLm
from torch import Tensor


@torch.no_grad()
def logit_lens(model: TinyLm, tokens: Tensor, targets: Tensor) -> dict[str, Tensor]:
    length, vocabulary = tokens.shape[1], model.config.vocabulary
    if tokens.shape != targets.shape or length > model.config.context:
        raise ValueError("tokens and targets must have one shape within the context")
    ids = torch.cat((tokens, targets))
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise ValueError("an id is not in the vocabulary")
    hidden = model.embed(tokens) * math.sqrt(model.config.width) + model.position.weight[:length]
    all_log_probs: list[Tensor] = []
    ranks: list[Tensor] = []
    for level in range(len(model.blocks) + 1):
        if level > 0:
            block = model.blocks[level - 1]
            hidden = hidden + block.attend(block.attention_norm(hidden))[0]
            hidden = hidden + block.down(F.silu(block.up(block.mlp_norm(hidden))))
        logits = model.unembed(model.norm(hidden))
        if model.config.soft_cap is not None:
            logits = torch.tanh(logits / model.config.soft_cap) * model.config.soft_cap
        all_log_probs.append(F.log_softmax(logits, dim=-1))
        ranks.append((logits > logits.gather(2, targets.unsqueeze(2))).sum(2))
    log_probs = torch.stack(all_log_probs)
    final = log_probs[-1].expand_as(log_probs)
    best = log_probs.argmax(-1)
    settled = torch.full_like(tokens, len(log_probs) - 1)
    for level in reversed(range(len(log_probs) - 1)):
        settled[(settled == level + 1) & (best[level] == best[-1])] = level
    return {
        "log_probs": log_probs,
        "target_rank": torch.stack(ranks),
        "kl": F.kl_div(log_probs, final, reduction="none", log_target=True).sum(-1),
        "settled": settled,
    }
