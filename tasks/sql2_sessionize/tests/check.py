"""The checks of sql2_sessionize.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import WORKSPACE, CheckFailed, Limits, ask_driver, run_checks
from sessions import Filling, Row, expected_rows, make_odd_zone, make_random_filling
from stories import STORIES
from zones import make_zones

COLUMNS = [
    "visitor_id", "session", "local_date", "started_local", "started_utc", "ended_utc", "seconds", "events",
    "complete_utc", "idle_before",
]  # fmt: skip
QUERY_BYTES_MAX = 100_000

# The instruction allows 10 s; a start of the interpreter and the inserts come on top.
LARGE_SECONDS = 11.0

# All small ones together, which their bounds on steps keep far below it.
SMALL_SECONDS = 30.0

# The instruction's bound for few rows; right queries need less than a twentieth of it.
SMALL_STEPS_MAX = 20_000_000

# The seconds bound the large ones. Ten of them are not enough for so many steps.
LARGE_STEPS_MAX = 10_000_000_000


def read_query() -> str:
    path = WORKSPACE / "query.sql"
    if path.is_symlink() or not path.is_file():
        raise CheckFailed("query.sql is missing or no regular file")
    with path.open("rb") as file:
        content = file.read(QUERY_BYTES_MAX + 1)
    if len(content) > QUERY_BYTES_MAX:
        raise CheckFailed(f"query.sql is longer than {QUERY_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckFailed(f"query.sql is not UTF-8: {error}") from error


def run_query(fillings: list[Filling], *, steps_max: int, seconds: float) -> list[dict[str, Any]]:
    """What the driver reports of the query on each of these, in one process."""
    request = [
        {
            "setting": [filling.gap, filling.lateness],
            "rules": filling.rules,
            "visitors": filling.visitors,
            "events": filling.events,
            "steps_max": steps_max,
        }
        for filling in fillings
    ]
    reports: list[dict[str, Any]] = ask_driver(
        {"query": read_query(), "fillings": request}, limits=Limits(seconds=seconds)
    )
    return reports


class SmallFillings:
    """Fillings that one process queries together, with a bound on the steps of each."""

    def __init__(self) -> None:
        self.fillings: list[Filling] = []
        self.reports: list[dict[str, Any]] | None = None

    def add(self, filling: Filling) -> Callable[[], dict[str, Any]]:
        index = len(self.fillings)
        self.fillings.append(filling)

        def find_report() -> dict[str, Any]:
            if self.reports is None:
                self.reports = run_query(self.fillings, steps_max=SMALL_STEPS_MAX, seconds=SMALL_SECONDS)
            return self.reports[index]

        return find_report


def expect_success(report: dict[str, Any]) -> None:
    if "error" in report:
        raise CheckFailed(f"the query failed: {report['error']}")


def expect_rows(expected: list[Row], report: dict[str, Any]) -> None:
    expect_success(report)
    found = [tuple(row) for row in report["rows"]]
    for number, (wanted, row) in enumerate(zip(expected, found, strict=False), start=1):
        # Types count: 3.0 and True equal 3 and 1 in Python, and only integers are asked for.
        if row != wanted or [type(value) for value in row] != [type(value) for value in wanted]:
            raise CheckFailed(f"row {number} of {len(expected)}: expected {wanted}, found {row}")
    if len(found) != len(expected):
        raise CheckFailed(f"expected {len(expected)} rows, found {len(found)}")


def expect_of_large(filling: Filling) -> None:
    [report] = run_query([filling], steps_max=LARGE_STEPS_MAX, seconds=LARGE_SECONDS)
    expect_rows(expected_rows(filling), report)


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    small = SmallFillings()

    def rows_check(fillings: list[Filling]) -> Callable[[], None]:
        reports = [(filling, small.add(filling)) for filling in fillings]

        def check() -> None:
            for filling, report in reports:
                expect_rows(expected_rows(filling), report())

        return check

    single = small.add(Filling().add_visitor(1, "Europe/Berlin", ("2023-01-10 12:00:00", "2023-01-10 11:00:01")))

    def columns() -> None:
        expect_success(single())
        if (found := single()["columns"]) != COLUMNS:
            raise CheckFailed(f"expected the columns {COLUMNS}, found {found}")

    few_years, many_years = make_zones(range(2021, 2024)), make_zones(range(1985, 2024))
    many_years = {zone: rules for zone, rules in many_years.items() if not zone.startswith("Test/")}
    return [
        ("the_file_holds_one_statement_that_only_reads", lambda: expect_success(single())),
        ("the_columns_are_named_as_asked", columns),
        *((name, rows_check(fillings)) for name, fillings in STORIES),
        (
            "random_events_have_their_sessions",
            rows_check([make_random_filling(seed, visitors=6, events=150, zones=few_years) for seed in range(4)]),
        ),
        (
            "odd_zones_have_their_sessions",
            rows_check(
                [
                    make_random_filling(seed, visitors=4, events=150, zones=make_odd_zone(random.Random(seed)))
                    for seed in range(20, 24)
                ]
            ),
        ),
        (
            "many_events_are_answered_in_time",
            lambda: expect_of_large(make_random_filling(50, visitors=200, events=8_000, zones=many_years)),
        ),
    ]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
