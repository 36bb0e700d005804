"""What each layer of a model would predict; see the instruction."""

from tiny_lm import TinyLm
from torch import Tensor


def logit_lens(model: TinyLm, tokens: Tensor, targets: Tensor) -> dict[str, Tensor]:
    raise NotImplementedError
