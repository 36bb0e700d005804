"""Scripts that feed a parser, with the answers that a right parser gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random

from line_model import USIZE_MAX, display, read_lines, show

Script = list[tuple[str, str]]


def parse(text: str | bytes, *cuts: int, max_line: int = USIZE_MAX) -> Script:
    """A new parser gets the text, cut at these places, and ends."""
    data = text.encode() if isinstance(text, str) else text
    results = read_lines(data, max_line)
    script = [(f"new {max_line}", "new")]
    shown = 0
    places = [0, *cuts, len(data)]
    for start, end in zip(places, places[1:], strict=False):
        ended = data[:end].count(b"\n")
        lines = [show(*result) for result in results if result[0] <= ended]
        script.append((f"feed {data[start:end].hex()}".strip(), "; ".join(lines[shown:])))
        shown = len(lines)
    script.append(("finish", show(*results[-1]) if len(results) > shown else "nothing"))
    return script


def parse_by_bytes(text: str | bytes, max_line: int = USIZE_MAX) -> Script:
    data = text.encode() if isinstance(text, str) else text
    return parse(data, *range(1, len(data)), max_line=max_line)


def parse_each(*lines: str) -> Script:
    """Each line alone, so that the numbers of lines play no part."""
    return [step for line in lines for step in parse(line + "\n")]


def display_each(*lines: str) -> Script:
    text = "\n".join(lines).encode()
    answers = [display(*result).encode().hex() for result in read_lines(text, 1_000_000)]
    return [(f"display {text.hex()}", " ".join(answers))]


def random_line(randomness: random.Random) -> str:
    """A line that is right more often than not."""
    words = [randomness.choice(["a", "start", "x9_", "z", "long_name_0"])]
    for _ in range(randomness.randrange(5)):
        key = randomness.choice(["k", "key", "k_1", "q", "w", "zz", "abc", "d0"])
        value = randomness.choice(
            [
                "true",
                "false",
                str(randomness.randrange(-(2**63), 2**63)),
                str(randomness.randrange(-100, 100)),
                '"' + "".join(randomness.choices(["a", " ", "\t", "é", "𝄞", "\\n", '\\"', "\\u{1F600}"], k=4)) + '"',
            ]
        )
        words.append(f"{key}={value}")
    line = randomness.choice(["", " ", "\t"]) + randomness.choice([" ", "  ", "\t "]).join(words)
    for _ in range(randomness.choice([0, 0, 1])):
        place = randomness.randrange(len(line) + 1)
        line = line[:place] + randomness.choice(["", " ", "=", '"', "\\", "é", "#", "9", "\r"]) + line[place + 1 :]
    return line


def random_script(seed: int) -> Script:
    """Lines with all kinds of ends, cut at random places, now and then of bytes that are not UTF-8."""
    randomness = random.Random(seed)
    data = b""
    for _ in range(60):
        line = bytearray(random_line(randomness).encode())
        if randomness.random() < 0.1:
            line.insert(randomness.randrange(len(line) + 1), randomness.choice([0x80, 0xC3, 0xF0, 0xFF]))
        data += bytes(line) + randomness.choice([b"\n", b"\n", b"\r\n", b"\n\n", b"\n# \xc3\xa9\r\n"])
    data = data[: len(data) - randomness.randrange(3)]
    cuts = sorted(randomness.choices(range(len(data)), k=randomness.choice([0, 5, 200])))
    return parse(data, *cuts, max_line=randomness.choice([USIZE_MAX, 40, 80]))
