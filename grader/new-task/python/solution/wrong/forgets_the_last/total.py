"""A wrong solution: leaves out the last number.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""


def total(numbers: list[int]) -> int:
    return sum(numbers[:-1])
