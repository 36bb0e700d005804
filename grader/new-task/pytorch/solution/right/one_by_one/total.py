"""A right solution: adds in a loop.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

import torch


def total(numbers: torch.Tensor) -> torch.Tensor:
    result = torch.zeros((), dtype=torch.int64)
    for number in numbers:
        result = result + number
    return result
