"""Fillings of the tables.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Log:
    """The rows of the three tables. Ids count up from 1 unless they are given."""

    changes: list[tuple[int, int, int, int | None, int | None, int]] = field(default_factory=list)
    usages: list[tuple[int, int, int, int, int, int | None]] = field(default_factory=list)
    questions: list[tuple[int, int, int]] = field(default_factory=list)

    def change(
        self, start: int, end: int | None, cents: int | None, at: int, *, contract: int = 1, number: int | None = None
    ) -> Log:
        self.changes.append((number or len(self.changes) + 1, contract, start, end, cents, at))
        return self

    def use(
        self,
        day: int,
        units: int,
        at: int,
        *,
        replaces: int | None = None,
        contract: int = 1,
        number: int | None = None,
    ) -> Log:
        self.usages.append((number or len(self.usages) + 1, contract, day, units, at, replaces))
        return self

    def ask(self, *moments: int, contract: int = 1) -> Log:
        for known_at in moments:
            self.questions.append((len(self.questions) + 1, contract, known_at))
        return self

    def as_request(self) -> dict[str, Any]:
        return {"changes": self.changes, "usages": self.usages, "questions": self.questions}


def make_random_log(
    seed: int, *, contracts: int, changes: int, usages: int, questions: int, days: int, moments: int, rates: int
) -> Log:
    """Random rows: `changes` and `usages` for each contract, `questions` altogether. Few rates make spans that meet."""
    numbers = random.Random(seed)
    log = Log()
    change_ids = iter(numbers.sample(range(1, 5 * contracts * changes), contracts * changes))
    usage_ids = iter(numbers.sample(range(1, 5 * contracts * usages), contracts * usages))
    for contract in range(1, contracts + 1):
        for _ in range(changes):
            start = numbers.randrange(-days, days)
            end = None if numbers.random() < 0.15 else start + numbers.randrange(-1, days)
            cents = None if numbers.random() < 0.2 else 10 * numbers.randrange(rates)
            log.change(start, end, cents, numbers.randrange(moments), contract=contract, number=next(change_ids))
        own: list[int] = []
        for _ in range(usages):
            replaces = numbers.choice(own) if own and numbers.random() < 0.4 else None
            own.append(next(usage_ids))
            log.use(
                numbers.randrange(-days, 2 * days), numbers.randrange(-3, 9), numbers.randrange(moments),
                replaces=replaces, contract=contract, number=own[-1],
            )  # fmt: skip
    for _ in range(questions):
        log.ask(numbers.randrange(-1, moments + 1), contract=numbers.randint(1, contracts + 1))
    return log
