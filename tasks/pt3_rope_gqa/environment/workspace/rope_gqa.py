"""Grouped-query attention with rotary embedding; see the instruction."""

from torch import Tensor


def attend(
    x: Tensor,
    wq: Tensor,
    wk: Tensor,
    wv: Tensor,
    wo: Tensor,
    *,
    heads: int,
    kv_heads: int,
    positions: Tensor,
    base: float = 10000.0,
    is_real: Tensor | None = None,
    past: object = None,
) -> tuple[Tensor, object]:
    raise NotImplementedError
