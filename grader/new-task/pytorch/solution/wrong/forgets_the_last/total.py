"""A wrong solution: leaves out the last number.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

import torch


def total(numbers: torch.Tensor) -> torch.Tensor:
    return numbers[:-1].sum()
