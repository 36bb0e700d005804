"""Reference solution: every function is one sweep over the ends, in order.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Interval = tuple[int, int]


def _read(intervals: Iterable[Interval]) -> list[Interval]:
    """Those that are not empty, each checked."""
    kept = []
    for interval in intervals:
        if not isinstance(interval, (tuple, list)) or len(interval) != 2:
            raise TypeError(f"an interval is a tuple or a list of two int, not {interval!r}")
        start, end = interval
        if any(isinstance(bound, bool) or not isinstance(bound, int) for bound in (start, end)):
            raise TypeError(f"an interval has ends of type int, not {interval!r}")
        if start > end:
            raise ValueError(f"an interval starts before its end, unlike {interval!r}")
        if start < end:
            kept.append((start, end))
    return kept


def _sweep(steps: list[tuple[int, int, int]], holds: Callable[[int, int], bool]) -> list[Interval]:
    """Where `holds` is true of the two sums that the steps (where, added, added) come to so far."""
    steps.sort()
    result: list[Interval] = []
    first = second = index = 0
    start: int | None = None
    while index < len(steps):
        where = steps[index][0]
        while index < len(steps) and steps[index][0] == where:
            first += steps[index][1]
            second += steps[index][2]
            index += 1
        if holds(first, second):
            start = where if start is None else start
        elif start is not None:
            result.append((start, where))
            start = None
    return result


def _steps(intervals: list[Interval]) -> list[tuple[int, int, int]]:
    return [step for start, end in intervals for step in ((start, 1, 0), (end, -1, 0))]


def merge(intervals: Iterable[Interval], gap: int = 0) -> list[Interval]:
    if gap < 0:
        raise ValueError(f"gap is zero or more, not {gap}")
    stretched = [(start, end + gap) for start, end in _read(intervals)]
    return [(start, end - gap) for start, end in _sweep(_steps(stretched), lambda count, _: count > 0)]


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    steps = _steps(_read(intervals))
    steps += [(where, 0, change) for where, change, _ in _steps(_read(holes))]
    return _sweep(steps, lambda count, hole_count: count > 0 and hole_count == 0)


def covered(intervals: Iterable[Interval], times: int) -> list[Interval]:
    if times < 1:
        raise ValueError(f"times is one or more, not {times}")
    return _sweep(_steps(_read(intervals)), lambda count, _: count >= times)
