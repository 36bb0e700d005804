"""Scripts of cache calls, with the answers that a right cache gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from collections import OrderedDict

# Keys that agree modulo this are the same to the driver's Equal.
KEY_MODULUS = 1_000_000
CALLS_MAX = 8
WORD = (1 << 64) - 1


class Cache:
    """What a right cache holds: entries by what Equal sees of their key, the least recently used one first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.entries: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def put(self, key: int, value: int) -> tuple[int, int] | None:
        same = key % KEY_MODULUS
        stored = self.entries.get(same)
        self.entries[same] = (key if stored is None else stored[0], value)
        self.entries.move_to_end(same)
        return self.entries.popitem(last=False)[1] if len(self.entries) > self.capacity else None

    def get(self, key: int) -> int | None:
        value = self.peek(key)
        if value is not None:
            self.entries.move_to_end(key % KEY_MODULUS)
        return value

    def peek(self, key: int) -> int | None:
        entry = self.entries.get(key % KEY_MODULUS)
        return None if entry is None else entry[1]

    def erase(self, key: int) -> bool:
        return self.entries.pop(key % KEY_MODULUS, None) is not None

    def resize(self, capacity: int) -> None:
        self.capacity = capacity
        while len(self.entries) > capacity:
            self.entries.popitem(last=False)

    def take(self, other: Cache) -> None:
        self.capacity, self.entries = other.capacity, OrderedDict(other.entries)


class Script:
    """Calls for the driver, each with the answers that a right cache can give."""

    def __init__(self) -> None:
        self.caches: dict[int, Cache] = {}
        self.unique = Cache(3)
        self.names: dict[int, str] = {}
        self.steps: list[tuple[str, tuple[str, ...]]] = []

    def create(self, capacity: int | str, slot: int = 0) -> Script:
        if capacity == 0:
            self.caches.pop(slot, None)
            return self._step(f"create {slot} 0", "invalid_argument")
        self.caches[slot] = Cache(WORD if capacity == "max" else int(capacity))
        return self._step(f"create {slot} {capacity}", "created")

    def destroy(self, slot: int = 0) -> Script:
        self.caches.pop(slot, None)
        return self._step(f"destroy {slot}", str(self._alive()))

    def state(self, slot: int = 0) -> Script:
        return self._step(f"state {slot}", self._describe(slot))

    def put(self, key: int, value: int, slot: int = 0) -> Script:
        return self._step(f"put {slot} {key} {value}", _entry(self.caches[slot].put(key, value)))

    def make(self, key: int, value: int, slot: int = 0) -> Script:
        found = self.caches[slot].get(key)
        if found is None:
            self.caches[slot].put(key, value)
        return self._step(f"make {slot} {key} {value}", f"{value} 1" if found is None else f"{found} 0")

    def get(self, key: int, slot: int = 0) -> Script:
        return self._step(f"get {slot} {key}", _value(self.caches[slot].get(key)))

    def peek(self, key: int, slot: int = 0) -> Script:
        return self._step(f"peek {slot} {key}", _value(self.caches[slot].peek(key)))

    def contains(self, key: int, slot: int = 0) -> Script:
        return self._step(f"contains {slot} {key}", "false" if self.caches[slot].peek(key) is None else "true")

    def erase(self, key: int, slot: int = 0) -> Script:
        return self._step(f"erase {slot} {key}", "true" if self.caches[slot].erase(key) else "false")

    def clear(self, slot: int = 0) -> Script:
        self.caches[slot].entries.clear()
        return self._step(f"clear {slot}", "cleared")

    def resize(self, capacity: int, slot: int = 0) -> Script:
        if capacity == 0:
            return self._step(f"resize {slot} 0", "invalid_argument")
        self.caches[slot].resize(capacity)
        return self._step(f"resize {slot} {capacity}", "resized")

    def hold(self, key: int, slot: int = 0) -> Script:
        """Keeps the pointer that `get` returned."""
        return self._step(f"hold {slot} {key}", _value(self.caches[slot].get(key)))

    def held(self, value: int) -> Script:
        """What the kept pointer points to, in whichever cache."""
        return self._step(f"held {next(iter(self.caches))}", str(value))

    def trial(self, failing: str, operation: str, key: int, value: int, slot: int = 0) -> Script:
        """A call of which the first, the second, ... operation of a kind fails; an implementation may have none."""
        before = self._describe(slot)
        result = Script()
        result.caches = self.caches
        getattr(result, operation)(key, value, slot)
        self._step(f"trial {slot} {failing} {operation} {key} {value}", before, "never")
        # The driver sends the result as a line of its own.
        self._step("", *result.steps[0][1])
        return self.state(slot)

    def fail_to_make(self, key: int, slot: int = 0) -> Script:
        return self._step(f"fail {slot} {key}", "injected 1").state(slot)

    def copy(self, source: int, target: int) -> Script:
        return self._transfer("copy", source, target)

    def assign(self, source: int, target: int) -> Script:
        return self._transfer("assign", source, target)

    def move(self, source: int, target: int) -> Script:
        return self._transfer("move", source, target)

    def move_assign(self, source: int, target: int) -> Script:
        return self._transfer("moveassign", source, target)

    def unique_call(self, operation: str, name: str, value: int = 0) -> Script:
        """On a cache of capacity 3 with strings as keys and values that can only be moved."""
        key = int.from_bytes(name.encode())
        self.names[key] = name
        if operation == "put":
            evicted = self.unique.put(key, value)
            return self._step(
                f"unique put {name} {value}", "none" if evicted is None else f"{self.names[evicted[0]]}={evicted[1]}"
            )
        if operation == "make":
            found = self.unique.get(key)
            if found is None:
                self.unique.put(key, value)
            return self._step(f"unique make {name} {value}", str(value if found is None else found))
        return self._step(f"unique get {name}", _value(self.unique.get(key)))

    def churn(self, calls: int, bound: int, seed: int, slot: int = 0) -> Script:
        cache, state, digest = self.caches[slot], seed, 0
        for i in range(calls):
            state = (state * 6364136223846793005 + 1442695040888963407) & WORD
            key = (state >> 33) % bound
            match state >> 20 & 3:
                case 0:
                    evicted = cache.put(key, i)
                    result = 0 if evicted is None else evicted[0] * 31 + evicted[1] + 1
                case 1:
                    found = cache.get(key)
                    if found is None:
                        cache.put(key, i)
                    result = i if found is None else found
                case 2:
                    result = int(cache.erase(key))
                case _:
                    found = cache.get(key)
                    result = 0 if found is None else found + 1
            digest = ((digest ^ result) * 1099511628211) & WORD
        self._step(f"churn {slot} {calls} {bound} {seed}", str(digest))
        few = range(CALLS_MAX + 1)
        return self._step("", *(f"{hashes} {comparisons}" for hashes in few for comparisons in few))

    def end(self) -> Script:
        """Destroys all caches; nothing may be left allocated."""
        return self._step("allocated", "0")

    def request(self) -> list[str]:
        return [step for step, _ in self.steps if step != ""]

    def _transfer(self, operation: str, source: int, target: int) -> Script:
        moved = self.caches[source]
        if operation in ("copy", "move"):
            self.caches[target] = Cache(moved.capacity)
        if source != target:
            self.caches[target].take(moved)
            if operation in ("move", "moveassign"):
                moved.entries.clear()
        return self._step(f"{operation} {source} {target}", "done")

    def _alive(self) -> int:
        return sum(len(cache.entries) for cache in self.caches.values())

    def _describe(self, slot: int) -> str:
        cache = self.caches[slot]
        entries = [f" {key}={value}" for key, value in reversed(cache.entries.values())]
        return f"{cache.capacity} {len(entries)} {self._alive()}{''.join(entries)}"

    def _step(self, request: str, *answers: str) -> Script:
        self.steps.append((request, answers))
        return self


def filled(capacity: int, keys: int, slot: int = 0, script: Script | None = None) -> Script:
    """A cache that got the keys 1, 2, ... with ten times the key as the value."""
    script = (script or Script()).create(capacity, slot)
    for key in range(1, keys + 1):
        script.put(key, 10 * key, slot)
    return script


def random_script(seed: int) -> Script:
    randomness = random.Random(seed)
    script = Script().create(randomness.randint(1, 6))
    for step in range(500):
        key = randomness.randrange(9) + KEY_MODULUS * randomness.randrange(3)
        match randomness.randrange(12):
            case 0 | 1 | 2:
                script.put(key, step)
            case 3 | 4:
                script.get(key)
            case 5:
                script.peek(key)
            case 6 | 7:
                script.make(key, step)
            case 8:
                script.erase(key)
            case 9:
                script.contains(key)
            case 10:
                script.resize(randomness.randint(0, 6))
            case _:
                if randomness.random() < 0.1:
                    script.clear()
        script.state()
    return script


def _entry(entry: tuple[int, int] | None) -> str:
    return "none" if entry is None else f"{entry[0]}={entry[1]}"


def _value(value: int | None) -> str:
    return "none" if value is None else str(value)
