"""The checks of sql1_recursive.

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
from trees import Tree, expected_rows, random_tree

COLUMNS = ["folder_id", "path", "depth", "file_count", "total_bytes"]
QUERY_BYTES_MAX = 100_000

# The instruction allows 10 s; a start of the interpreter and the inserts come on top.
LARGE_SECONDS = 11.0

# All small ones together, which their bounds on steps keep far below it.
SMALL_SECONDS = 30.0

# The instruction's bound for few rows; right queries need less than a hundredth of it.
SMALL_STEPS_MAX = 10_000_000

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


def run_query(trees: list[Tree], *, steps_max: int, seconds: float) -> list[dict[str, Any]]:
    """What the driver reports of the query on each of these, in one process."""
    fillings = [{"folders": tree.folders, "files": tree.files, "steps_max": steps_max} for tree in trees]
    reports: list[dict[str, Any]] = ask_driver(
        {"query": read_query(), "fillings": fillings}, limits=Limits(seconds=seconds)
    )
    return reports


class SmallTrees:
    """Trees that one process queries together, with a bound on the steps of each."""

    def __init__(self) -> None:
        self.trees: list[Tree] = []
        self.reports: list[dict[str, Any]] | None = None

    def add(self, tree: Tree) -> Callable[[], dict[str, Any]]:
        index = len(self.trees)
        self.trees.append(tree)

        def find_report() -> dict[str, Any]:
            if self.reports is None:
                self.reports = run_query(self.trees, steps_max=SMALL_STEPS_MAX, seconds=SMALL_SECONDS)
            return self.reports[index]

        return find_report


def expect_success(report: dict[str, Any]) -> None:
    if "error" in report:
        raise CheckFailed(f"the query failed: {report['error']}")


def expect_rows(tree: Tree, report: dict[str, Any]) -> None:
    expect_success(report)
    found = [tuple(row) for row in report["rows"]]
    expected = expected_rows(tree)
    for number, (wanted, row) in enumerate(zip(expected, found, strict=False), start=1):
        # Types count: 3.0 and True equal 3 and 1 in Python, and only integers are asked for.
        if row != wanted or [type(value) for value in row] != [type(value) for value in wanted]:
            raise CheckFailed(f"row {number} of {len(expected)}: expected {wanted}, found {row}")
    if len(found) != len(expected):
        raise CheckFailed(f"expected {len(expected)} rows, found {len(found)}")


def rows_of_large(tree: Tree) -> None:
    [report] = run_query([tree], steps_max=LARGE_STEPS_MAX, seconds=LARGE_SECONDS)
    expect_rows(tree, report)


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    small = SmallTrees()

    def rows_check(*trees: Tree) -> Callable[[], None]:
        reports = [(tree, small.add(tree)) for tree in trees]

        def check() -> None:
            for tree, report in reports:
                expect_rows(tree, report())

        return check

    single = small.add(Tree().add_folder(1, None, "a", 1))

    def columns() -> None:
        expect_success(single())
        if (found := single()["columns"]) != COLUMNS:
            raise CheckFailed(f"expected the columns {COLUMNS}, found {found}")

    example = (
        Tree().add_folder(1, None, "home", 10).add_folder(2, 1, "ada", 200).add_folder(3, 1, "bob")
        .add_folder(4, 2, "notes", 3000, 40000).add_folder(5, None, "tmp")
    )  # fmt: skip
    fan_out = Tree().add_folder(1, None, "a", 1, 2, 4)
    for number in range(2, 6):
        fan_out.add_folder(number, 1, f"b{number}", 8, 16).add_folder(number + 10, number, "c", 32, 64, 128)
    circles = (
        Tree().add_folder(1, None, "a", 5).add_folder(2, 1, "b", 6)
        .add_folder(3, 4, "x", 7).add_folder(4, 5, "y", 8).add_folder(5, 3, "z", 9)
        .add_folder(6, 6, "self", 10).add_folder(7, 3, "below", 11)
    )  # fmt: skip
    orphans = (
        Tree().add_folder(1, None, "a", 5).add_folder(2, 99, "lost", 6).add_folder(3, 2, "lower", 7)
        .add_file(77, 1000)
    )  # fmt: skip
    patterns = (
        Tree().add_folder(1, None, "a_b", 1).add_folder(2, None, "axb", 2).add_folder(3, 1, "in", 4)
        .add_folder(4, 2, "in", 8).add_folder(5, None, "50%", 16).add_folder(6, None, "50 of", 32)
        .add_folder(7, 5, "o'clock", 64).add_folder(8, 6, '"q"', 128).add_folder(9, None, "%", 256)
        .add_folder(10, 9, "c_d", 512).add_folder(11, 9, "cxd", 1024).add_folder(12, 10, "in", 2048)
        .add_folder(13, 11, "in", 4096).add_folder(14, 9, "c%", 8192).add_folder(15, 14, "in", 16384)
    )  # fmt: skip
    prefixes = (
        Tree().add_folder(1, None, "a", 1).add_folder(2, None, "ab", 2).add_folder(3, 1, "b", 4)
        .add_folder(4, 2, "b", 8).add_folder(5, 1, "bc", 16).add_folder(6, 5, "a", 32)
    )  # fmt: skip
    cases = (
        Tree().add_folder(1, None, "docs", 1).add_folder(2, None, "Docs", 2).add_folder(3, 1, "in", 4)
        .add_folder(4, 2, "in", 8).add_folder(5, 2, "IN", 16).add_folder(6, 4, "x", 32).add_folder(7, 5, "x", 64)
    )  # fmt: skip
    order = Tree()
    for number, name in enumerate(["b", "B", "a", "Z", "a b", "a.b", "a!", "é", "z", "ß", "日本"], start=1):
        order.add_folder(number, None, name, number).add_folder(number + 100, number, "x", number)
    backwards = (
        Tree().add_folder(1, 2, "leaf", 1).add_folder(2, 3, "middle", 2).add_folder(3, None, "top", 4)
        .add_folder(-4, 1, "below", 8)
    )  # fmt: skip
    big = Tree().add_folder(1, None, "a", 2**40, 2**53 + 1).add_folder(2, 1, "b", 2**55 + 1, 3)

    chain = Tree().add_folder(1, None, "n1", 1)
    for number in range(2, 401):
        chain.add_folder(number, number - 1, f"n{number}", number)

    return [
        ("the_file_holds_one_statement_that_only_reads", lambda: expect_success(single())),
        ("the_columns_are_named_as_asked", columns),
        ("the_example_has_its_result", rows_check(example)),
        ("a_single_top_folder_has_a_row", rows_check(Tree().add_folder(7, None, "only", 3))),
        ("empty_tables_give_no_rows", rows_check(Tree(), Tree().add_file(1, 5))),
        ("several_top_folders_stay_apart", rows_check(
            Tree().add_folder(1, None, "a", 1).add_folder(2, None, "b", 2).add_folder(3, 2, "a", 4))),
        ("folders_without_files_count_zero", rows_check(
            Tree().add_folder(1, None, "a").add_folder(2, 1, "b").add_folder(3, 1, "c", 9))),
        ("totals_include_every_level_below", rows_check(
            Tree().add_folder(1, None, "a", 1).add_folder(2, 1, "b", 2).add_folder(3, 2, "c", 4)
            .add_folder(4, 3, "d", 8))),
        ("many_files_and_folders_do_not_multiply", rows_check(fan_out)),
        ("files_of_zero_bytes_are_counted", rows_check(
            Tree().add_folder(1, None, "a", 0, 0).add_folder(2, 1, "b", 0))),
        ("equal_sizes_are_added_not_merged", rows_check(
            Tree().add_folder(1, None, "a", 5, 5, 5).add_folder(2, 1, "b", 5, 5))),
        ("circles_are_left_out_and_do_not_hang", rows_check(circles)),
        ("only_circles_give_no_rows", rows_check(Tree().add_folder(1, 2, "a", 1).add_folder(2, 1, "b", 2))),
        ("orphans_and_stray_files_are_left_out", rows_check(orphans)),
        ("names_that_look_like_patterns_stay_apart", rows_check(patterns)),
        ("names_that_begin_alike_stay_apart", rows_check(prefixes)),
        ("names_that_differ_in_case_stay_apart", rows_check(cases)),
        ("rows_are_in_byte_order_of_the_path", rows_check(order)),
        ("a_child_may_have_a_smaller_id", rows_check(backwards)),
        ("large_sums_are_exact_integers", rows_check(big)),
        ("a_deep_chain_is_followed", lambda: rows_of_large(chain)),
        ("random_trees_have_their_result", rows_check(
            random_tree(0, 60, 150, circles=1, orphans=2), *(random_tree(seed, 60, 150) for seed in range(1, 4)))),
        ("a_large_tree_is_answered_in_time", lambda: rows_of_large(
            random_tree(50, 5_000, 20_000, tops=0.2, orphans=100))),
    ]  # fmt: skip


def main() -> int:
    return run_checks(make_checks())


if __name__ == "__main__":
    sys.exit(main())
