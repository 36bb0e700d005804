"""Generation with a key-value cache; see the instruction."""

from tiny_lm import TinyLm
from torch import Tensor


def generate(
    model: TinyLm, prompt: list[int], max_new_tokens: int, *, stop: int | None = None
) -> tuple[list[int], Tensor]:
    raise NotImplementedError
