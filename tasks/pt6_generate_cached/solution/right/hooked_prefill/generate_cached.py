"""Generation with a key-value cache: the model's own forward reads the prompt while hooks keep keys and values.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
import torch.nn.functional as F
from tiny_lm import TinyLm
from torch import Tensor


def generate(
    model: TinyLm, prompt: list[int], max_new_tokens: int, *, stop: int | None = None
) -> tuple[list[int], Tensor]:
    vocabulary, context = model.config.vocabulary, model.config.context
    length = len(prompt)
    if length == 0 or max_new_tokens < 0 or not all(token in range(vocabulary) for token in prompt):
        raise ValueError("the prompt or max_new_tokens is not valid")
    if length > context or length + max_new_tokens - 1 > context:
        raise ValueError("the context is too short")
    results = torch.zeros(max_new_tokens)
    if max_new_tokens == 0:
        return [], results
    with torch.inference_mode():
        caches, logits = _read(model, prompt, length + max_new_tokens)
        tokens: list[int] = []
        while True:
            distribution = torch.distributions.Categorical(logits=logits)
            best = logits.argmax()
            results[len(tokens)] = distribution.log_prob(best)
            tokens.append(best.item())
            if tokens[-1] == stop or len(tokens) == max_new_tokens:
                return tokens, results[: len(tokens)].clone()
            logits = _continue(model, best, length + len(tokens) - 1, caches)


def _read(model: TinyLm, prompt: list[int], room: int) -> tuple[list[Tensor], Tensor]:
    """Buffers with the prompt's keys and values, one for each block, and the logits after the prompt."""
    caches = [torch.zeros(room, 2 * model.config.width) for _ in model.blocks]
    hooks = []
    for block, cache in zip(model.blocks, caches):

        def keep(module: torch.nn.Module, inputs: tuple[Tensor], output: Tensor, cache: Tensor = cache) -> None:
            cache[: len(prompt)] = output[0]

        hooks.append(block.attention.key_value.register_forward_hook(keep))
    try:
        return caches, model(torch.tensor(prompt).unsqueeze(0))[0, -1]
    finally:
        for hook in hooks:
            hook.remove()


def _continue(model: TinyLm, token: Tensor, place: int, caches: list[Tensor]) -> Tensor:
    """The logits after one more token, whose keys and values go into the buffers."""
    window = model.config.window
    oldest = 0 if window is None else max(0, place - window + 1)
    hidden = model.embed(token) + model.position.weight[place]
    for block, cache in zip(model.blocks, caches):
        attention = block.attention
        normed = block.attention_norm(hidden)
        cache[place] = attention.key_value(normed)
        heads = attention.query(normed).view(1, attention.heads, 1, -1)
        seen = cache[oldest : place + 1].view(1, -1, 2, attention.heads, heads.shape[-1]).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(heads, seen[0], seen[1])
        hidden = hidden + attention.out(mixed.flatten())
        hidden = hidden + block.down(F.silu(block.up(block.mlp_norm(hidden))))
    return model.unembed(model.norm(hidden))
