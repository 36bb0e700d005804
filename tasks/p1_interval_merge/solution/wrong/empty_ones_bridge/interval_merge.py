"""Keeps empty intervals until the union is made, so that they shorten gaps.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Interval = tuple[int, int]


def _checked(intervals: Iterable[Interval]) -> list[Interval]:
    result = []
    for interval in intervals:
        if not isinstance(interval, (tuple, list)):
            raise TypeError(f"{interval!r} is neither a tuple nor a list")
        if len(interval) != 2 or any(not isinstance(end, int) or isinstance(end, bool) for end in interval):
            raise TypeError(f"{interval!r} does not have two ends of type int")
        start, end = interval
        if start > end:
            raise ValueError(f"{interval!r} ends before it starts")
        result.append((start, end))
    return result


def _union(intervals: list[Interval], gap: int = 0) -> list[Interval]:
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1] + gap:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def merge(intervals: Iterable[Interval], gap: int = 0) -> list[Interval]:
    if gap < 0:
        raise ValueError("gap is negative")
    return [(start, end) for start, end in _union(_checked(intervals), gap) if start != end]


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    kept = _union([pair for pair in _checked(intervals) if pair[0] != pair[1]])
    taken = _union([pair for pair in _checked(holes) if pair[0] != pair[1]])
    result: list[Interval] = []
    first = 0
    for start, end in kept:
        while first < len(taken) and taken[first][1] <= start:
            first += 1
        index = first
        while index < len(taken) and taken[index][0] < end:
            if start < taken[index][0]:
                result.append((start, taken[index][0]))
            start = max(start, taken[index][1])
            index += 1
        if start < end:
            result.append((start, end))
    return result


def _parts(intervals: list[Interval], times: int) -> Iterator[Interval]:
    """Parts covered often enough; some may touch."""
    starts = sorted(start for start, _ in intervals)
    ends = sorted(end for _, end in intervals)
    # Ordered by themselves, the n-th start opens and the n-th end closes one more or less.
    for index in range(times - 1, len(starts)):
        closing = ends[index - times + 1]
        if starts[index] < closing:
            yield starts[index], closing


def covered(intervals: Iterable[Interval], times: int) -> list[Interval]:
    if times < 1:
        raise ValueError("times is below 1")
    return _union(list(_parts(_checked(intervals), times)))
