"""A small transformer that predicts the next token.

The workspace has this file without these lines.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    vocabulary: int
    context: int
    width: int
    heads: int
    layers: int
    dropout: float = 0.0
    soft_cap: float | None = None


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.out = nn.Linear(config.width, config.width)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, 2 * config.width)
        self.down = nn.Linear(2 * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Adds to `hidden` [batch, length, width] in place; returns it and the attention weights."""
        mixed, weights = self.attend(self.attention_norm(hidden))
        hidden += self.dropout(mixed)
        hidden += self.dropout(self.down(F.silu(self.up(self.mlp_norm(hidden)))))
        return hidden, weights

    def attend(self, normed: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = (
            layer(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        length = normed.shape[1]
        is_future = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(is_future, -math.inf).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2)), weights


class TinyLm(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.context, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.unembed = nn.Linear(config.width, config.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [batch, length, vocabulary] of the tokens that follow `tokens` [batch, length]."""
        places = torch.arange(tokens.shape[1])
        hidden = self.dropout(self.embed(tokens) * math.sqrt(self.config.width) + self.position(places))
        for block in self.blocks:
            hidden, _ = block(hidden)
        logits = self.unembed(self.norm(hidden))
        if self.config.soft_cap is not None:
            logits = self.config.soft_cap * torch.tanh(logits / self.config.soft_cap)
        return logits
