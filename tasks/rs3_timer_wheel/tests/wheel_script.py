"""Scripts of calls on a wheel, with the answers that a right wheel gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random

from wheel_model import HandlerPanicked, Wheel

Steps = list[tuple[str, str]]


def script(text: str, now: int = 0) -> Steps:
    """Calls separated by commas, each with its answer; actions of handlers by semicolons, their words by colons."""
    wheel = Wheel(now)
    steps = [(f"new {now}", "new")]
    for call in filter(None, (call.strip() for call in text.split(","))):
        steps.append((call, _answer(wheel, call.split())))
    steps.append(("state", wheel.act(["state"])))
    steps.append(("drop", str(wheel.drops + len(wheel.pending))))
    return steps


def _answer(wheel: Wheel, words: list[str]) -> str:
    match words:
        case ["advance", to]:
            wheel.log = []
            try:
                wheel.advance(int(to))
            except HandlerPanicked:
                wheel.log.append("panicked")
            return " ".join(wheel.log)
        case ["set_clock", to]:
            wheel.set_clock(int(to))
            return "set"
        case _:
            return wheel.act(words)


def _random_actions(randomness: random.Random, created: int) -> str:
    actions = []
    for _ in range(randomness.choice([0, 0, 0, 1, 1, 2])):
        number = randomness.choice(["self", str(randomness.randrange(created + 1))])
        delay = randomness.choice([0, 0, 1, 2, 5, 30])
        actions.append(
            randomness.choice(
                [
                    f"once:{delay}",
                    f"cancel:{number}",
                    f"move:{number}:{delay + 1}",
                    f"due:{number}",
                    f"chain:{delay}:2",
                    "state",
                    "panic",
                ]
            )
        )
    return ";".join(actions)


def random_script(seed: int) -> Steps:
    """Timers of all kinds that interfere with each other, at times around a start that differs with the seed."""
    randomness = random.Random(seed)
    start = randomness.choice([0, 1_000, 2**33 - 50, 2**63 - 40])
    wheel = Wheel(start)
    steps = [(f"new {start}", "new")]

    def call(words: list[str]) -> None:
        words = [word for word in words if word]
        steps.append((" ".join(words), _answer(wheel, words)))

    for _ in range(150):
        # A handler must name only timers that exist by then.
        known = max(0, wheel.created - 1)
        number = str(randomness.randrange(known + 1))
        near = str(wheel.now + randomness.choice([0, 1, 2, 3, 7, 64, 65, 200, 4096]) - randomness.choice([0, 0, 0, 3]))
        if int(near) < 0:
            near = "0"
        match randomness.randrange(10) if wheel.created else 0:
            case 0 | 1 | 2:
                call(["once", near, _random_actions(randomness, known) if wheel.created else ""])
            case 3:
                period = str(randomness.choice([1, 2, 3, 10, 64]))
                missed = randomness.choice(["burst", "skip", "delay"])
                call(["every", near, period, missed, _random_actions(randomness, known) if wheel.created else ""])
            case 4:
                call(["cancel", number])
            case 5:
                call(["move", number, near])
            case 6:
                call(["due", number])
            case 7:
                call(["set_clock", str(max(0, wheel.now + randomness.choice([-60, -3, 0, 5, 1000])))])
            case _:
                call(["advance", str(wheel.now + randomness.choice([0, 1, 2, 3, 20, 70]))])
        call(["state"])
        if len(wheel.pending) > 25:
            for pending in list(wheel.pending)[::2]:
                call(["cancel", str(pending)])
    steps.append(("drop", str(wheel.drops + len(wheel.pending))))
    return steps
