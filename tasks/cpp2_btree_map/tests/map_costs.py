"""What maps of many entries may cost, as the instruction states it.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import math
from collections.abc import Callable

from checking import CheckFailed, Ended, new_nonce

COUNT = 20_000
ALLOCATIONS_MAX = 5_000
MOVES_MAX = 200 * COUNT
ORDERS = ("ascending", "descending", "random")


def comparisons_max(count: int) -> int:
    return int(2 * math.log2(count + 1) + 16)


class Costs:
    """Has the driver fill and empty maps once, for all checks together."""

    def __init__(self, run: Callable[[bytes], Ended]) -> None:
        self.run = run
        self.filled: list[list[int]] = []
        self.emptied: list[list[int]] = []
        self.ranges: list[list[int]] = []
        self.comparisons: list[list[int]] = []

    def check_insertions(self) -> None:
        for order, (allocations, moves, copies, _, _) in zip(ORDERS, self._measure(self.filled), strict=True):
            what = f"inserting {COUNT} keys in {order} order"
            _require(what, "allocations", allocations, ALLOCATIONS_MAX)
            _require(what, "moves of keys", moves, MOVES_MAX)
            _require(what, "copies of keys", copies, 0)

    def check_erasures(self) -> None:
        for order, (allocations, moves, copies, _, checksum, left) in zip(
            ORDERS, self._measure(self.emptied), strict=True
        ):
            what = f"erasing {COUNT} keys in {order} order"
            _require(what, "allocations", allocations, ALLOCATIONS_MAX)
            _require(what, "moves of keys", moves, MOVES_MAX)
            _require(what, "copies of keys", copies, 0)
            if left != 0 or checksum != _checksum(ORDERS.index(order)):
                raise CheckFailed(f"{what} met other keys than it should, or left some")

    def check_positions(self) -> None:
        """Only the first two: in random order the driver itself looks for the keys."""
        for order, measured in list(zip(ORDERS, self._measure(self.emptied), strict=True))[:2]:
            _require(f"erasing {COUNT} keys by position in {order} order", "comparisons", measured[3], 0)
        for count, _, _, copies, comparisons in self._measure(self.ranges):
            _require(f"erasing a range of {count}", "comparisons", comparisons, 0)
            _require(f"erasing a range of {count}", "copies of keys", copies, 0)

    def check_ranges(self) -> None:
        expected = [10, 5_000, 0, 1, COUNT - 5_200]
        found = [count for count, *_ in self._measure(self.ranges)]
        if found != expected:
            raise CheckFailed(f"expected to erase ranges of {expected} keys, found {found}")
        for count, allocations, moves, _, _ in self._measure(self.ranges):
            _require(f"erasing a range of {count}", "allocations", allocations, 100)
            _require(f"erasing a range of {count}", "moves of keys", moves, 100 * count + 1_000)

    def check_comparisons(self) -> None:
        for order, measured in zip(ORDERS, self._measure(self.filled), strict=True):
            _require(f"inserting keys in {order} order", "comparisons in a call", measured[4], comparisons_max(COUNT))
        for count, (most,) in zip((2_000, 100), self._measure(self.comparisons), strict=True):
            _require(f"operations on {count} keys", "comparisons in a call", most, comparisons_max(count))

    def _measure(self, wanted: list[list[int]]) -> list[list[int]]:
        if not self.filled:
            requests = []
            for order in range(3):
                requests += ["new 1", f"fill 0 {order} {COUNT}", f"empty_out 0 {order} {COUNT}"]
            requests += ["new 1", f"fill 0 2 {COUNT}"]
            # Less than two hundred keys stay, in a map that was large.
            ranges = [(100, 110), (5_000, 10_000), (7_000, 7_000), (50, 51), (200, COUNT)]
            requests += [f"cost_range 0 {first} {last}" for first, last in ranges]
            requests += ["fill 0 2 100", "look_up_all 0 100", "new 1", "fill 0 2 2000", "look_up_all 0 2000"]
            answers = self._ask(requests)
            for order in range(3):
                self.filled.append(answers[3 * order + 1])
                self.emptied.append(answers[3 * order + 2])
            self.ranges += answers[11:16]
            self.comparisons += [answers[20], answers[17]]
        return wanted

    def _ask(self, requests: list[str]) -> list[list[int]]:
        nonce = new_nonce()
        ended = self.run("".join(line + "\n" for line in [nonce, *requests]).encode())
        lines = ended.answer.decode("utf-8", "replace").split("\n")[:-1]
        if ended.fault is not None or len(lines) != len(requests) + 1 or lines[-1] != f"end {nonce}":
            fault = ended.fault or "answered otherwise"
            raise CheckFailed(f"a map of {COUNT} keys: the program {fault} {ended.errors[:500]}")
        return [[int(word) for word in line.split()] if line != "new" else [] for line in lines[:-1]]


def _checksum(order: int) -> int:
    checksum = 0
    for at in range(COUNT):
        key = (at, COUNT - 1 - at, (at * 7919 + 13) % COUNT)[order]
        checksum = (checksum * 31 + key) % 1_000_003
    return checksum


def _require(what: str, unit: str, found: int, most: int) -> None:
    if found > most:
        raise CheckFailed(f"{what}: at most {most} {unit} are allowed, found {found}")
