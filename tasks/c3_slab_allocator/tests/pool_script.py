"""Scripts of calls by one thread, with what the judge demands of each answer.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable

SIZE_MAX = 65536
ALIGNMENT_MAX = 4096
FOREIGN_POINTERS = 9
WORD = (1 << 64) - 1

# What is wrong with an answer, as the end of a sentence; None if nothing is.
Demand = Callable[[str], str | None]


class Pool:
    def __init__(self, size: int, alignment: int, limit: int) -> None:
        self.size = size
        self.alignment = alignment
        self.limit = limit
        self.live: set[int] = set()
        self.most_live = 0

    def bytes_max(self) -> int:
        block = max(16, -(-self.size // self.alignment) * self.alignment)
        return 2 * self.most_live * block + 256 * 1024


class Script:
    """The pools' states are those of the time when the script is written; addresses come with the answers."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Demand]] = []
        self.pools: dict[int, Pool] = {}
        self.seeds: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.addresses: dict[int, int] = {}
        self.spans: list[tuple[int, int, int]] = []
        """Start, end and block of what is live, sorted."""
        self.held: list[int] = []

    def create(self, size: int, alignment: int = 16, limit: int | str = 1_000_000, slot: int = 0) -> Script:
        bound = WORD if limit == "max" else int(limit)
        self.pools[slot] = Pool(size, alignment, bound)
        return self._exact(f"create {slot} {size} {alignment} {limit}", "pool")

    def refuse(self, size: int | str, alignment: int | str, limit: int) -> Script:
        return self._exact(f"create 3 {size} {alignment} {limit}", "null")

    def alloc(self, *blocks: int, slot: int = 0) -> Script:
        pool = self.pools[slot]
        for block in blocks:
            seed = 7 * block + 1
            if len(pool.live) == pool.limit:
                self._exact(f"alloc {slot} {block} {seed}", "null")
                continue
            pool.live.add(block)
            pool.most_live = max(pool.most_live, len(pool.live))
            self.seeds[block], self.sizes[block] = seed, pool.size
            self.steps.append((f"alloc {slot} {block} {seed}", self._new_address(block, pool.size, pool.alignment)))
        return self

    def no_alloc(self, slot: int = 0) -> Script:
        return self._exact(f"alloc {slot} 4000 1", "null")

    def scarce(self, size: int, alignment: int, takes: int) -> Script:
        """A pool of its own whose source gives memory only so often, until it has failed once."""

        def demand(answer: str) -> str | None:
            words = answer.split(" ")
            if words[0] == "null":
                return None if words[1:] == ["0"] else "nothing held after a failed creation"
            if len(words) != 6 or words[0] != "pool" or not words[1].isdecimal():
                return "a pool or null"
            blocks = int(words[1])
            wanted = [str(blocks), "5", str(blocks + 5), "0"]
            return None if words[2:] == wanted else f"pool {blocks} {' '.join(wanted)}"

        self.steps.append((f"scarce 2 {size} {alignment} {takes}", demand))
        return self

    def free(self, *blocks: int, slot: int = 0) -> Script:
        for block in blocks:
            is_live = block in self.pools[slot].live
            self.pools[slot].live.discard(block)
            self.steps.append((f"free {slot} {block} 0", self._freed(block, is_live)))
        return self

    def free_trimmed(self, block: int, slot: int = 0) -> Script:
        return self._exact(f"free {slot} {block} 0", "double", "invalid")

    def free_at(self, block: int, offset: int, slot: int = 0) -> Script:
        """At an address where no block of this pool ever was."""
        return self._exact(f"free {slot} {block} {offset % (WORD + 1)}", "invalid")

    def free_null(self, slot: int = 0) -> Script:
        return self._exact(f"null {slot}", "ok")

    def free_foreign(self, slot: int = 0) -> Script:
        return self._exact(f"foreign {slot}", " ".join(["invalid"] * FOREIGN_POINTERS))

    def content(self, *blocks: int) -> Script:
        for block in blocks:
            self._exact(f"content {block}", str(_digest(self.seeds[block], self.sizes[block])))
        return self

    def live(self, slot: int = 0) -> Script:
        return self._exact(f"live {slot}", str(len(self.pools[slot].live)))

    def trim(self, slot: int = 0) -> Script:
        return self._exact(f"trim {slot}", "trimmed")

    def many(self, count: int, slot: int = 0) -> Script:
        pool = self.pools[slot]
        pool.most_live = max(pool.most_live, len(pool.live) + count)
        return self._exact(f"many {slot} {count}", f"{2 * count} {2 * count}")

    def destroy(self, slot: int = 0) -> Script:
        pool = self.pools.pop(slot, None)
        if pool is None:
            return self._exact(f"destroy {slot}", "0")
        return self._destroyed(f"destroy {slot}", pool)

    def takes(self, count: int | str) -> Script:
        """How often the source still gives memory."""
        return self._exact(f"takes {count}", "set")

    def memory(self, most: int | None = None, is_as_before: bool = False) -> Script:
        """Within the bound, or within another one; never given back wrongly nor taken elsewhere."""
        bound = sum(pool.bytes_max() for pool in self.pools.values())

        def demand(answer: str) -> str | None:
            words = answer.split(" ")
            if len(words) != 4 or not all(word.isdecimal() for word in words):
                return "four numbers"
            held, most_held, wrong, own = map(int, words)
            before = self.held[-1] if self.held else 0
            self.held.append(held)
            if wrong > 0 or own > 0:
                return f"no wrong return to the source (found {wrong}) and no other allocation (found {own})"
            if held > (bound if most is None else most):
                return f"at most {bound if most is None else most} bytes held"
            if most is None and most_held > bound:
                return f"at most {bound} bytes held at any time"
            if is_as_before and held > before:
                return f"no more than the {before} bytes held before"
            return None

        self.steps.append(("memory", demand))
        return self

    def printed(self) -> Script:
        return self._exact("printed", "0")

    def request(self) -> list[str]:
        return [step for step, _ in self.steps]

    def _exact(self, request: str, *answers: str) -> Script:
        self.steps.append((request, lambda answer: None if answer in answers else " or ".join(answers)))
        return self

    def _destroyed(self, request: str, pool: Pool) -> Script:
        live = set(pool.live)

        def demand(answer: str) -> str | None:
            for block in live:
                self._forget(block)
            return None if answer == str(len(live)) else str(len(live))

        self.steps.append((request, demand))
        return self

    def _new_address(self, block: int, size: int, alignment: int) -> Demand:
        def demand(answer: str) -> str | None:
            if not answer.isdecimal():
                return "a block"
            start = int(answer)
            if start == 0 or start % alignment != 0:
                return f"a multiple of {alignment}"
            place = bisect.bisect(self.spans, (start,))
            for first, end, other in self.spans[max(0, place - 1) : place + 1]:
                if start < end and first < start + size:
                    return f"an address apart from that of block {other}, {first} to {end}"
            self.spans.insert(place, (start, start + size, block))
            self.addresses[block] = start
            return None

        return demand

    def _freed(self, block: int, is_live: bool) -> Demand:
        wanted = "ok" if is_live else "double"

        def demand(answer: str) -> str | None:
            if is_live:
                self._forget(block)
            return None if answer == wanted else wanted

        return demand

    def _forget(self, block: int) -> None:
        del self.spans[bisect.bisect(self.spans, (self.addresses.pop(block),))]


def random_script(seed: int, size: int, alignment: int, limit: int) -> Script:
    """Never frees a block twice: whether its memory is in use again is up to the pool."""
    randomness = random.Random(seed)
    script = Script().create(size, alignment, limit)
    live: list[int] = []
    for block in range(500):
        if randomness.random() < (0.7 if block % 200 < 120 else 0.3) or not live:
            script.alloc(block)
            if len(live) < limit:
                live.append(block)
        else:
            chosen = live.pop(randomness.randrange(len(live)))
            script.content(chosen).free(chosen)
        if block % 50 == 49:
            script.live().memory()
            if randomness.random() < 0.5:
                script.trim()
    return script.content(*live).destroy().memory(0)


def _digest(seed: int, size: int) -> int:
    """Of the content that the driver writes to a block."""
    state, digest = seed, 0
    for _ in range(size):
        state = (state * 6364136223846793005 + 1442695040888963407) & WORD
        digest = (digest * 31 + (state >> 33 & 255)) & 0xFFFFFFFF
    return digest
