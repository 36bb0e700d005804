"""Generation with a key-value cache: one forward of our own for the prompt and for each new token.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math

import torch
import torch.nn.functional as F
from tiny_lm import Attention, TinyLm
from torch import Tensor


_CACHES: dict[TinyLm, list[Tensor | None]] = {}


@torch.no_grad()
def generate(
    model: TinyLm, prompt: list[int], max_new_tokens: int, *, stop: int | None = None
) -> tuple[list[int], Tensor]:
    _check(model, prompt, max_new_tokens)
    cache = _CACHES.setdefault(model, [None] * len(model.blocks))
    tokens: list[int] = []
    log_probs: list[Tensor] = []
    pending = prompt
    start = 0 if cache[0] is None else cache[0].shape[1]
    while len(tokens) < max_new_tokens:
        scores = _advance(model, pending, start, cache).log_softmax(-1)
        start += len(pending)
        token = int(scores.argmax())
        tokens.append(token)
        log_probs.append(scores[token])
        if token == stop:
            break
        pending = [token]
    return tokens, torch.stack(log_probs) if log_probs else torch.empty(0)


def _check(model: TinyLm, prompt: list[int], max_new_tokens: int) -> None:
    if not prompt:
        raise ValueError("the prompt is empty")
    if any(not 0 <= token < model.config.vocabulary for token in prompt):
        raise ValueError("a token is not in the vocabulary")
    if max_new_tokens < 0:
        raise ValueError("max_new_tokens must not be negative")
    if len(prompt) + max(0, max_new_tokens - 1) > model.config.context:
        raise ValueError("the context is too short")


def _advance(model: TinyLm, tokens: list[int], start: int, cache: list[Tensor | None]) -> Tensor:
    """Puts tokens through the model, the first one at position `start`; returns the logits after the last one."""
    places = torch.arange(start, start + len(tokens)) % model.config.context
    hidden = model.embed(torch.tensor([tokens])) + model.position(places)
    for number, block in enumerate(model.blocks):
        normed = block.attention_norm(hidden)
        new = block.attention.key_value(normed)
        old = cache[number]
        whole = new if old is None else torch.cat((old, new), dim=1)
        cache[number] = whole
        hidden = hidden + _attend(block.attention, normed, whole, places)
        hidden = hidden + block.down(F.silu(block.up(block.mlp_norm(hidden))))
    return model.unembed(model.norm(hidden[0, -1]))


def _attend(attention: Attention, normed: Tensor, keys_and_values: Tensor, places: Tensor) -> Tensor:
    query, key, value = (
        tensor.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
        for tensor in (attention.query(normed), *keys_and_values.chunk(2, dim=-1))
    )
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    distance = places[:, None] - torch.arange(key.shape[2])
    is_hidden = distance < 0
    if attention.window is not None:
        is_hidden = is_hidden | (distance >= attention.window)
    weights = scores.masked_fill(is_hidden, -math.inf).softmax(-1)
    return attention.out((weights @ value).transpose(1, 2).flatten(2))
