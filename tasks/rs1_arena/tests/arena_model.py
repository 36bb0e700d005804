"""What a right arena does, in a few lines of Python.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq

LAST_GENERATION = 65_535

Handle = tuple[int, int]


def show(handle: Handle) -> str:
    return f"{handle[0]}.{handle[1]}"


class Arena:
    """What a right arena holds: the last generation of each slot, and the values by slot."""

    def __init__(self) -> None:
        self.generations: list[int] = []
        self.values: dict[int, str] = {}
        self.free: list[int] = []

    def clone(self) -> Arena:
        copy = Arena()
        copy.generations, copy.values, copy.free = [*self.generations], {**self.values}, [*self.free]
        return copy

    def insert(self, value: str) -> Handle:
        if self.free:
            index = heapq.heappop(self.free)
            self.generations[index] += 1
        else:
            index = len(self.generations)
            self.generations.append(1)
        self.values[index] = value
        return index, self.generations[index]

    def contains(self, handle: Handle) -> bool:
        return handle[0] in self.values and self.generations[handle[0]] == handle[1]

    def remove_at(self, index: int) -> str:
        if self.generations[index] < LAST_GENERATION:
            heapq.heappush(self.free, index)
        return self.values.pop(index)

    def items(self) -> list[tuple[Handle, str]]:
        return [((index, self.generations[index]), self.values[index]) for index in sorted(self.values)]

    def show_items(self) -> list[str]:
        return [f"{show(handle)}={value}" for handle, value in self.items()]
