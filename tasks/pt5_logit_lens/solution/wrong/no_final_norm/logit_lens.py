"""What each layer of a model would predict: the model's own forward with hooks that keep each level.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
from tiny_lm import TinyLm
from torch import Tensor


def logit_lens(model: TinyLm, tokens: Tensor, targets: Tensor) -> dict[str, Tensor]:
    _check(model, tokens, targets)
    logits = torch.stack([_apply_head(model, hidden) for hidden in _collect_levels(model, tokens)])
    log_probs = logits.log_softmax(-1)
    own = logits.gather(-1, targets.expand(len(logits), -1, -1)[..., None])
    best = logits.argmax(-1)
    agrees = best == best[-1]
    # From the last level backwards, 1 as long as every level agreed.
    run = agrees.flip(0).long().cumprod(0).sum(0)
    return {
        "log_probs": log_probs,
        "target_rank": (logits > own).sum(-1),
        "kl": (log_probs[-1].exp() * (log_probs[-1] - log_probs)).sum(-1),
        "settled": len(logits) - run,
    }


def _check(model: TinyLm, tokens: Tensor, targets: Tensor) -> None:
    if tokens.shape != targets.shape:
        raise ValueError("tokens and targets differ in shape")
    if tokens.shape[1] > model.config.context:
        raise ValueError("more tokens than the context holds")
    for ids in (tokens, targets):
        if bool(((ids < 0) | (ids >= model.config.vocabulary)).any()):
            raise ValueError("an id is not in the vocabulary")


def _collect_levels(model: TinyLm, tokens: Tensor) -> list[Tensor]:
    levels: list[Tensor] = []
    # Blocks change the hidden state in place, so each level is copied.
    hooks = [model.blocks[0].register_forward_pre_hook(lambda _, inputs: levels.append(inputs[0].clone()))]
    for block in model.blocks:
        hooks.append(block.register_forward_hook(lambda _, inputs, output: levels.append(output[0].clone())))
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return levels


def _apply_head(model: TinyLm, hidden: Tensor) -> Tensor:
    with torch.no_grad():
        logits = model.unembed(hidden)
        cap = model.config.soft_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)
