"""Rules of some zones, as UTC instants and offsets in seconds.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from calendar import SUNDAY
from datetime import UTC, datetime, timedelta

Rule = tuple[int, int]

HOUR = 3600


def at(text: str) -> int:
    """Seconds since 1970 of a date and time, taken as UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def show_time(seconds: int) -> str:
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def find_sunday(year: int, month: int, number: int) -> int:
    """UTC midnight that begins the Sunday of that number of a month, the last one for -1."""
    day = datetime(year, month, 1, tzinfo=UTC)
    sundays = []
    while day.month == month:
        if day.weekday() == SUNDAY:
            sundays.append(int(day.timestamp()))
        day += timedelta(days=1)
    return sundays[number - 1 if number > 0 else number]


def make_rules(
    zone: str, base: int, summer: int, begin: tuple[int, int, int], end: tuple[int, int, int], years: range
) -> list[tuple[str, int, int]]:
    """Begin and end of summer are month, number of the Sunday and seconds from its UTC midnight."""
    rules = [(zone, at("1980-01-01"), base)]
    for year in years:
        rules.append((zone, find_sunday(year, *begin[:2]) + begin[2], summer))
        rules.append((zone, find_sunday(year, *end[:2]) + end[2], base))
    return sorted(rules)


def make_zones(years: range) -> dict[str, list[tuple[str, int, int]]]:
    """Each zone's rows of zone_rule."""
    zones = [
        make_rules("Europe/Berlin", HOUR, 2 * HOUR, (3, -1, HOUR), (10, -1, HOUR), years),
        make_rules("America/New_York", -5 * HOUR, -4 * HOUR, (3, 2, 7 * HOUR), (11, 1, 6 * HOUR), years),
        # Midnight is skipped in spring, and the hour before it is repeated in autumn.
        make_rules("America/Sao_Paulo", -3 * HOUR, -2 * HOUR, (10, 3, 3 * HOUR), (2, 3, 2 * HOUR), years),
        make_rules("Australia/Lord_Howe", 37_800, 39_600, (10, 1, -30_600), (4, 1, -32_400), years),
        make_rules("Antarctica/Troll", 0, 2 * HOUR, (3, -1, HOUR), (10, -1, HOUR), years),
    ]
    named = {rules[0][0]: rules for rules in zones}
    named["Asia/Kathmandu"] = [("Asia/Kathmandu", at("1986-01-01"), 20_700)]
    # The whole of 30 December 2011 was left out here.
    named["Pacific/Apia"] = [
        ("Pacific/Apia", at("2011-01-01"), -10 * HOUR),
        ("Pacific/Apia", at("2011-12-30 10:00:00"), 14 * HOUR),
    ]
    # The clock goes back over midnight.
    named["Test/Over_Midnight"] = [
        ("Test/Over_Midnight", at("2020-01-01"), 0),
        ("Test/Over_Midnight", at("2021-06-10 00:30:00"), -HOUR),
    ]
    # Rows that change nothing stand between others, and one offset counts seconds.
    named["Test/Same"] = [
        ("Test/Same", at("2020-01-01"), 1172),
        ("Test/Same", at("2021-06-10 12:00:00"), 1172),
        ("Test/Same", at("2021-06-10 13:00:00"), 1172),
        ("Test/Same", at("2021-06-10 14:00:00"), 4772),
    ]
    return named
