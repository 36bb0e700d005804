"""What a right wheel does, timer by timer, in a list that is searched.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass

TIME_MAX = 2**64 - 1


class HandlerPanicked(Exception):
    """A handler panicked, as the script wants."""


@dataclass
class Timer:
    number: int
    due: int
    rank: int
    period: int
    missed: str
    actions: str
    runs: int = 0


class Wheel:
    """Timers by number; `drops` counts the values that are gone."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.pending: dict[int, Timer] = {}
        self.created = 0
        self.ranks = 0
        self.firing: Timer | None = None
        self.drops = 0
        self.log: list[str] = []

    def add(self, due: int, actions: str, period: int = 0, missed: str = "once") -> int:
        timer = Timer(self.created, max(due, self.now), self._rank(), period, missed, actions)
        self.pending[timer.number] = timer
        self.created += 1
        return timer.number

    def cancel(self, number: int) -> bool:
        timer = self.pending.pop(number, None)
        if timer is not None and timer is not self.firing:
            self.drops += 1
        return timer is not None

    def move(self, number: int, due: int) -> bool:
        timer = self.pending.get(number)
        if timer is None:
            return False
        timer.due, timer.rank = max(due, self.now), self._rank()
        return True

    def next_due(self) -> int | None:
        return min((timer.due for timer in self.pending.values()), default=None)

    def set_clock(self, to: int) -> None:
        for timer in self.pending.values():
            timer.due += to - self.now
        self.now = to

    def advance(self, to: int) -> None:
        """Writes what handlers see and do to the log. Raises HandlerPanicked."""
        if to < self.now:
            return
        while self.pending:
            timer = min(self.pending.values(), key=lambda timer: (timer.due, timer.rank))
            if timer.due > to:
                break
            self._fire(timer, to)
        self.now = to

    def _fire(self, timer: Timer, to: int) -> None:
        due = self.now = timer.due
        whole = (to - due) // timer.period if timer.period else 0
        again = {
            "once": TIME_MAX + 1,
            "burst": due + timer.period,
            "skip": due + (whole + 1) * timer.period,
            "delay": to + timer.period,
        }[timer.missed]
        if again > TIME_MAX:
            del self.pending[timer.number]
        else:
            timer.due, timer.rank = again, self._rank()
        timer.runs += 1
        skipped = 0 if timer.missed == "burst" else whole
        self.log.append(f"#{timer.number}@{due}/{due}*{timer.runs}+{skipped}")
        self.firing = timer
        try:
            for action in timer.actions.split(";"):
                if action:
                    self.log.append(self.act(action.split(":"), timer.number, self.now))
        finally:
            self.firing = None
            if timer.number not in self.pending:
                self.drops += 1

    def _rank(self) -> int:
        self.ranks += 1
        return self.ranks

    def act(self, words: list[str], own: int = -1, start: int = 0) -> str:
        """What the driver says of an operation of the script, or of a handler."""
        numbers = [own if word == "self" else int(word) if word.isdigit() else 0 for word in words]
        match words[0]:
            case "once":
                return f"#{self.add(start + numbers[1], ''.join(words[2:]))}"
            case "every":
                return f"#{self.add(start + numbers[1], ''.join(words[4:]), numbers[2], words[3])}"
            case "every_0":
                self.drops += 1
                return "panicked"
            case "chain":
                left = numbers[2] - 1
                return f"#{self.add(start + numbers[1], f'chain:{numbers[1]}:{left}' if left else '')}"
            case "cancel":
                return _lower(self.cancel(numbers[1]))
            case "move":
                return _lower(self.move(numbers[1], start + numbers[2]))
            case "due":
                timer = self.pending.get(numbers[1])
                return "-" if timer is None else str(timer.due)
            case "state":
                due = self.next_due()
                count = len(self.pending)
                return f"{self.now} {count} {_lower(count == 0)} {'-' if due is None else due} {self.drops}"
            case "try_advance" | "try_set_clock":
                return "panicked"
            case _:
                raise HandlerPanicked


def _lower(flag: bool) -> str:
    return str(flag).lower()
