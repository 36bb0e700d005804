"""The checks of {{id}}.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import PLACES, WORKSPACE, CheckFailed, Limits, find_tool, new_nonce, run_candidate, run_checks
from compiler_checks import require_checks_left_on

COMPILE_SECONDS = 40.0
RUN_SECONDS = 5.0
PROGRAM = f"{PLACES.build}/program"

SOURCE_BYTES_MAX = 1_000_000

complaint: str | None = None


def read_source() -> bytes:
    path = WORKSPACE / "total.hpp"
    if path.is_symlink() or not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
        raise CheckFailed("total.hpp is missing, no regular file, or too long")
    return path.read_bytes()


def build() -> None:
    """Compiles when the first check needs it, as the candidate: what a compiler reads of an agent is hostile too."""
    global complaint
    if complaint is None:
        compiler = [find_tool("c++"), "-std=c++20", "-I", PLACES.workspace, "-x", "c++"]
        require_checks_left_on("total.hpp", read_source(), compiler)
        ended = run_candidate(
            [
                find_tool("c++"),
                "-std=c++20",
                "-D_POSIX_C_SOURCE=200809L",
                "-fsanitize=address,undefined",
                "-fno-sanitize-recover=all",
                "-g",
                "-O1",
                "-I",
                PLACES.workspace,
                f"{PLACES.driver}/driver.cpp",
                "-o",
                PROGRAM,
            ],
            limits=Limits(seconds=COMPILE_SECONDS),
        )
        complaint = (
            "" if ended.fault is None else f"total.hpp does not build: the compiler {ended.fault}. {ended.errors}"
        )
    if complaint != "":
        raise CheckFailed(complaint)


def expect_totals(cases: list[list[int]]) -> Callable[[], None]:
    def check() -> None:
        build()
        nonce = new_nonce()
        lines = [nonce, *(" ".join(map(str, [len(numbers), *numbers])) for numbers in cases), "end", ""]
        ended = run_candidate([PROGRAM], request="\n".join(lines).encode(), limits=Limits(seconds=RUN_SECONDS))
        found = ended.answer.decode("ascii", "replace").splitlines()
        if ended.fault is not None or not found or found[-1] != f"end {nonce}":
            raise CheckFailed(f"the program {ended.fault or 'ended before the calls returned'}: {ended.errors[-600:]}")
        wanted = [str(sum(numbers)) for numbers in cases]
        if found[:-1] != wanted:
            raise CheckFailed(f"totals of {cases}: expected {wanted}, found {str(found[:-1])[:200]}")

    return check


CHECKS = [
    ("numbers_are_added", expect_totals([[1, 2, 3], [-5, 5]])),
    ("the_last_number_counts", expect_totals([[7], [0, 9]])),
    ("no_numbers_give_zero", expect_totals([[]])),
]

if __name__ == "__main__":
    sys.exit(run_checks(CHECKS))
