"""Scripts of arena calls, with the answers that a right arena gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random

from arena_model import Arena, Handle, show


class Script:
    """Calls for the driver, each with the answer that a right arena gives. Handles go by order of creation."""

    def __init__(self) -> None:
        self.arena = Arena()
        self.kept = Arena()
        self.handles: list[Handle] = []
        self.created = 0
        self.steps: list[tuple[str, str]] = []

    def insert(self, *texts: str) -> Script:
        for text in texts:
            self._note(self.arena.insert(text))
            self._step(f"insert {text}", show(self.handles[-1]))
        return self

    def insert_with(self, text: str) -> Script:
        handle = self.arena.insert(text)
        self.arena.values[handle[0]] = f"{text}@{show(handle)}"
        self._note(handle)
        return self._step(f"insert_with {text}", show(self.handles[-1]))

    def insert_panic(self) -> Script:
        return self._step("insert_panic", f"panicked {len(self.arena.values)}")

    def find(self, *numbers: int) -> Script:
        """Asks for these handles in each of the ways that look without changing."""
        for number in numbers:
            value = self._value(number)
            self._step(f"contains {number}", "false" if value is None else "true")
            self._step(f"get {number}", value or "-")
            self._step(f"index {number}", value or "panicked")
        return self

    def set(self, number: int, text: str) -> Script:
        value = self._value(number)
        if value is not None:
            self.arena.values[self.handles[number][0]] = text
        return self._step(f"set {number} {text}", value or "-")

    def index_set(self, number: int, text: str) -> Script:
        value = self._value(number)
        if value is not None:
            self.arena.values[self.handles[number][0]] = text
        return self._step(f"index_set {number} {text}", "panicked" if value is None else "set")

    def pair(self, first: int, second: int) -> Script:
        one, two = self._value(first), self._value(second)
        answer = "-"
        if one is not None and two is not None and self.handles[first] != self.handles[second]:
            self.arena.values[self.handles[first][0]] = two
            self.arena.values[self.handles[second][0]] = one
            answer = f"{two} {one}"
        return self._step(f"pair {first} {second}", answer)

    def remove(self, *numbers: int) -> Script:
        for number in numbers:
            value = self._value(number)
            if value is not None:
                self.arena.remove_at(self.handles[number][0])
            self._step(f"remove {number}", value or "-")
        return self

    def state(self) -> Script:
        count = len(self.arena.values)
        self._step("len", f"{count} {'true' if count == 0 else 'false'}")
        self._step("iter", " ".join(self.arena.show_items()))
        alive = count + len(self.kept.values)
        return self._step("drops", str(self.created - alive))

    def reverse(self) -> Script:
        return self._step("reverse", " ".join(self.arena.show_items()[::-1]))

    def iter_clone(self) -> Script:
        rest = self.arena.show_items()[1:]
        return self._step("iter_clone", f"{len(rest)} {' '.join(rest)}")

    def ends(self, pattern: str) -> Script:
        return self._step(f"ends {pattern}", self._take(pattern, ""))

    def ends_mut(self, pattern: str) -> Script:
        before = self.arena.items()
        answer = self._take(pattern, "~")
        front, back = pattern.count("f"), pattern.count("b")
        touched = before if front + back >= len(before) else [*before[:front], *before[len(before) - back :]]
        for (index, _), value in touched:
            self.arena.values[index] = value + "~"
        return self._step(f"ends_mut {pattern}", answer)

    def drain(self, pattern: str = "") -> Script:
        answer = self._take(pattern, "") if pattern else "drained"
        self._empty()
        return self._step(f"drain {pattern}".strip(), answer)

    def into_iter(self, pattern: str) -> Script:
        answer = self._take(pattern, "")
        self.arena = Arena()
        return self._step(f"into_iter {pattern}", answer)

    def clear(self) -> Script:
        self._empty()
        return self._step("clear", "cleared")

    def retain(self, divisor: int) -> Script:
        answer = " ".join(self.arena.show_items())
        for (index, _), value in self.arena.items():
            if index % divisor == 0:
                self.arena.values[index] = value + "!"
            else:
                self.arena.remove_at(index)
        return self._step(f"retain {divisor}", answer)

    def retain_panic(self, refusals: int) -> Script:
        for (index, _), _ in self.arena.items()[:refusals]:
            self.arena.remove_at(index)
        return self._step(f"retain_panic {refusals}", "panicked")

    def extend(self, *texts: str) -> Script:
        for text in texts:
            self.arena.insert(text)
        self.created += len(texts)
        return self._step(" ".join(["extend", *texts]), str(len(self.arena.values)))

    def collect(self, *texts: str) -> Script:
        self.arena = Arena()
        self.extend(*texts)
        _, answer = self.steps.pop()
        return self._step(" ".join(["collect", *texts]), answer)

    def with_capacity(self, capacity: int) -> Script:
        self.arena = Arena()
        return self._step(f"with_capacity {capacity}", "0")

    def clone(self) -> Script:
        self.kept = self.arena.clone()
        self.created += len(self.kept.values)
        return self._step("clone", str(len(self.kept.values)))

    def swap(self) -> Script:
        self.arena, self.kept = self.kept, self.arena
        return self._step("swap", str(len(self.arena.values)))

    def debug(self, number: int) -> Script:
        index, generation = self.handles[number]
        return self._step(f"debug {number}", f"Handle({index}, {generation})")

    def compare(self, first: int, second: int) -> Script:
        one, two = self.handles[first], self.handles[second]
        order = "Equal" if one == two else "Less" if one < two else "Greater"
        return self._step(f"compare {first} {second}", f"{order} {'true' if one == two else 'false'}")

    def wear(self, count: int) -> Script:
        for _ in range(count):
            handle = self.arena.insert("")
            self.arena.remove_at(handle[0])
        self.created += count - 1
        self._note(handle)
        return self._step(f"wear {count}", show(handle))

    def churn(self, count: int) -> Script:
        """Only on a new arena: all slots are used a second time."""
        self.created += 2 * count
        for _ in range(count):
            self.arena.insert("")
        return self._step(f"churn {count}", f"true {2 * count} {count} {count}")

    def _value(self, number: int) -> str | None:
        handle = self.handles[number]
        return self.arena.values[handle[0]] if self.arena.contains(handle) else None

    def _take(self, pattern: str, suffix: str) -> str:
        left = self.arena.show_items()
        lines = []
        for end in pattern:
            length = len(left)
            item = left.pop(0 if end == "f" else -1) + suffix if left else "-"
            lines.append(f"{length}:{item}")
        return " ".join(lines)

    def _empty(self) -> None:
        for index in list(self.arena.values):
            self.arena.remove_at(index)

    def _note(self, handle: Handle) -> None:
        self.handles.append(handle)
        self.created += 1

    def _step(self, request: str, answer: str) -> Script:
        self.steps.append((request, answer))
        return self


def random_script(seed: int) -> Script:
    randomness = random.Random(seed)
    script = Script().insert("first")
    for number in range(500):
        known = [randomness.randrange(len(script.handles)) for _ in range(2)]
        if randomness.random() < 0.5:  # Half of the time a valid handle, if there is one.
            valid = [n for n, handle in enumerate(script.handles) if script.arena.contains(handle)]
            known[0] = randomness.choice(valid or known)
        match randomness.randrange(14):
            case 0 | 1 | 2 | 3:
                script.insert(f"v{number}")
            case 4:
                script.insert_with(f"w{number}")
            case 5 | 6 | 7:
                script.remove(known[0])
            case 8:
                script.find(known[0])
            case 9:
                script.set(known[0], f"s{number}")
            case 10:
                script.pair(known[0], known[1])
            case 11:
                script.ends(randomness.choice(["fbfb", "bbbbb", "ffb"]))
            case 12:
                script.insert_panic()
            case _:
                rare = randomness.randrange(8)
                if rare == 0:
                    script.clone()
                elif rare == 1:
                    script.retain(randomness.choice([1, 2, 3]))
                elif rare == 2:
                    script.drain(randomness.choice(["", "f", "bf"]))
                elif rare == 3:
                    script.clear()
        script.state()
    return script
