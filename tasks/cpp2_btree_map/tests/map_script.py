"""Scripts of calls on maps, with the answers that a right map gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right

Steps = list[tuple[str, str]]
MOVED_FROM = -7777


class Map:
    """Values by key; `sign` is 1 if keys ascend, else -1."""

    def __init__(self, sign: int, values: dict[int, int] | None = None) -> None:
        self.sign = sign
        self.values = dict(values or {})

    def keys(self) -> list[int]:
        return sorted(self.values, key=lambda key: key * self.sign)

    def place(self, key: int, is_behind: bool = False) -> int:
        signed = [other * self.sign for other in self.keys()]
        return (bisect_right if is_behind else bisect_left)(signed, key * self.sign)

    def entries(self) -> list[str]:
        return [f"{key}={self.values[key]}" for key in self.keys()]

    def around(self, place: int) -> str:
        entries = ["begin", *self.entries()]
        behind = "none" if place + 1 == len(entries) else [*entries, "end"][place + 2]
        return f"{entries[place]} {[*entries, 'end'][place + 1]} {behind}"

    def forwards(self) -> str:
        return "".join(f"{entry} " for entry in self.entries())

    def backwards(self) -> str:
        return "".join(f"{entry} " for entry in reversed(self.entries()))

    def put(self, key: int, value: int) -> str:
        is_new = key not in self.values
        self.values.setdefault(key, value)
        return f"{'new' if is_new else 'old'} {self.around(self.place(key))}"


class Script:
    """Calls in a row; every call returns the script."""

    def __init__(self, sign: int = 1) -> None:
        self.maps = [Map(sign) for _ in range(4)]
        self.steps: Steps = [(f"new {sign}", "new")]

    def call(self, *words: object) -> Script:
        self.steps.append((" ".join(str(word) for word in words), self._answer([str(word) for word in words])))
        return self

    def calls(self, text: str) -> Script:
        for call in text.split(","):
            self.call(*call.split())
        return self

    def end(self) -> Steps:
        """Walks over all maps, then destroys them: no key and no value is left."""
        for number in range(4):
            self.call("walk", number)
        return [*self.steps, ("end", "0 0")]

    def _answer(self, words: list[str]) -> str:
        what, map_ = words[0], self.maps[int(words[1])]
        numbers = [int(word) for word in words[2:] if word[-1].isdigit()]
        place = map_.place(numbers[0]) if numbers else 0
        match what:
            case "find":
                is_in = numbers[0] in map_.values
                found = map_.around(place if is_in else len(map_.values))
                return f"{found}, {found}, {'yes' if is_in else 'no'}"
            case "lower":
                return f"{map_.around(place)}, {map_.around(place)}"
            case "upper":
                place = map_.place(numbers[0], is_behind=True)
                return f"{map_.around(place)}, {map_.around(place)}"
            case "at":
                if numbers[0] not in map_.values:
                    return "out of range"
                map_.values[numbers[0]] += 1
                return f"{map_.values[numbers[0]] - 1} {map_.values[numbers[0]]}"
            case "walk":
                count = len(map_.values)
                return f"{map_.forwards()}/ {map_.backwards()}/ {count} {'filled' if count else 'empty'}"
            case "steps":
                first, second = map_.entries()[:2]
                map_.values[map_.keys()[1]] = 77
                # The second is reached by one, then by the other; then the one goes there too.
                return f"{first} {second} {second} {second} other same 77"
            case "erase_at":
                del map_.values[numbers[0]]
                return map_.around(place)
            case "erase_range":
                last = map_.place(numbers[1])
                for key in map_.keys()[place:last]:
                    del map_.values[key]
                return f"{last - place} {map_.around(place)}"
            case "erase_all":
                map_.values.clear()
                return map_.around(0)
            case "clear":
                map_.values.clear()
                return "cleared"
            case "order":
                self.maps[int(words[1])] = Map(numbers[0])
                return "ordered"
            case "swap":
                other = self.maps[numbers[0]]
                map_.sign, other.sign, map_.values, other.values = other.sign, map_.sign, other.values, map_.values
                return "swapped"
            case "assign_copy" | "make_copy" | "assign_move" | "make_move":
                other = self.maps[numbers[0]]
                self.maps[int(words[1])] = Map(other.sign, other.values)
                if what.endswith("move"):
                    other.values = {}
                return what.split("_")[0].replace("assign", "assigned").replace("make", "made")
            case "trial":
                return self._trial(map_, words[2:])
            case _:
                return self._change(map_, words)

    def _trial(self, map_: Map, words: list[str]) -> str:
        entries = map_.entries()
        if words[0] == "erase" and not entries:
            return f"{self._change(map_, words)} | "  # Nothing in it can fail.
        state = f"{map_.forwards()}{map_.backwards()}{entries[0] if entries else 'end'} 0"
        return f"{self._change(map_, words)} | {state} | "

    def _change(self, map_: Map, words: list[str]) -> str:
        numbers = [int(word) for word in words[2:]]
        match words[0]:
            case "put":
                return map_.put(*numbers)
            case "put_moving":
                is_new = numbers[0] not in map_.values
                left = (MOVED_FROM, MOVED_FROM) if is_new else numbers
                return f"{map_.put(*numbers)} {left[0]} {left[1]}"
            case "put_key":
                left_key = numbers[0] if numbers[0] in map_.values else MOVED_FROM
                return f"{map_.put(*numbers)} {left_key}"
            case "erase":
                return "0" if map_.values.pop(numbers[0], None) is None else "1"
            case "copy":
                copy = Map(map_.sign, map_.values)
                return f"{copy.forwards()}{copy.put(1000, 1)}; {len(map_.values)}"
            case _:
                other = self.maps[numbers[0]]
                map_.sign, map_.values = other.sign, dict(other.values)
                return map_.forwards()


def filled(keys: range | list[int], sign: int = 1) -> Script:
    script = Script(sign)
    for key in keys:
        script.call("put", 0, key, key * 10)
    return script


def scattered(count: int) -> list[int]:
    return [number * 7919 % count for number in range(count)]


def random_script(seed: int) -> Script:
    """Few keys in some scripts and many in others, so that maps grow and shrink through all their shapes."""
    randomness = random.Random(seed)
    script = Script(randomness.choice([1, -1]))
    keys = randomness.choice([8, 60, 400])
    for number in range(900):
        key = randomness.randrange(keys)
        growth = 4 if number // 300 % 2 == 0 else 1
        match randomness.randrange(12):
            case choice if choice < growth + 1:
                script.call(randomness.choice(["put", "put_moving", "put_key"]), 0, key, number)
            case 6 | 7:
                script.call("erase", 0, key)
            case 8 if key in script.maps[0].values:
                script.call("erase_at", 0, key)
            case 9:
                script.call(randomness.choice(["find", "lower", "upper", "at"]), 0, key)
            case 10 if randomness.random() < 0.03:
                script.call("make_copy", 1, 0).call("assign_move", 2, 0).call("swap", 0, 1)
            case _:
                pass
        if number % 150 == 149:
            script.call("walk", 0)
    return script
