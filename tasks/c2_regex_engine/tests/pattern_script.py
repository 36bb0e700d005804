"""Scripts of compilations and searches, with the answers that a right engine gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from reference import Expression, Refused, Spans

# Bytes, or bytes and how often they come.
Piece = bytes | tuple[bytes, int]
MEGABYTES_MAX = 64


class Script:
    """Calls for the driver, each with the answers that a right engine can give."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, tuple[str, ...]]] = []
        self.expressions: dict[int, Expression] = {}

    def compile(self, pattern: bytes, slot: int = 0, has_trials: bool = False) -> Script:
        """The answer is the reference's."""
        try:
            self.expressions[slot] = Expression(pattern)
            answer = f"ok {self.expressions[slot].groups}"
        except Refused as refused:
            answer = str(refused)
        return self._call("compile", f"{slot} {encode(pattern)}", has_trials, answer)

    def search(
        self, text: bytes, start: int = 0, count: int | None = None, slot: int = 0, has_trials: bool = False
    ) -> Script:
        """The answer is the reference's; its spans and one more are asked for unless a number of them is given."""
        expression = self.expressions[slot]
        wanted = expression.groups + 2 if count is None else count
        answer = describe(expression.search(text, start), wanted)
        return self._call("search", f"{slot} {encode(text)} {start} {wanted}", has_trials, answer)

    def long_compile(self, *pieces: Piece, answers: Sequence[str]) -> Script:
        return self._call("compile", f"0 {encode(*pieces)}", False, *answers)

    def long_search(self, *pieces: Piece, spans: Spans | None, count: int = 1, start: int = 0) -> Script:
        """For texts or patterns that the reference would take too long for."""
        return self._call("search", f"0 {encode(*pieces)} {start} {count}", False, describe(spans, count))

    def peak(self) -> Script:
        return self._step("peak", *(str(megabytes) for megabytes in range(MEGABYTES_MAX)))

    def printed(self) -> Script:
        return self._step("printed", "0")

    def end(self) -> Script:
        """Frees all expressions; nothing may be left allocated."""
        return self._step("allocated", "0")

    def request(self) -> list[str]:
        return [step for step, _ in self.steps if step != ""]

    def _call(self, operation: str, arguments: str, has_trials: bool, *answers: str) -> Script:
        if has_trials:
            # Nothing leaked and nothing left set by the calls that failed; the result is a line of its own.
            self._step(f"{operation}_trials {arguments}", "0 0")
            return self._step("", *answers)
        return self._step(f"{operation} {arguments}", *answers)

    def _step(self, request: str, *answers: str) -> Script:
        self.steps.append((request, answers))
        return self


def encode(*pieces: Piece) -> str:
    """As the driver reads them."""
    repeated = [(piece, 1) if isinstance(piece, bytes) else piece for piece in pieces]
    return ",".join(f"{piece.hex()}*{times}" for piece, times in repeated)


def describe(spans: Spans | None, count: int) -> str:
    known = () if spans is None else spans[:count]
    words = ["-" if span is None else f"{span[0]}:{span[1]}" for span in known]
    return " ".join(["none" if spans is None else "ok", *words, *["-"] * (count - len(known))])


def searches(pattern: bytes, *texts: bytes) -> Script:
    script = Script().compile(pattern)
    for text in texts:
        script.search(text)
    return script


def refused(*patterns: bytes) -> Script:
    script = Script()
    for pattern in patterns:
        script.compile(pattern)
    return script


def random_script(seed: int, patterns: int, has_empty_loops: bool) -> Script:
    """Small random patterns on small random texts of the bytes they know."""
    randomness = random.Random(seed)
    script = Script()
    while patterns > 0:
        pattern = _random_pattern(randomness, 3, has_empty_loops)
        if pattern.count(b"(") - pattern.count(b"(?:") > 6 or len(pattern) > 40:
            continue
        patterns -= 1
        script.compile(pattern)
        for _ in range(3):
            text = bytes(randomness.choices(b"aabbc_ \n", k=randomness.randrange(9)))
            script.search(text, randomness.choice([0, 0, 0, randomness.randint(0, len(text))]))
    return script


def _random_pattern(randomness: random.Random, depth: int, has_empty_loops: bool) -> bytes:
    def one() -> bytes:
        return randomness.choice([b"a", b"b", b"c", b".", b"[ab]", b"[^a]", rb"\w", rb"\s"])

    def maybe_empty() -> bytes:
        kinds = [one, one, lambda: randomness.choice([b"^", b"$", rb"\b", rb"\B"])]
        return randomness.choice(kinds)()

    if depth == 0:
        return maybe_empty()
    inner = _random_pattern(randomness, depth - 1, has_empty_loops)
    match randomness.randrange(7):
        case 0:
            return inner + _random_pattern(randomness, depth - 1, has_empty_loops)
        case 1:
            return b"(" + inner + b"|" + _random_pattern(randomness, depth - 1, has_empty_loops) + b")"
        case 2:
            return b"(?:" + inner + randomness.choice([b"|", b""]) + b")"
        case 3:
            return b"(" + inner + b")"
        case 4 | 5:
            # Not empty unless asked for: what an iteration without a byte does has checks of its own.
            body = inner if has_empty_loops else inner + one()
            loop = randomness.choice([b"*", b"+", b"?", b"*?", b"+?", b"??", b"{2}", b"{1,2}", b"{1,}?", b"{0,2}?"])
            return randomness.choice([b"(", b"(?:"]) + body + b")" + loop
        case _:
            return one() + randomness.choice([b"*", b"+", b"?", b"*?", b"+?", b"??", b"{2}", b"{1,2}"]) + inner
