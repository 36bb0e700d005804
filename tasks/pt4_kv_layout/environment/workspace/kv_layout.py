"""A key-value cache in two layouts; see the instruction."""

from torch import Tensor


def to_paged(layers: list[tuple[Tensor, Tensor]], lengths: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    raise NotImplementedError


def to_contiguous(pool: Tensor, block_table: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
    raise NotImplementedError


def append_token(pool: Tensor, block_table: Tensor, lengths: Tensor, keys: Tensor, values: Tensor) -> None:
    raise NotImplementedError
