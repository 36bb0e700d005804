"""A key-value cache in two layouts: each sequence is padded to whole blocks and its length axis folded.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_paged(layers: list[tuple[Tensor, Tensor]], lengths: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    padded = layers[0][0].shape[2]
    counts: list[int] = lengths.tolist()
    if block_size < 1 or min(counts) < 0 or max(counts) > padded:
        raise ValueError("block_size or a length is out of range")
    whole = torch.stack([tensor for pair in layers for tensor in pair])
    runs: list[Tensor] = []
    for sequence, count in enumerate(counts):
        tokens = F.pad(whole[:, sequence, :, padded - count :], (0, 0, 0, -count % block_size))
        blocks, heads, width = tokens.shape[2] // block_size, tokens.shape[1], tokens.shape[3]
        runs.append(tokens.reshape(blocks, len(layers), 2, heads, block_size, width))
    pool = torch.cat(runs)
    rows = torch.arange(len(pool)).split([len(run) for run in runs])
    width = max(len(row) for row in rows)
    return pool, torch.stack([F.pad(row, (0, width - len(row)), value=-1) for row in rows])


def to_contiguous(pool: Tensor, block_table: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
    counts: list[int] = lengths.tolist()
    padded = max(counts)
    sequences: list[Tensor] = []
    for row, count in zip(block_table, counts):
        needed = -(-count // pool.shape[4])
        own = row[:needed]
        if len(own) < needed or bool(((own < 0) | (own >= len(pool))).any()):
            raise ValueError("a sequence lacks a block")
        tokens = pool[own].movedim(0, 3).flatten(3, 4)[:, :, :, :count]
        sequences.append(F.pad(tokens, (0, 0, padded - count, 0)))
    whole = torch.stack(sequences, dim=2)
    return [(layer[0], layer[1]) for layer in whole]


def append_token(pool: Tensor, block_table: Tensor, lengths: Tensor, keys: Tensor, values: Tensor) -> None:
    updated = pool.clone()
    for sequence, length in enumerate(lengths.tolist()):
        column, slot = divmod(length, pool.shape[4])
        block = int(block_table[sequence, column]) if column < block_table.shape[1] else -1
        if block < 0 or block >= len(pool):
            raise ValueError("a sequence has no block for its next token")
        updated[block, :, :, :, slot] = torch.stack((keys[:, sequence], values[:, sequence]), dim=1)
    pool.copy_(updated)
    lengths += 1
