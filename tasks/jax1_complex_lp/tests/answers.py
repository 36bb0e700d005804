"""Asks the candidate's driver for all calls at once, since starting it is most of the work.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checking import CheckFailed, Limits, ask_driver


class Answers:
    """Gathers calls, then has the driver make them in that order when the first answer is wanted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: list[dict[str, Any]] = []
        self._found: list[Any] | CheckFailed | None = None

    def ask(self, calls: list[dict[str, Any]]) -> Callable[[], list[Any]]:
        """A function that gives the answers to these calls or raises CheckFailed."""
        first, end = len(self._calls), len(self._calls) + len(calls)
        self._calls += calls

        def take() -> list[Any]:
            if self._found is None:
                self._found = self._run()
            if isinstance(self._found, CheckFailed):
                raise self._found
            return self._found[first:end]

        return take

    def _run(self) -> list[Any] | CheckFailed:
        """A failure to answer is kept too, or every check would wait for it again."""
        try:
            found = ask_driver({"calls": self._calls}, limits=self._limits, python=("-I", "-B"))
        except CheckFailed as failure:
            return failure
        if type(found) is not list or len(found) != len(self._calls):
            return CheckFailed("the program did not answer each call")
        return found
