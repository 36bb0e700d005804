"""A key-value cache in two layouts: one flat slot number for each token, then a gather or a scatter.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

import torch
from torch import Tensor


def to_paged(layers: list[tuple[Tensor, Tensor]], lengths: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    padded = layers[0][0].shape[2]
    if block_size < 1 or bool(((lengths < 0) | (lengths > padded)).any()):
        raise ValueError("block_size or a length is out of range")
    needed = (lengths + block_size - 1) // block_size
    columns = torch.arange(int(needed.max()))
    first_blocks = needed.cumsum(0) - needed
    table = torch.where(columns < needed[:, None], first_blocks[:, None] + columns, -1)
    # [L, 2, B, H, T, D], then one row for each token in the order of sequences and tokens
    whole = torch.stack([torch.stack(pair) for pair in layers])
    is_token = torch.arange(padded) >= padded - lengths[:, None]
    tokens = whole.permute(2, 4, 0, 1, 3, 5)[is_token]
    sequence, position = is_token.nonzero(as_tuple=True)
    number = position - (padded - lengths[sequence])
    slots = first_blocks[sequence] * block_size + number
    flat = whole.new_zeros((int(needed.sum()) * block_size, *tokens.shape[1:]))
    flat[slots] = tokens
    pool = flat.unflatten(0, (int(needed.sum()), block_size))
    return pool.permute(0, 2, 3, 4, 1, 5).contiguous(), table


def to_contiguous(pool: Tensor, block_table: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
    blocks, block_size, width = pool.shape[0], pool.shape[4], block_table.shape[1]
    needed = (lengths + block_size - 1) // block_size
    if int(needed.max()) > width:
        raise ValueError("the table is too narrow")
    is_needed = torch.arange(width) < needed[:, None]
    if bool((is_needed & ((block_table < 0) | (block_table >= blocks))).any()):
        raise ValueError("the table names a block that does not exist")
    padded = int(lengths.max())
    number = torch.arange(padded) - (padded - lengths[:, None])
    token = number.clamp(min=0)
    columns = torch.div(token, block_size, rounding_mode="floor")
    safe = torch.where(is_needed, block_table, 0)
    if blocks == 0 or width == 0:
        whole = pool.new_zeros((len(lengths), padded, *pool.shape[1:4], pool.shape[5]))
    else:
        found = pool.permute(0, 4, 1, 2, 3, 5)[safe.gather(1, columns), token % block_size]
        whole = found * (number >= 0)[:, :, None, None, None, None].to(pool.dtype)
    layers = whole.permute(2, 3, 0, 4, 1, 5)
    return [(layer[0].clone(), layer[1].clone()) for layer in layers]


def append_token(pool: Tensor, block_table: Tensor, lengths: Tensor, keys: Tensor, values: Tensor) -> None:
    column = torch.div(lengths, pool.shape[4], rounding_mode="floor")
    if bool((column >= block_table.shape[1]).any()):
        raise ValueError("the table is too narrow")
    block = block_table.gather(1, column[:, None])[:, 0]
    if bool(((block < 0) | (block >= pool.shape[0])).any()):
        raise ValueError("the table names a block that does not exist")
    token = torch.stack((keys, values), dim=1).permute(2, 0, 1, 3, 4)
    pool.permute(0, 4, 1, 2, 3, 5).index_put_((block, lengths % pool.shape[4]), token)
    lengths.add_(1)
