"""Leaves the timer of a cancelled burst behind, which ends the next one of that key.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

Emission = tuple[int, str, list[object]]


@dataclass
class _Burst:
    number: int
    key: str
    last_moment: int | None
    due: int = 0
    values: list[object] = field(default_factory=list)


class Debouncer:
    def __init__(self, wait: int, *, max_wait: int | None = None, leading: bool = False) -> None:
        if wait < 1:
            raise ValueError(f"wait is 1 or more, not {wait}")
        if max_wait is not None and max_wait < wait:
            raise ValueError(f"max_wait is at least wait, {wait}, not {max_wait}")
        self._wait = wait
        self._max_wait = max_wait
        self._leading = leading
        self._bursts: dict[str, _Burst] = {}
        self._heap: list[tuple[int, int, _Burst]] = []
        self._begun = 0
        self._time: int | None = None

    def push(self, time: int, key: str, value: object) -> list[Emission]:
        emissions = self.advance(time)
        burst = self._bursts.get(key)
        if burst is None:
            last_moment = None if self._max_wait is None else time + self._max_wait
            burst = self._bursts[key] = _Burst(self._begun, key, last_moment)
            self._begun += 1
            if self._leading:
                emissions.append((time, key, [value]))
            else:
                burst.values.append(value)
        else:
            burst.values.append(value)
        burst.due = time + self._wait if burst.last_moment is None else min(time + self._wait, burst.last_moment)
        heapq.heappush(self._heap, (burst.due, burst.number, burst))
        return emissions

    def advance(self, time: int) -> list[Emission]:
        self._step_to(time)
        emissions: list[Emission] = []
        while self._heap and self._heap[0][0] <= time:
            due, _, burst = heapq.heappop(self._heap)
            if self._is_current(due, burst):
                burst = self._bursts.pop(burst.key)
                if burst.values:
                    emissions.append((due, burst.key, burst.values))
        return emissions

    def flush(self, time: int) -> list[Emission]:
        self._step_to(time)
        # A dict keeps the order in which bursts began, since each is taken out when it ends.
        emissions = [(min(burst.due, time), burst.key, burst.values) for burst in self._bursts.values() if burst.values]
        self._bursts.clear()
        self._heap.clear()
        return sorted(emissions, key=lambda emission: emission[0])

    def cancel(self, key: str) -> int:
        burst = self._bursts.pop(key, None)
        return 0 if burst is None else len(burst.values)

    def next_due(self) -> int | None:
        return min((burst.due for burst in self._bursts.values() if burst.values), default=None)

    def _step_to(self, time: int) -> None:
        if self._time is not None and time < self._time:
            raise ValueError(f"the time went back from {self._time} to {time}")
        self._time = time

    def _is_current(self, due: int, burst: _Burst) -> bool:
        return burst.key in self._bursts and due >= burst.due
