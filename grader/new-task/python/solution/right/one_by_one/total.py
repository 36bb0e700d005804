"""A right solution: adds in a loop.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""


def total(numbers: list[int]) -> int:
    result = 0
    for number in numbers:
        result += number
    return result
