"""The checks of sql1_recursive.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import (
    TESTS,
    WORKSPACE,
    CheckFailed,
    Limits,
    build_child_environment,
    new_nonce,
    run_checks,
    run_child,
)

COLUMNS = ["folder_id", "path", "depth", "file_count", "total_bytes"]
QUERY_BYTES_MAX = 100_000

# The instruction allows 10 s; a start of the interpreter and the inserts come on top.
QUERY_SECONDS = 11.0

Row = tuple[int, str, int, int, int]


@dataclass
class Tree:
    """The rows of both tables. Files are numbered as they are added."""

    folders: list[tuple[int, int | None, str]] = field(default_factory=list)
    files: list[tuple[int, int, str, int]] = field(default_factory=list)

    def add_folder(self, identifier: int, parent: int | None, name: str, *sizes: int) -> Tree:
        self.folders.append((identifier, parent, name))
        for size in sizes:
            self.add_file(identifier, size)
        return self

    def add_file(self, folder: int, size: int) -> Tree:
        number = len(self.files) + 1
        self.files.append((number, folder, f"f{number}", size))
        return self


def expected_rows(tree: Tree) -> list[Row]:
    children: dict[int | None, list[tuple[int, str]]] = {}
    for identifier, parent, name in tree.folders:
        children.setdefault(parent, []).append((identifier, name))
    sizes: dict[int, list[int]] = {}
    for _, folder, _, size in tree.files:
        sizes.setdefault(folder, []).append(size)

    reached: list[tuple[int, int | None, str, int]] = []
    waiting: list[tuple[int, int | None, str, int]] = [(i, None, f"/{n}", 0) for i, n in children.get(None, [])]
    while waiting:
        identifier, parent, path, depth = waiting.pop()
        reached.append((identifier, parent, path, depth))
        waiting += [(child, identifier, f"{path}/{name}", depth + 1) for child, name in children.get(identifier, [])]

    counts = {identifier: len(sizes.get(identifier, [])) for identifier, _, _, _ in reached}
    totals = {identifier: sum(sizes.get(identifier, [])) for identifier, _, _, _ in reached}
    for identifier, parent, _, _ in sorted(reached, key=lambda folder: -folder[3]):
        if parent is not None:
            counts[parent] += counts[identifier]
            totals[parent] += totals[identifier]
    rows = [(i, path, depth, counts[i], totals[i]) for i, _, path, depth in reached]
    return sorted(rows, key=lambda row: row[1].encode())


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


def make_checks(temporary: Path) -> list[tuple[str, Callable[[], None]]]:
    def ask(tree: Tree) -> dict[str, Any]:
        nonce = new_nonce()
        request = {"nonce": nonce, "query": read_query(), "folders": tree.folders, "files": tree.files}
        ended = run_child(
            [sys.executable, "-I", "-S", "-B", str(TESTS / "driver.py")],
            request=json.dumps(request).encode(),
            folder=temporary,
            limits=Limits(seconds=QUERY_SECONDS),
            environment=build_child_environment(temporary),
        )
        if ended.fault is not None:
            raise CheckFailed(f"the query {ended.fault} {ended.errors[-600:]}")
        try:
            reply: dict[str, Any] = json.loads(ended.answer)
            is_ours = reply["nonce"] == nonce
        except (ValueError, TypeError, KeyError):
            is_ours = False
        if not is_ours:
            raise CheckFailed("the query gave no readable answer")
        if "error" in reply:
            raise CheckFailed(f"the query failed: {reply['error']}")
        return reply

    def compare(tree: Tree) -> None:
        found = [tuple(row) for row in ask(tree)["rows"]]
        expected = expected_rows(tree)
        for number, (wanted, row) in enumerate(zip(expected, found, strict=False), start=1):
            # Types count: 3.0 and True equal 3 and 1 in Python, and only integers are asked for.
            if row != wanted or [type(value) for value in row] != [type(value) for value in wanted]:
                raise CheckFailed(f"row {number} of {len(expected)}: expected {wanted}, found {row}")
        if len(found) != len(expected):
            raise CheckFailed(f"expected {len(expected)} rows, found {len(found)}")

    def rows_check(*trees: Tree) -> Callable[[], None]:
        def check() -> None:
            for tree in trees:
                compare(tree)

        return check

    def columns() -> None:
        found = ask(Tree().add_folder(1, None, "a", 1))["columns"]
        if found != COLUMNS:
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
    )  # fmt: skip
    prefixes = (
        Tree().add_folder(1, None, "a", 1).add_folder(2, None, "ab", 2).add_folder(3, 1, "b", 4)
        .add_folder(4, 2, "b", 8).add_folder(5, 1, "bc", 16).add_folder(6, 5, "a", 32)
    )  # fmt: skip
    cases = (
        Tree().add_folder(1, None, "docs", 1).add_folder(2, None, "Docs", 2).add_folder(3, 1, "in", 4)
        .add_folder(4, 2, "in", 8).add_folder(5, 2, "IN", 16)
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

    def random_tree(seed: int, folders: int, files: int) -> Tree:
        """One that has circles and orphans too; at most 12 deep."""
        randomness = random.Random(seed)
        identifiers = randomness.sample(range(1, 10 * folders), folders)
        tree = Tree()
        depths: dict[int, int] = {}
        for index, identifier in enumerate(identifiers):
            parent = randomness.choice(identifiers[:index]) if index and randomness.random() < 0.97 else None
            if parent is not None and depths[parent] >= 12:
                parent = None
            depths[identifier] = 0 if parent is None else depths[parent] + 1
            tree.add_folder(identifier, parent, f"n{randomness.randrange(10)}-{index}")
        shift = 100 * folders
        for index in range(folders // 50):
            tree.add_folder(shift + index, shift + (index + 1) % max(1, folders // 50), f"circle{index}", 1)
            tree.add_folder(2 * shift + index, 3 * shift + index, f"orphan{index}", 1)
        for _ in range(files):
            tree.add_file(randomness.choice(identifiers), randomness.randrange(1_000_000))
        randomness.shuffle(tree.folders)
        return tree

    return [
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
        ("a_deep_chain_is_followed", rows_check(chain)),
        ("random_trees_have_their_result", rows_check(*(random_tree(seed, 60, 150) for seed in range(4)))),
        ("a_large_tree_is_answered_in_time", rows_check(random_tree(50, 5_000, 20_000))),
    ]  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        return run_checks(make_checks(Path(temporary)))


if __name__ == "__main__":
    sys.exit(main())
