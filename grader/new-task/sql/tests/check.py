"""The checks of {{id}}.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import WORKSPACE, CheckFailed, Limits, ask_driver, run_checks

# Far above what a right query needs; the start of the interpreter comes on top.
QUERY_SECONDS = 5.0
QUERY_BYTES_MAX = 100_000


def read_query() -> str:
    path = WORKSPACE / "query.sql"
    if path.is_symlink() or not path.is_file() or path.stat().st_size > QUERY_BYTES_MAX:
        raise CheckFailed("query.sql is missing, no regular file, or too long")
    return path.read_text(encoding="utf-8", errors="replace")


CASES = {
    "numbers_are_added": [[1, 2, 3], [-5, 5]],
    "the_last_number_counts": [[7], [0, 9]],
    "no_numbers_give_zero": [[]],
}


@functools.cache
def ask_for_all() -> dict[str, list[object]]:
    """One process answers for all checks: starting it takes longer than all calls."""
    answers = ask_driver({"query": read_query(), "cases": CASES}, limits=Limits(seconds=QUERY_SECONDS))
    if type(answers) is not dict or set(answers) != set(CASES):
        raise CheckFailed("the program ended before the calls returned")
    return answers


def expect_totals(name: str) -> None:
    for numbers, found in zip(CASES[name], ask_for_all()[name], strict=True):
        if found != [[sum(numbers)]]:
            raise CheckFailed(
                f"with the values {numbers}: expected one row with {sum(numbers)}, found {str(found)[:200]}"
            )


if __name__ == "__main__":
    sys.exit(run_checks([(name, functools.partial(expect_totals, name)) for name in CASES]))
