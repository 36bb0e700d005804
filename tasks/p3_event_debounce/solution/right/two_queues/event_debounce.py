"""All bursts wait equally long, so that a queue by latest and one by first event are sorted by themselves.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

Emission = tuple[int, str, list[object]]


class _Burst(NamedTuple):
    number: int
    first: int
    values: list[object]


class Debouncer:
    def __init__(self, wait: int, *, max_wait: int | None = None, leading: bool = False) -> None:
        if wait <= 0 or (max_wait is not None and max_wait < wait):
            raise ValueError("wait must be positive and max_wait no shorter")
        self.wait, self.max_wait, self.leading = wait, max_wait, leading
        self.by_first: OrderedDict[str, _Burst] = OrderedDict()
        self.by_latest: OrderedDict[str, int] = OrderedDict()
        self.count = 0
        self.now: int | None = None

    def push(self, time: int, key: str, value: object) -> list[Emission]:
        emissions = self.advance(time)
        if key in self.by_first:
            self.by_first[key].values.append(value)
        else:
            self.count += 1
            self.by_first[key] = _Burst(self.count, time, [] if self.leading else [value])
            if self.leading:
                emissions.append((time, key, [value]))
        self.by_latest[key] = time
        self.by_latest.move_to_end(key)
        return emissions

    def advance(self, time: int) -> list[Emission]:
        self._move_to(time)
        return self._end(time, [])

    def flush(self, time: int) -> list[Emission]:
        self._move_to(time)
        return self._end(time, list(self.by_first))

    def cancel(self, key: str) -> int:
        if key not in self.by_first:
            return 0
        del self.by_latest[key]
        return len(self.by_first.pop(key).values)

    def next_due(self) -> int | None:
        return min((self._due(key) for key, burst in self.by_first.items() if burst.values), default=None)

    def _move_to(self, time: int) -> None:
        if self.now is not None and time < self.now:
            raise ValueError("time went back")
        self.now = time

    def _due(self, key: str) -> int:
        due = self.by_latest[key] + self.wait
        if self.max_wait is not None:
            due = min(due, self.by_first[key].first + self.max_wait)
        return due

    def _end(self, time: int, others: list[str]) -> list[Emission]:
        keys = dict.fromkeys(others)
        for queue in (self.by_latest, self.by_first):
            for key in queue:
                if self._due(key) > time:
                    # A burst further on in the queue by latest may be due by max_wait: the other queue has it in front.
                    break
                keys[key] = None
        ended = []
        for key in keys:
            due = min(self._due(key), time)
            del self.by_latest[key]
            burst = self.by_first.pop(key)
            if burst.values:
                ended.append((due, burst.number, key, burst.values))
        ended.sort(key=lambda item: item[:2])
        return [(due, key, values) for due, _, key, values in ended]
