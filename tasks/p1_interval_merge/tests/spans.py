"""Results by counting unit cells one by one, and intervals to ask about.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

Interval = tuple[int, int]


def count_cells(intervals: Iterable[Interval]) -> Counter[int]:
    """How many of the intervals hold [x, x + 1), for each x that is in any."""
    return Counter(cell for start, end in intervals for cell in range(start, end))


def join_cells(cells: Iterable[int], gap: int = 0) -> list[Interval]:
    """The fewest intervals over these cells; those no farther apart than `gap` become one."""
    runs: list[Interval] = []
    for cell in sorted(cells):
        if runs and cell - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], cell + 1)
        else:
            runs.append((cell, cell + 1))
    return runs


def expected_merge(intervals: list[Interval], gap: int = 0) -> list[Interval]:
    return join_cells(count_cells(intervals), gap)


def expected_subtract(intervals: list[Interval], holes: list[Interval]) -> list[Interval]:
    return join_cells(count_cells(intervals).keys() - count_cells(holes).keys())


def expected_covered(intervals: list[Interval], times: int) -> list[Interval]:
    return join_cells(cell for cell, count in count_cells(intervals).items() if count >= times)


def make_random_intervals(randomness: random.Random, most: int) -> list[Interval]:
    """Up to `most` intervals between -20 and 40, empty ones among them."""
    intervals = []
    for _ in range(randomness.randint(0, most)):
        start = randomness.randint(-20, 32)
        intervals.append((start, start + randomness.randint(0, 8)))
    return intervals
