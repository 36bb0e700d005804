from __future__ import annotations

from collections.abc import Iterable

Interval = tuple[int, int]


def merge(intervals: Iterable[Interval], gap: int = 0) -> list[Interval]:
    raise NotImplementedError


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> list[Interval]:
    raise NotImplementedError


def covered(intervals: Iterable[Interval], times: int) -> list[Interval]:
    raise NotImplementedError
