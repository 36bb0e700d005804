"""Has the driver run scripts and compares its answers, line by line.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from checking import CheckFailed, Ended, new_nonce

Steps = Sequence[tuple[str, str]]
"""Requests of one line, each with the right answer of one line."""


class Scripts:
    """The scripts of all checks by the checks' names; each script has a new state of the driver to itself.

    One process runs them all. Only if it does not come to its end, each check gets a process of its own,
    so that a crash is held against the checks it belongs to.
    """

    def __init__(self, run: Callable[[bytes], Ended], scripts: Mapping[str, Sequence[Steps]]) -> None:
        self.run = run
        self.scripts = scripts
        self.answers: dict[str, list[str]] | None = None

    def check(self, name: str) -> None:
        """Raises CheckFailed unless every answer of the check's scripts is right."""
        if self.answers is None:
            self.answers = self._run_all() if len(self.scripts) > 1 else {}
        steps = _in_sequence(self.scripts[name])
        if name in self.answers:
            _compare(steps, self.answers[name], None)
            return
        nonce, ended = self._run(steps)
        _compare([*steps, ("the end", f"end {nonce}")], _lines(ended), ended)

    def _run_all(self) -> dict[str, list[str]]:
        """The answers by check, or nothing if the process did not end well."""
        steps = [step for scripts in self.scripts.values() for step in _in_sequence(scripts)]
        nonce, ended = self._run(steps)
        lines = _lines(ended)
        if ended.fault is not None or len(lines) != len(steps) + 1 or lines.pop() != f"end {nonce}":
            return {}
        answers: dict[str, list[str]] = {}
        for name, scripts in self.scripts.items():
            count = len(_in_sequence(scripts))
            answers[name], lines = lines[:count], lines[count:]
        return answers

    def _run(self, steps: Steps) -> tuple[str, Ended]:
        nonce = new_nonce()
        return nonce, self.run("".join(line + "\n" for line in [nonce, *(request for request, _ in steps)]).encode())


def _in_sequence(scripts: Sequence[Steps]) -> list[tuple[str, str]]:
    return [step for script in scripts for step in [("script", "script"), *script]]


def _lines(ended: Ended) -> list[str]:
    return ended.answer.decode("utf-8", "replace").split("\n")[:-1]


def _compare(steps: Steps, found: Sequence[str], ended: Ended | None) -> None:
    fault = "said no more" if ended is None or ended.fault is None else ended.fault
    errors = "" if ended is None else ended.errors[-600:]
    for position, (step, wanted) in enumerate(steps):
        if position >= len(found):
            raise CheckFailed(f"at {step[:150]}: the program {fault}. {errors}")
        if found[position] != wanted:
            before = "; ".join(request[:60] for request, _ in steps[max(0, position - 4) : position])
            raise CheckFailed(
                f"at {step[:150]} (after {before}): expected {wanted[:300]!r}, found {found[position][:300]!r}"
            )
    if len(found) != len(steps) or (ended is not None and ended.fault is not None):
        raise CheckFailed(f"the program {fault}. {errors}")
