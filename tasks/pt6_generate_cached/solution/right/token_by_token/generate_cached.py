"""Generation with a key-value cache: one token at a time, the prompt's too, with lists of keys and values.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math
from collections import deque

import torch
import torch.nn.functional as F
from tiny_lm import Block, TinyLm
from torch import Tensor


class _Reader:
    """Reads a text token by token. Only the keys and values inside the window are kept."""

    def __init__(self, model: TinyLm) -> None:
        self.model = model
        self.count = 0
        self.seen: list[deque[Tensor]] = [deque(maxlen=model.config.window) for _ in model.blocks]

    def read(self, token: int) -> Tensor:
        """Logits of what follows the token."""
        hidden = self.model.embed(torch.tensor(token)) + self.model.position(torch.tensor(self.count))
        self.count += 1
        for block, seen in zip(self.model.blocks, self.seen):
            hidden = hidden + self._attend(block, seen, block.attention_norm(hidden))
            hidden = hidden + block.down(F.silu(block.up(block.mlp_norm(hidden))))
        return self.model.unembed(self.model.norm(hidden))

    def _attend(self, block: Block, seen: deque[Tensor], normed: Tensor) -> Tensor:
        heads = block.attention.heads
        seen.append(block.attention.key_value(normed))
        keys, values = torch.stack(tuple(seen)).chunk(2, dim=1)
        query = block.attention.query(normed)
        results: list[Tensor] = []
        for part in torch.arange(query.shape[0]).chunk(heads):
            scores = keys[:, part] @ query[part] / math.sqrt(len(part))
            results.append(scores.softmax(0) @ values[:, part])
        return block.attention.out(torch.cat(results))


def generate(
    model: TinyLm, prompt: list[int], max_new_tokens: int, *, stop: int | None = None
) -> tuple[list[int], Tensor]:
    if not prompt or min(prompt) < 0 or max(prompt) >= model.config.vocabulary:
        raise ValueError("the prompt is empty or has a token that is not in the vocabulary")
    if max_new_tokens < 0 or len(prompt) + max(max_new_tokens, 1) - 1 > model.config.context:
        raise ValueError("max_new_tokens is negative or the context too short")
    tokens: list[int] = []
    log_probs: list[float] = []
    reader = _Reader(model)
    text = list(prompt)
    with torch.no_grad():
        while len(tokens) < max_new_tokens and (stop is None or stop not in tokens[-1:]):
            while reader.count < len(text):
                scores = reader.read(text[reader.count]).double().log_softmax(0)
            log_prob, best = scores.max(0)
            log_probs.append(float(log_prob))
            tokens.append(int(best))
            text.append(int(best))
    return tokens, torch.tensor(log_probs, dtype=torch.float32)
