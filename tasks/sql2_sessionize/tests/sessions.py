"""Rows of the tables, and the sessions that the query has to find in them.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from zones import HOUR, at, make_zones, show_time

Row = tuple[int, int, str, str, int, int, int, int, int, int | None]

ZONES = make_zones(range(2011, 2025))


@dataclass
class Filling:
    """The rows of the tables. Events are numbered as they are added."""

    gap: int = 1800
    lateness: int = 24 * HOUR
    rules: list[tuple[str, int, int]] = field(default_factory=list)
    visitors: list[tuple[int, str]] = field(default_factory=list)
    events: list[tuple[int, int, str, int]] = field(default_factory=list)

    def add_visitor(self, identifier: int, zone: str, *events: tuple[str, str]) -> Filling:
        """A visitor of a known zone, whose rules are added too, with events: local time, time of receipt in UTC."""
        if zone in ZONES and ZONES[zone][0] not in self.rules:
            self.rules += ZONES[zone]
        self.visitors.append((identifier, zone))
        for local_time, received in events:
            self.add_event(identifier, local_time, at(received))
        return self

    def add_event(self, visitor: int, local_time: str, received: int) -> Filling:
        self.events.append((len(self.events) + 1, visitor, local_time, received))
        return self


def find_instant(rules: list[tuple[int, int]], shown: int, received: int) -> int | None:
    """When a clock that follows these rules showed a time; None if it never did."""
    ends = [start for start, _ in rules[1:]]
    found = [
        shown - offset
        for (start, offset), end in zip(rules, [*ends, None], strict=True)
        if start <= shown - offset and (end is None or shown - offset < end)
    ]
    if found:
        return max((instant for instant in found if instant <= received), default=min(found))
    for (_, before), (change, after) in pairwise(rules):
        if change + before <= shown < change + after:
            return change
    return None


def find_local(rules: list[tuple[int, int]], instant: int) -> str:
    return show_time(instant + [offset for start, offset in rules if start <= instant][-1])


def expected_rows(filling: Filling) -> list[Row]:
    rules = {
        zone: [(start, offset) for _, start, offset in group]
        for zone, group in groupby(sorted(filling.rules), lambda rule: rule[0])
    }
    received_of: dict[int, dict[int, int]] = {}
    zone_of = dict(filling.visitors)
    for _, visitor, local_time, received in filling.events:
        zone_rules = rules.get(zone_of.get(visitor, ""), [])
        instant = find_instant(zone_rules, at(local_time), received) if zone_rules else None
        if instant is not None and received - instant <= filling.lateness:
            receipts = received_of.setdefault(visitor, {})
            receipts[instant] = min(received, receipts.get(instant, received))

    rows: list[Row] = []
    for visitor, receipts in sorted(received_of.items()):
        sessions: list[list[int]] = []
        for instant in sorted(receipts):
            local = find_local(rules[zone_of[visitor]], instant)
            if sessions:
                last = sessions[-1][-1]
                if instant - last <= filling.gap and find_local(rules[zone_of[visitor]], last)[:10] == local[:10]:
                    sessions[-1].append(instant)
                    continue
            sessions.append([instant])
        for number, session in enumerate(sessions, start=1):
            first, last = session[0], session[-1]
            local = find_local(rules[zone_of[visitor]], first)
            complete = max(receipts[instant] for instant in session)
            idle = None if number == 1 else first - sessions[number - 2][-1]
            rows.append((visitor, number, local[:10], local, first, last, last - first, len(session), complete, idle))
    return rows


def make_random_filling(
    seed: int, *, visitors: int, events: int, zones: dict[str, list[tuple[str, int, int]]]
) -> Filling:
    """Most events are close to a change of the clock; they come in out of order, some of them too late."""
    randomness = random.Random(seed)
    filling = Filling(gap=randomness.choice([600, 1800]), lateness=randomness.choice([2 * HOUR, 6 * HOUR]))
    names = list(zones)
    for name in names:
        filling.rules += zones[name]
    identifiers = randomness.sample(range(1, 10 * visitors), visitors)
    moments: dict[int, int] = {}
    for identifier in identifiers:
        zone = randomness.choice(names)
        filling.visitors.append((identifier, zone))
        moments[identifier] = randomness.choice(zones[zone])[1] - randomness.randint(0, 3 * HOUR)
    zone_of = dict(filling.visitors)
    for _ in range(events):
        identifier = randomness.choice(identifiers)
        zone = zone_of[identifier]
        moments[identifier] += randomness.choice([0, 1, 60, 300, 599, 600, 601, 1500, 1799, 1800, 1801, 2400, 7200])
        if randomness.random() < 4 / events:
            moments[identifier] = randomness.choice(zones[zone])[1] - randomness.randint(0, 2 * HOUR)
        moment = moments[identifier]
        offset = randomness.choice(zones[zone])[2] if randomness.random() < 0.2 else find_offset(zones[zone], moment)
        delay = randomness.choice([-30, 0, 1, 5, 60, 3599, 3600, 3601, 2 * HOUR, 2 * HOUR + 1, 6 * HOUR, 9 * HOUR])
        filling.add_event(identifier, show_time(moment + offset), moment + delay)
    randomness.shuffle(filling.events)
    filling.events = [(number, *event[1:]) for number, event in enumerate(filling.events, start=1)]
    return filling


def find_offset(rules: list[tuple[str, int, int]], moment: int) -> int:
    return [offset for _, start, offset in rules if start <= moment or start == rules[0][1]][-1]


def make_odd_zone(randomness: random.Random) -> dict[str, list[tuple[str, int, int]]]:
    """A zone whose clock is changed every few hours, back and forth."""
    rules, start = [], at("2022-05-01")
    for _ in range(12):
        rules.append(("Odd/Zone", start, randomness.choice([-5400, -3600, -1800, 0, 1800, 3600, 7200, 86_400])))
        start += randomness.choice([1800, 3600, 7200, 20_000])
    return {"Odd/Zone": rules}
