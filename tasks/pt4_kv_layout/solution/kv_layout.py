"""A key-value cache in two layouts, moved block by block.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
from torch import Tensor


def to_paged(layers: list[tuple[Tensor, Tensor]], lengths: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    if block_size < 1:
        raise ValueError("block_size must be at least 1")
    batch, heads, padded, width = layers[0][0].shape
    counts = [int(length) for length in lengths]
    if any(count < 0 or count > padded for count in counts):
        raise ValueError("a length is out of range")
    needed = [-(-count // block_size) for count in counts]
    table = torch.full((batch, max(needed)), -1, dtype=torch.int64)
    pool = layers[0][0].new_zeros((sum(needed), len(layers), 2, heads, block_size, width))
    block = 0
    for sequence, count in enumerate(counts):
        for index in range(needed[sequence]):
            table[sequence, index] = block
            first = index * block_size
            used = min(block_size, count - first)
            start = padded - count + first
            for layer, pair in enumerate(layers):
                for place, tensor in enumerate(pair):
                    pool[block, layer, place, :, :used] = tensor[sequence, :, start : start + used]
            block += 1
    return pool, table


def to_contiguous(pool: Tensor, block_table: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
    blocks, layers, _, heads, block_size, width = pool.shape
    counts = [int(length) for length in lengths]
    rows: list[list[int]] = block_table.tolist()
    for count, row in zip(counts, rows):
        needed = -(-count // block_size)
        if needed > len(row) or any(not 0 <= block < blocks for block in row[:needed]):
            raise ValueError("a sequence lacks a block")
    padded = max(counts)
    whole = pool.new_zeros((layers, 2, len(counts), heads, padded, width))
    for sequence, count in enumerate(counts):
        for first in range(0, count, block_size):
            used = min(block_size, count - first)
            start = padded - count + first
            whole[:, :, sequence, :, start : start + used] = pool[rows[sequence][first // block_size], :, :, :, :used]
    return [(layer[0], layer[1]) for layer in whole]


def append_token(pool: Tensor, block_table: Tensor, lengths: Tensor, keys: Tensor, values: Tensor) -> None:
    blocks, block_size = pool.shape[0], pool.shape[4]
    rows: list[list[int]] = block_table.tolist()
    places: list[tuple[int, int]] = []
    for row, length in zip(rows, lengths.tolist()):
        column = length // block_size
        if column >= len(row) or not 0 <= row[column] < blocks:
            raise ValueError("a sequence has no block for its next token")
        places.append((row[column], length % block_size))
    for sequence, (block, slot) in enumerate(places):
        pool[block, :, 0, :, slot] = keys[:, sequence]
        pool[block, :, 1, :, slot] = values[:, sequence]
    lengths += 1
