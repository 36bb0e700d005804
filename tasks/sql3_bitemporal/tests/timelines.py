"""What is to be answered, by painting one known change after the other over the days.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import math

from logs import Log

Row = tuple[int, int, int | None, int, int, int]

# First day, first day no longer (infinite without end), and rate.
Span = tuple[int, float, int | None]


def expected_rows(log: Log) -> list[Row]:
    """The rows in their order."""
    rows: list[Row] = []
    for question, contract, known_at in sorted(log.questions):
        known = [use for use in log.usages if use[1] == contract and use[4] <= known_at]
        replaced = {use[5] for use in known}
        counting = [(use[2], use[3]) for use in known if use[0] not in replaced]
        for start, end, cents in _merge(_paint(log, contract, known_at)):
            units = [amount for day, amount in counting if start <= day < end]
            last = None if math.isinf(end) else int(end)
            rows.append((question, start, last, cents, sum(units), len(units)))
    return rows


def _paint(log: Log, contract: int, known_at: int) -> list[Span]:
    spans: list[Span] = []
    changes = [change for change in log.changes if change[1] == contract and change[5] <= known_at]
    for _, _, start, valid_to, cents, _ in sorted(changes, key=lambda change: (change[5], change[0])):
        end = math.inf if valid_to is None else valid_to
        if end <= start:
            continue
        kept: list[Span] = []
        for first, last, rate in spans:
            if first < start:
                kept.append((first, min(last, start), rate))
            if last > end:
                kept.append((max(first, int(end)), last, rate))
        spans = [*kept, (start, end, cents)]
    return sorted(spans, key=lambda span: span[0])


def _merge(spans: list[Span]) -> list[tuple[int, float, int]]:
    merged: list[tuple[int, float, int]] = []
    for start, end, cents in spans:
        if cents is None:
            continue
        if merged and merged[-1][1] == start and merged[-1][2] == cents:
            merged[-1] = (merged[-1][0], end, cents)
        else:
            merged.append((start, end, cents))
    return merged
