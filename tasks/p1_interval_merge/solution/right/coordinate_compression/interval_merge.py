"""Cuts the line at all ends, counts each stretch by running sums, joins the stretches wanted.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise

Interval = tuple[int, int]


def _checked(intervals: Iterable[Interval]) -> list[Interval]:
    result = []
    for interval in intervals:
        if type(interval) not in (tuple, list):
            raise TypeError("an interval must be a tuple or a list")
        if [type(end) for end in interval] != [int, int]:
            raise TypeError("an interval must have two members of type int")
        if interval[1] < interval[0]:
            raise ValueError("an interval must not end before it starts")
        result.append((interval[0], interval[1]))
    return result


def _counts(intervals: list[Interval], cuts: list[int]) -> list[int]:
    """How many intervals cover each stretch between one cut and the next."""
    changes = dict.fromkeys(cuts, 0)
    for start, end in intervals:
        changes[start] += 1
        changes[end] -= 1
    return list(accumulate(changes.values()))


def _joined(stretches: Iterable[Interval], gap: int = 0) -> list[Interval]:
    result: list[Interval] = []
    for start, end in stretches:
        if result and start - result[-1][1] <= gap:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _cuts(*groups: list[Interval]) -> list[int]:
    return sorted({end for group in groups for interval in group for end in interval})


def merge(intervals: Iterable[Interval], gap: int = 0) -> list[Interval]:
    if gap < 0:
        raise ValueError("gap must not be negative")
    return _joined(covered(intervals, 1), gap)


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    kept, taken = _checked(intervals), _checked(holes)
    cuts = _cuts(kept, taken)
    counts = zip(pairwise(cuts), _counts(kept, cuts), _counts(taken, cuts))
    return _joined(stretch for stretch, inside, removed in counts if inside and not removed)


def covered(intervals: Iterable[Interval], times: int) -> list[Interval]:
    if times < 1:
        raise ValueError("times must be at least 1")
    checked = _checked(intervals)
    cuts = _cuts(checked)
    return _joined(stretch for stretch, count in zip(pairwise(cuts), _counts(checked, cuts)) if count >= times)
