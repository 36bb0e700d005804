"""One timer a burst: it is looked at when it fires and set anew if the burst has been put off.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq
import itertools

Emission = tuple[int, str, list[object]]


class _Burst:
    def __init__(self, key: str, deadline: float) -> None:
        self.key = key
        self.deadline = deadline
        self.quiet_at = 0
        self.values: list[object] = []
        self.is_over = False

    def due(self) -> int:
        return int(min(self.quiet_at, self.deadline)) if self.deadline != float("inf") else self.quiet_at


class Debouncer:
    def __init__(self, wait: int, *, max_wait: int | None = None, leading: bool = False) -> None:
        if wait < 1:
            raise ValueError("wait must be at least 1")
        if max_wait is not None and max_wait < wait:
            raise ValueError("max_wait must be at least wait")
        self._wait = wait
        self._max_wait = float("inf") if max_wait is None else max_wait
        self._leading = leading
        self._open: dict[str, _Burst] = {}
        self._timers: list[tuple[int, int, _Burst]] = []
        self._numbers = itertools.count()
        self._now: int | None = None

    def _check(self, time: int) -> None:
        if self._now is not None and self._now > time:
            raise ValueError(f"{time} lies before {self._now}")
        self._now = time

    def push(self, time: int, key: str, value: object) -> list[Emission]:
        result = self.advance(time)
        burst = self._open.get(key)
        if burst is not None:
            burst.quiet_at = time + self._wait
            burst.values.append(value)
            return result
        burst = _Burst(key, time + self._max_wait)
        burst.quiet_at = time + self._wait
        self._open[key] = burst
        heapq.heappush(self._timers, (burst.due(), next(self._numbers), burst))
        if not self._leading:
            burst.values.append(value)
            return result
        return [*result, (time, key, [value])]

    def advance(self, time: int) -> list[Emission]:
        self._check(time)
        result = []
        while self._timers and self._timers[0][0] <= time:
            _, number, burst = self._timers[0]
            if burst.is_over:
                heapq.heappop(self._timers)
            elif burst.due() > self._timers[0][0]:
                heapq.heapreplace(self._timers, (burst.due(), number, burst))
            else:
                heapq.heappop(self._timers)
                self._close(burst)
                if burst.values:
                    result.append((burst.due(), burst.key, burst.values))
        return result

    def flush(self, time: int) -> list[Emission]:
        self._check(time)
        left = sorted((min(burst.due(), time), number, burst) for _, number, burst in self._timers if not burst.is_over)
        for _, _, burst in left:
            self._close(burst)
        return [(moment, burst.key, burst.values) for moment, _, burst in left if burst.values]

    def cancel(self, key: str) -> int:
        burst = self._open.get(key)
        if burst is None:
            return 0
        self._close(burst)
        return len(burst.values)

    def next_due(self) -> int | None:
        moments = [burst.due() for burst in self._open.values() if len(burst.values) > 0]
        return min(moments) if moments else None

    def _close(self, burst: _Burst) -> None:
        burst.is_over = True
        del self._open[burst.key]
