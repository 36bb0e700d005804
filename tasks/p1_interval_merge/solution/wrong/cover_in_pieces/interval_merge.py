"""Closes a cover at every end, so that parts which touch stay apart.

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
        if start != end:
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
    return _union(_checked(intervals), gap)


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    kept = _union(_checked(intervals))
    taken = _union(_checked(holes))
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
    """Parts covered often enough."""
    events = sorted([(end, -1) for _, end in intervals] + [(start, 1) for start, _ in intervals])
    count, begin = 0, 0
    for where, change in events:
        if change == 1 and count == times - 1:
            begin = where
        elif change == -1 and count == times:
            yield begin, where
        count += change


def covered(intervals: Iterable[Interval], times: int) -> list[Interval]:
    if times < 1:
        raise ValueError("times is below 1")
    return list(_parts(_checked(intervals), times))
