"""Generation from a blend of prompts; see the instruction."""

from tiny_lm import TinyLm
from torch import Tensor


def generate_blended(
    model: TinyLm,
    prompts: list[list[int]],
    weights: list[float],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    stop: int | None = None,
    adaptive: bool = False,
) -> tuple[list[int], Tensor]:
    raise NotImplementedError
