"""The checks of sql3_bitemporal.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import WORKSPACE, CheckFailed, Limits, ask_driver, run_checks
from logs import Log, make_random_log
from timelines import expected_rows

COLUMNS = ["question_id", "valid_from", "valid_to", "cents", "units", "usages"]
QUERY_BYTES_MAX = 100_000

# The instruction's bound for few rows; right queries need less than a hundredth of it.
SMALL_STEPS_MAX = 20_000_000

# The seconds bound the large one. Ten of them are not enough for so many steps.
LARGE_STEPS_MAX = 10_000_000_000

# The instruction allows 10 s; a start of the interpreter and the inserts come on top.
LIMITS = Limits(seconds=11)

Judge = Callable[[Log, dict[str, Any]], None]


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


class Reports:
    """Fillings that one process queries together when the first report is wanted."""

    def __init__(self, steps_max: int) -> None:
        self.steps_max = steps_max
        self.logs: list[Log] = []
        self.found: list[dict[str, Any]] | CheckFailed | None = None

    def add(self, log: Log) -> Callable[[], dict[str, Any]]:
        place = len(self.logs)
        self.logs.append(log)

        def take() -> dict[str, Any]:
            if self.found is None:
                self.found = self._run()
            if isinstance(self.found, CheckFailed):
                raise self.found
            return self.found[place]

        return take

    def _run(self) -> list[dict[str, Any]] | CheckFailed:
        try:
            fillings = [{**log.as_request(), "steps_max": self.steps_max} for log in self.logs]
            reports: list[dict[str, Any]] = ask_driver({"query": read_query(), "fillings": fillings}, limits=LIMITS)
        except CheckFailed as failure:
            return failure
        return reports


def expect_success(log: Log, report: dict[str, Any]) -> None:
    if "error" in report:
        reason = "it took too many steps" if report["is_over"] else report["error"]
        raise CheckFailed(f"the query failed: {reason}")


def expect_columns(log: Log, report: dict[str, Any]) -> None:
    expect_success(log, report)
    if report["columns"] != COLUMNS:
        raise CheckFailed(f"expected the columns {COLUMNS}, found {report['columns']}")


def expect_rows(log: Log, report: dict[str, Any]) -> None:
    expect_success(log, report)
    expected = expected_rows(log)
    for number, (wanted, found) in enumerate(zip(expected, report["rows"], strict=False), start=1):
        # Types count: 3.0 equals 3 in Python, and only integers are asked for.
        if tuple(found) != wanted or [type(value) for value in found] != [type(value) for value in wanted]:
            raise CheckFailed(f"row {number} of {len(expected)}: expected {wanted}, found {tuple(found)}")
    if len(report["rows"]) != len(expected):
        raise CheckFailed(f"expected {len(expected)} rows, found {len(report['rows'])}")


def make_groups() -> list[tuple[str, list[Log]]]:
    """The checks of the answer, with their fillings."""
    example = (
        Log().change(0, None, 100, 1000, contract=7).change(10, 20, 150, 2000, contract=7)
        .change(15, 18, None, 3000, contract=7).change(20, 30, 150, 3000, contract=7).change(0, 5, 80, 9000, contract=7)
        .use(9, 4, 1500, contract=7).use(10, 6, 1500, contract=7).use(16, 1, 1500, contract=7)
        .use(10, 5, 2500, replaces=2, contract=7).use(25, 3, 2500, contract=7).ask(2000, 3000, contract=7)
    )  # fmt: skip
    resumed = Log().change(0, None, 10, 1).change(5, 8, 20, 2).change(20, 25, 30, 3).change(22, 23, 40, 4)
    resumed.ask(1, 2, 3, 4)
    known = Log().change(0, 10, 10, 100).change(0, 10, 20, 200).change(3, 5, 30, 300).ask(99, 100, 199, 200, 299, 300)
    late = (
        Log().change(0, 10, 10, 300, number=1).change(0, 10, 20, 100, number=2).change(4, 6, 30, 200, number=3)
        .change(2, 5, 40, 250, number=9).change(2, 5, 50, 250, number=8).change(1, 3, 60, 250, number=10)
        .ask(150, 200, 250, 300)
    )  # fmt: skip
    borders = Log().change(0, 10, 10, 1).change(10, 20, 20, 1).change(30, 31, 30, 1).ask(1)
    for day in (-1, 0, 9, 10, 19, 20, 29, 30, 31):
        borders.use(day, 2 ** (day + 2), 1)
    no_rate = Log().change(0, 20, 10, 1).change(5, 10, None, 2).change(8, 12, 0, 3).change(0, 20, None, 4)
    no_rate.ask(1, 2, 3, 4).use(4, 1, 1).use(6, 2, 1).use(9, 4, 1).use(11, 8, 1)
    meeting = (
        Log().change(0, 5, 10, 1).change(5, 9, 10, 2).change(9, None, 10, 3).change(20, 30, 70, 4).change(20, 30, 10, 5)
        .use(4, 1, 1).use(5, 2, 1).use(40, 4, 1).ask(1, 2, 3, 4, 5)
    )  # fmt: skip
    apart = Log().change(0, 5, 10, 1).change(6, 9, 10, 1).change(9, 12, 20, 1).change(12, 15, 10, 1).ask(1)
    apart.use(5, 1, 1).use(6, 2, 1)
    open_ends = Log().change(0, None, 10, 1).change(5, None, 20, 2).change(3, 9, 10, 3).change(7, None, 20, 4)
    open_ends.ask(1, 2, 3, 4)
    empty = Log().change(0, 10, 10, 1).change(5, 5, 20, 2).change(7, 3, 30, 3).change(4, 4, None, 4).ask(1, 4)
    replaced = (
        Log().change(0, 100, 10, 1).use(10, 1, 10).use(10, 2, 20, replaces=1).use(90, 4, 30, replaces=2)
        .use(10, 8, 40, replaces=3).use(20, 16, 15).use(20, 0, 25, replaces=5).ask(9, 10, 15, 20, 25, 30, 40)
    )  # fmt: skip
    unknown_replacement = (
        Log().change(0, 100, 10, 1).use(10, 1, 50).use(10, 2, 20, replaces=1).use(10, 4, 20, replaces=99)
        .use(10, 8, 10, replaces=1).use(11, 16, 60, replaces=4).ask(10, 20, 50, 60)
    )  # fmt: skip
    contracts = (
        Log().change(0, 10, 10, 1).change(5, 20, 20, 1, contract=2).change(0, 10, 30, 2, contract=3)
        .use(6, 1, 1).use(6, 2, 1, contract=2).use(6, 4, 1, contract=3).use(6, 8, 1, contract=4)
        .ask(1, contract=2).ask(1).ask(1, contract=4).ask(1).ask(5, contract=3).ask(1, contract=3)
    )  # fmt: skip
    many = Log().change(0, 10, 10, 1).change(0, 10, 10, 2).change(2, 4, 10, 3).change(10, 20, 20, 1).ask(3, 3)
    for number in range(5):
        many.use(3, 7, 1).use(12 + number, 7, 1)
    negative = Log().change(-20, -10, -5, -100).change(-15, 3, 0, -50).use(-15, -4, -60).use(2, 3, -60)
    negative.ask(-100, -50, -101)
    outside = Log().change(5, 10, 10, 1).use(4, 1, 1).use(10, 2, 1).ask(1)
    none = [Log(), Log().ask(5), Log().change(0, 5, 1, 1).use(2, 2, 1), Log().change(0, 5, 1, 9).use(2, 2, 1).ask(8)]
    return [
        ("the_example_has_its_result", [example]),
        ("an_earlier_rate_goes_on_after_a_correction", [resumed]),
        ("only_what_was_recorded_by_then_is_known", [known]),
        ("the_last_record_holds_whatever_its_id", [late]),
        ("the_last_day_is_not_included", [borders]),
        ("no_rate_hides_the_one_before", [no_rate]),
        ("neighbours_of_one_rate_are_one_span", [meeting]),
        ("equal_rates_with_days_between_stay_apart", [apart]),
        ("spans_without_end_stay_without_end", [open_ends]),
        ("changes_that_cover_no_day_change_nothing", [empty]),
        ("replaced_usage_does_not_count", [replaced]),
        ("replacements_count_from_when_they_are_known", [unknown_replacement]),
        ("contracts_and_questions_stay_apart", [contracts]),
        ("many_changes_do_not_multiply_usage", [many]),
        ("negative_days_moments_and_rates_are_numbers", [negative]),
        ("usage_outside_all_spans_is_left_out", [outside]),
        ("nothing_known_gives_no_rows", none),
        ("random_logs_have_their_timelines", [
            make_random_log(
                seed, contracts=2, changes=12, usages=16, questions=12, days=(6, 30)[seed % 2], moments=12, rates=3
            )
            for seed in range(8)
        ]),
    ]  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    small, large = Reports(SMALL_STEPS_MAX), Reports(LARGE_STEPS_MAX)

    def add(reports: Reports, logs: list[Log], expect: Judge) -> Callable[[], None]:
        taken = [(log, reports.add(log)) for log in logs]

        def check() -> None:
            for log, take in taken:
                expect(log, take())

        return check

    plain = Log().change(0, 10, 5, 1).use(3, 2, 1).ask(1)
    large_log = make_random_log(
        50, contracts=100, changes=20, usages=30, questions=300, days=200, moments=1_000, rates=6
    )
    return [
        ("the_file_holds_one_statement_that_only_reads", add(small, [plain], expect_success)),
        ("the_columns_are_named_as_asked", add(small, [plain], expect_columns)),
        *((name, add(small, logs, expect_rows)) for name, logs in make_groups()),
        ("a_large_log_is_answered_in_time", add(large, [large_log], expect_rows)),
    ]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
