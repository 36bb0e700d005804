"""Scripts of ring buffer calls, with the answers that a right ring buffer gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random

CAPACITY_MAX = 1 << 24

# "max" stands for SIZE_MAX, whatever its width.
Size = int | str


class Ring:
    """What a right ring buffer holds and returns."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.content = b""

    def append(self, data: bytes) -> int:
        kept = data[: self.capacity - len(self.content)]
        self.content += kept
        return len(kept)

    def overwrite(self, data: bytes) -> int:
        everything = self.content + data
        self.content = everything[-self.capacity :]
        return len(everything) - len(self.content)

    def remove(self, count: Size) -> bytes:
        length = len(self.content) if count == "max" else int(count)
        removed, self.content = self.content[:length], self.content[length:]
        return removed

    def peek(self, offset: Size, count: Size) -> bytes:
        if offset == "max":
            return b""
        rest = self.content[int(offset) :]
        return rest if count == "max" else rest[: int(count)]

    def resize(self, capacity: int) -> bool:
        if not 0 < capacity <= CAPACITY_MAX or capacity < len(self.content):
            return False
        self.capacity = capacity
        return True


class Script:
    """Calls for the driver, each with the answers that a right ring buffer can give."""

    def __init__(self) -> None:
        self.rings: dict[int, Ring] = {}
        self.steps: list[tuple[str, tuple[str, ...]]] = []

    def create(self, capacity: Size, ring: int = 0) -> Script:
        is_valid = capacity != "max" and 0 < int(capacity) <= CAPACITY_MAX
        if is_valid:
            self.rings[ring] = Ring(int(capacity))
        return self._step(f"create {ring} {capacity}", "ring" if is_valid else "null")

    def destroy(self, ring: int = 0) -> Script:
        self.rings.pop(ring, None)
        return self._step(f"destroy {ring}", "destroyed")

    def nothing_allocated(self) -> Script:
        return self._step("allocated", "0")

    def nothing_printed(self) -> Script:
        return self._step("printed", "0")

    def create_without_memory(self, allowed: int) -> Script:
        """No more allocations than this succeed; an implementation that makes do with them may succeed as well."""
        self._allow(allowed)._step("create 0 1000", "null refused", "ring")
        return self._allow("max")._step("destroy 0", "destroyed")

    def grow_without_memory(self, ring: int = 0) -> Script:
        """As above; since the ring may have grown, the script must not depend on its capacity any more."""
        old = self.rings[ring].capacity
        new = 40 * old
        self._allow(0)._step(f"resize {ring} {new}", f"false refused {old}", f"true {new}")
        return self._allow("max")

    def _allow(self, allocations: Size) -> Script:
        return self._step(f"allow {allocations}")

    def state(self, ring: int = 0) -> Script:
        self._step(f"capacity {ring}", str(self.rings[ring].capacity))
        return self._step(f"size {ring}", str(len(self.rings[ring].content)))

    def write(self, data: bytes, ring: int = 0) -> Script:
        return self._step(f"write {ring} {len(data)} {data.hex()}", str(self.rings[ring].append(data)))

    def overwrite(self, data: bytes, ring: int = 0) -> Script:
        return self._step(f"overwrite {ring} {len(data)} {data.hex()}", str(self.rings[ring].overwrite(data)))

    def read(self, count: Size, ring: int = 0) -> Script:
        data = self.rings[ring].remove(count)
        return self._step(f"read {ring} {count} {len(data)}", f"{len(data)} {data.hex()}".rstrip())

    def peek(self, offset: Size, count: Size, ring: int = 0) -> Script:
        data = self.rings[ring].peek(offset, count)
        return self._step(f"peek {ring} {offset} {count} {len(data)}", f"{len(data)} {data.hex()}".rstrip())

    def discard(self, count: Size, ring: int = 0) -> Script:
        return self._step(f"discard {ring} {count}", str(len(self.rings[ring].remove(count))))

    def resize(self, capacity: Size, ring: int = 0) -> Script:
        is_done = capacity != "max" and self.rings[ring].resize(int(capacity))
        now = self.rings[ring].capacity
        return self._step(f"resize {ring} {capacity}", f"{'true' if is_done else 'false'} {now}")

    def fill(self, count: int, ring: int = 0) -> Script:
        pattern = bytes(range(251)) * (count // 251 + 1)
        return self._step(f"fill {ring} {count}", str(self.rings[ring].append(pattern[:count])))

    def churn(self, calls: int, ring: int = 0) -> Script:
        """The ring has to hold more than the calls take out and to have room for three bytes more."""
        content = self.rings[ring].content
        self.rings[ring].content = content[3 * calls :] + bytes(
            value for i in range(calls) for value in (i & 255, i >> 8 & 255, i >> 16 & 255)
        )
        return self._step(f"churn {ring} {calls}", str(6 * calls + sum(content[: 3 * calls])))

    def all(self, ring: int = 0) -> Script:
        """Reads back all that is stored, then shows that nothing is left."""
        return self.state(ring).peek(0, "max", ring).read("max", ring).state(ring)

    def _step(self, request: str, *answers: str) -> Script:
        """Without answers if the driver says nothing to it."""
        self.steps.append((request, answers))
        return self


def wrapped(capacity: int, data: bytes) -> Script:
    """A ring whose content lies across the end of its memory, however it is laid out."""
    start = capacity - len(data) // 2
    script = Script().create(capacity)
    return script.write(bytes(start)).discard(start).write(data)


def random_script(seed: int) -> Script:
    randomness = random.Random(seed)
    script = Script().create(randomness.randint(1, 24))
    sizes: list[Size] = [0, 1, 2, 3, 5, 8, 13, 30, "max"]
    for _ in range(600):
        data = randomness.randbytes(randomness.choice([0, 1, 2, 3, 5, 8, 13, 30]))
        match randomness.randrange(8):
            case 0 | 1:
                script.write(data)
            case 2:
                script.overwrite(data)
            case 3 | 4:
                script.read(randomness.choice(sizes))
            case 5:
                script.peek(randomness.choice(sizes), randomness.choice(sizes))
            case 6:
                script.discard(randomness.choice(sizes))
            case _:
                script.resize(randomness.randint(0, 30))
        script.state()
    return script.all().destroy().nothing_allocated()
