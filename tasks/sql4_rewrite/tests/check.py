"""The checks of sql4_rewrite.

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
from report import expected_rows
from shops import DAY, Shop, make_random_shop

COLUMNS = [
    "sale_id", "product_id", "sold_at", "sold_so_far", "customers_so_far", "list_cents", "paid_rank", "is_returning"
]  # fmt: skip
QUERY_BYTES_MAX = 100_000

# The instruction's bound. Right queries take 150 to 1,000 steps a row; one correlated subquery left takes 6,000 or more
# where its table is large.
STEPS_PER_ROW = 2_500
STEPS_FOR_ALL = 1_000_000

# The instruction allows 10 s for each query. Those of the large tables run in one process, and steps end them sooner.
LIMITS = Limits(seconds=40)

YEAR = 400 * DAY
Judge = Callable[[Shop, dict[str, Any]], None]


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

    def __init__(self) -> None:
        self.shops: list[Shop] = []
        self.found: list[dict[str, Any]] | CheckFailed | None = None

    def add(self, shop: Shop) -> Callable[[], dict[str, Any]]:
        place = len(self.shops)
        self.shops.append(shop)

        def take() -> dict[str, Any]:
            if self.found is None:
                self.found = self._run()
            if isinstance(self.found, CheckFailed):
                raise self.found
            return self.found[place]

        return take

    def _run(self) -> list[dict[str, Any]] | CheckFailed:
        try:
            fillings = [{**shop.as_request(), "steps_max": steps_allowed(shop)} for shop in self.shops]
            reports: list[dict[str, Any]] = ask_driver({"query": read_query(), "fillings": fillings}, limits=LIMITS)
        except CheckFailed as failure:
            return failure
        return reports


def steps_allowed(shop: Shop) -> int:
    return STEPS_PER_ROW * shop.row_count + STEPS_FOR_ALL


def expect_success(shop: Shop, report: dict[str, Any]) -> None:
    if "error" in report:
        if report["is_over"]:
            raise CheckFailed(f"the query took more than {steps_allowed(shop)} steps on {shop.row_count} rows")
        raise CheckFailed(f"the query failed: {report['error']}")


def expect_columns(shop: Shop, report: dict[str, Any]) -> None:
    expect_success(shop, report)
    if report["columns"] != COLUMNS:
        raise CheckFailed(f"expected the columns {COLUMNS}, found {report['columns']}")


def expect_rows(shop: Shop, report: dict[str, Any]) -> None:
    expect_success(shop, report)
    expected = expected_rows(shop)
    for number, (wanted, found) in enumerate(zip(expected, report["rows"], strict=False), start=1):
        # Types count: 3.0 equals 3 in Python, and only integers are asked for.
        if tuple(found) != wanted or [type(value) for value in found] != [type(value) for value in wanted]:
            raise CheckFailed(f"row {number} of {len(expected)}: expected {wanted}, found {tuple(found)}")
    if len(report["rows"]) != len(expected):
        raise CheckFailed(f"expected {len(expected)} rows, found {len(report['rows'])}")


def make_small_groups() -> list[tuple[str, list[Shop]]]:
    """The checks of the answer, with their fillings."""
    twins = Shop().sell(1, 1, 50, 2).sell(1, 2, 50, 3).sell(1, 1, 50, 4).sell(1, 3, 60, 5).sell(1, 4, 40, 1)
    recalled = (
        Shop().customer(1, "n").customer(2, "s").sell(1, 1, 10, 5, 300).sell(1, 2, 20, 7, 200)
        .sell(1, 1, 30, 9, 400).sell(2, 1, 40, 1, 50).sell(1, 2, 50, 1, 100).recall(1, "n")
    )  # fmt: skip
    prices = (
        Shop().price(1, 100, 10).price(1, 200, 20).price(2, 50, 99).price(1, 150, 15)
        .sell(1, 1, 99).sell(1, 1, 100).sell(1, 1, 149).sell(1, 1, 150).sell(1, 1, 250).sell(3, 1, 250)
    )  # fmt: skip
    same_moment = (
        Shop().price(1, 100, 10, number=5).price(1, 100, 90, number=2).price(1, 100, 30, number=9)
        .price(1, 60, 70, number=20).sell(1, 1, 100).sell(1, 1, 200).sell(1, 1, 70)
    )  # fmt: skip
    null_price = (
        Shop().price(1, 100, 10).price(1, 200, None).price(1, 300, 30).price(None, 120, 7)
        .sell(1, 1, 150).sell(1, 1, 200).sell(1, 1, 250).sell(1, 1, 300).sell(None, 1, 150)
    )  # fmt: skip
    ranks = Shop()
    for number, paid in enumerate([300, 200, 300, None, 100, 200, None, 50]):
        ranks.sell(1 + number // 7, 1, number, 1, paid)
    visits = Shop()
    for number, at in enumerate([0, 30 * DAY, 30 * DAY, 60 * DAY + 1, 60 * DAY + 1, 60 * DAY + 2, 200 * DAY]):
        visits.sell(number, 1, at).sell(number, 2, at + number)
    visits.sell(1, None, 10).sell(1, None, 20).sell(1, 77, 5).sell(2, 77, 6)
    no_products = (
        Shop().customer(1, "n").customer(2, "s").sell(None, 1, 10, 5, 10).sell(None, 2, 20, 6, 20)
        .sell(None, None, 30, 7, 5).sell(1, 2, 40).recall(1, "n").price(None, 5, 12)
    )  # fmt: skip
    quantities = (
        Shop().sell(1, 1, 10, None).sell(1, 1, 20, None).sell(1, 2, 30, 4).sell(1, 2, 40, -9).sell(2, 1, 15, None)
        .sell(1, 3, 50, 0)
    )  # fmt: skip
    regions = (
        Shop().customer(1, "n").customer(2, "s").customer(3, None).customer(4, "e")
        .recall(None, "n").recall(5, "n").recall(1, "s").recall(1, None).recall(None, None)
    )  # fmt: skip
    for number, customer in enumerate([1, 2, 3, 4, 9, None]):
        regions.sell(1, customer, number).sell(2, customer, number + 100).sell(None, customer, number + 200)
    backwards = Shop()
    for number in range(9):
        backwards.sell(number % 2, number % 3, 900 - 100 * number, number + 1, 10 * (number % 4), number=number + 1)
        backwards.price(number % 2, 850 - 100 * number, number, number=number + 1)
    backwards.sell(1, 1, 300, number=40).sell(1, 2, 300, number=31).sell(0, 2, 300, number=35)
    return [
        ("sales_of_one_second_count_for_each_other", [twins]),
        ("recalled_sales_count_for_the_others", [recalled]),
        ("prices_hold_from_their_moment_on", [prices]),
        ("of_prices_of_one_moment_the_last_id_holds", [same_moment]),
        ("a_price_of_null_ends_the_one_before", [null_price]),
        ("ranks_are_by_higher_payments_only", [ranks]),
        ("returning_means_an_earlier_second_within_thirty_days", [visits]),
        ("sales_without_product_stand_alone", [no_products]),
        ("quantities_of_null_are_left_out", [quantities]),
        ("recalls_with_nulls_work_as_not_in", [regions]),
        ("ids_are_no_order_of_time", [backwards]),
        ("empty_tables_are_no_trouble", [
            Shop(), Shop().customer(1, "n").price(1, 5, 5).recall(None, "n"),
            Shop().sell(1, 1, 1).sell(None, None, 2)]),
        ("random_rows_have_their_answer", [
            make_random_shop(
                seed, sales=50, prices=30, recalls=20, products=4, customers=9,
                seconds=20 if seed % 2 else 90 * DAY, null_recalls=0.3 * (seed % 3)
            )
            for seed in range(6)
        ]),
    ]  # fmt: skip


def make_large_shops() -> list[tuple[str, Shop]]:
    """The checks of the bound, with their fillings."""
    usual = {"sales": 5_000, "prices": 3_500, "recalls": 1_200, "products": 300, "customers": 1_500, "seconds": YEAR}
    return [
        ("evenly_spread_rows_stay_within_the_bound", make_random_shop(100, **usual)),
        ("one_large_product_stays_within_the_bound", make_random_shop(101, **usual, favourite=0.9, nulls=0.02)),
        ("many_nulls_stay_within_the_bound", make_random_shop(102, **usual, nulls=0.7)),
        ("few_customers_stay_within_the_bound", make_random_shop(
            103, **{**usual, "customers": 2, "products": 3_000}, nulls=0.02)),
        ("few_seconds_stay_within_the_bound", make_random_shop(
            104, **{**usual, "seconds": 3, "products": 3}, nulls=0.02)),
        ("many_prices_stay_within_the_bound", make_random_shop(
            105, **{**usual, "sales": 3_000, "prices": 9_000, "recalls": 300}, favourite=0.8)),
        ("many_recalls_stay_within_the_bound", make_random_shop(
            106, **{**usual, "sales": 3_000, "prices": 300, "recalls": 9_000, "products": 3_000})),
    ]  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    small, large = Reports(), Reports()

    def add(reports: Reports, shops: list[Shop], expect: Judge) -> Callable[[], None]:
        taken = [(shop, reports.add(shop)) for shop in shops]

        def check() -> None:
            for shop, take in taken:
                expect(shop, take())

        return check

    plain = Shop().customer(1, "n").sell(1, 1, 10).price(1, 5, 7)
    return [
        ("the_file_holds_one_statement_that_only_reads", add(small, [plain], expect_success)),
        ("the_columns_are_named_as_before", add(small, [plain], expect_columns)),
        *((name, add(small, shops, expect_rows)) for name, shops in make_small_groups()),
        *((name, add(large, [shop], expect_rows)) for name, shop in make_large_shops()),
    ]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
