"""The checks of p1_interval_merge.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, Limits, ask_driver, run_checks
from spans import Interval, expected_covered, expected_merge, expected_subtract, make_random_intervals

# The instruction allows 4 s for a large call; a start of the interpreter comes on top. The small ones take no time.
LARGE_SECONDS = 5.0
SMALL_SECONDS = 10.0

Check = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Call:
    function: str
    arguments: list[Any]
    shape: str = "tuples"
    wants_arguments: bool = False

    def __str__(self) -> str:
        text = f"{self.function}({', '.join(map(str, self.arguments))})"
        return text if len(text) <= 300 else f"{self.function} of {len(self.arguments[0])} intervals"


def ask(calls: list[Call], seconds: float = SMALL_SECONDS) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = ask_driver([vars(call) for call in calls], limits=Limits(seconds=seconds))
    if type(answers) is not list or len(answers) != len(calls):
        raise CheckFailed("the program ended before the calls returned")
    return answers


class SmallCalls:
    """Calls that one process answers together; if it does not answer, each gets a process of its own."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[dict[str, Any]] | None = None

    def add(self, call: Call) -> Callable[[], dict[str, Any]]:
        index = len(self.calls)
        self.calls.append(call)

        def find_answer() -> dict[str, Any]:
            if self.answers is None:
                try:
                    self.answers = ask(self.calls)
                except CheckFailed:
                    self.answers = []
            return self.answers[index] if self.answers else ask([call])[0]

        return find_answer


def show(answer: dict[str, Any]) -> str:
    if answer["kind"] == "intervals":
        return str([tuple(interval) for interval in answer["intervals"][:20]])
    return f"{answer['classes'][0]} was raised" if answer["kind"] == "raised" else str(answer["found"])


def expect_intervals(call: Call, answer: dict[str, Any], wanted: list[Interval]) -> None:
    if answer["kind"] == "intervals":
        found = [tuple(interval) for interval in answer["intervals"]]
        if answer["is_argument"] is not False:
            raise CheckFailed(f"{call}: the result is no new list but an argument")
        if found == wanted and all(type(end) is int for interval in found for end in interval):
            return
    raise CheckFailed(f"{call}: expected {str(wanted[:20])}, found {show(answer)}")


def expect_error(call: Call, answer: dict[str, Any], name: str) -> None:
    if answer["kind"] != "raised" or f"builtins.{name}" not in answer["classes"]:
        raise CheckFailed(f"{call}: expected {name}, found {show(answer)}")


def make_small_checks() -> list[Check]:
    small = SmallCalls()

    def gives(wanted: list[Interval], function: str, *arguments: object, shape: str = "tuples") -> Callable[[], None]:
        call = Call(function, list(arguments), shape)
        answer = small.add(call)
        return lambda: expect_intervals(call, answer(), wanted)

    def raises(name: str, function: str, *arguments: object) -> Callable[[], None]:
        call = Call(function, list(arguments))
        answer = small.add(call)
        return lambda: expect_error(call, answer(), name)

    def leaves(wanted: list[Interval], function: str, *arguments: object) -> Callable[[], None]:
        call = Call(function, list(arguments), "lists", wants_arguments=True)
        answer = small.add(call)

        def check() -> None:
            expect_intervals(call, answer(), wanted)
            if (found := answer()["arguments"]) != call.arguments:
                raise CheckFailed(f"{call}: the arguments were changed to {found}")

        return check

    def every(*parts: Callable[[], None]) -> Callable[[], None]:
        def check() -> None:
            for part in parts:
                part()

        return check

    huge = 10**30
    mixed = [[7, 9], [0, 4], [3, 5], [5, 5], [2, 3]]
    return [
        ("overlapping_intervals_are_joined", gives([(1, 6), (8, 9)], "merge", [[1, 4], [3, 6], [8, 9]])),
        ("touching_intervals_are_joined", gives([(1, 6), (7, 8)], "merge", [[1, 4], [4, 6], [7, 8]])),
        ("an_interval_within_another_adds_nothing", gives([(0, 10)], "merge", [[0, 10], [2, 3], [5, 6]])),
        ("the_order_of_intervals_does_not_matter", gives(
            [(-3, 2), (4, 9)], "merge", [[6, 9], [-3, 0], [4, 7], [0, 2]])),
        (
            "without_intervals_the_result_is_empty",
            every(
                gives([], "merge", []), gives([], "merge", [], 3), gives([], "covered", [], 1),
                gives([], "subtract", [], [[1, 2]]), gives([(1, 2)], "subtract", [[1, 2]], []),
            ),
        ),
        (
            "empty_intervals_are_dropped",
            every(
                gives([(4, 5)], "merge", [[1, 1], [4, 5], [9, 9]]), gives([], "subtract", [[2, 2]], []),
                gives([], "covered", [[2, 2], [2, 2]], 1), gives([], "merge", [[0, 0]], 5),
            ),
        ),
        (
            "parts_no_farther_apart_than_the_gap_are_joined",
            every(
                gives([(0, 9), (12, 13)], "merge", [[0, 2], [4, 6], [8, 9], [12, 13]], 2),
                gives([(0, 2), (4, 6)], "merge", [[0, 2], [4, 6]], 1),
                gives([(-9, -1)], "merge", [[-4, -1], [-9, -7]], 3),
                gives([(0, 21)], "merge", [[0, 10], [2, 3], [20, 21]], 10),
            ),
        ),
        (
            "empty_intervals_do_not_bridge_a_gap",
            every(
                gives([(0, 1), (5, 6)], "merge", [[0, 1], [3, 3], [5, 6]], 2),
                gives([(5, 6)], "merge", [[3, 3], [5, 6], [8, 8]], 2),
            ),
        ),
        ("a_hole_in_the_middle_splits", gives([(0, 3), (5, 9)], "subtract", [[0, 9]], [[3, 5]])),
        (
            "holes_cut_off_ends",
            every(
                gives([(3, 7)], "subtract", [[0, 9]], [[-5, 3], [7, 20]]),
                gives([(0, 2), (8, 9)], "subtract", [[0, 4], [6, 9]], [[2, 8]]),
            ),
        ),
        (
            "what_lies_in_a_hole_is_gone",
            every(gives([], "subtract", [[2, 4]], [[2, 4]]), gives([(9, 10)], "subtract", [[2, 4], [9, 10]], [[0, 5]])),
        ),
        ("one_interval_may_have_many_holes", gives(
            [(0, 1), (2, 3), (5, 7), (8, 10)], "subtract", [[0, 10]], [[7, 8], [1, 2], [3, 5]])),
        ("holes_may_overlap_one_another", gives(
            [(0, 1), (9, 12)], "subtract", [[0, 12]], [[1, 8], [2, 3], [4, 9], [2, 3]])),
        (
            "holes_that_touch_or_are_empty_take_nothing",
            every(
                gives([(3, 6)], "subtract", [[3, 6]], [[0, 3], [6, 8]]),
                gives([(3, 6)], "subtract", [[3, 6]], [[4, 4], [3, 3]]),
            ),
        ),
        (
            "a_difference_has_no_overlaps_and_no_touching_parts",
            every(
                gives([(0, 9)], "subtract", [[5, 9], [0, 5]], [[20, 21]]),
                gives([(0, 2), (4, 9)], "subtract", [[0, 6], [1, 9]], [[2, 4]]),
            ),
        ),
        ("equal_intervals_count_each", gives([(2, 4)], "covered", [[2, 4], [2, 4], [4, 6]], 2)),
        ("an_end_does_not_overlap_the_start_at_it", gives([], "covered", [[0, 5], [5, 9]], 2)),
        ("touching_parts_of_a_cover_are_joined", gives([(0, 9)], "covered", [[0, 5], [5, 9], [0, 9]], 2)),
        (
            "covers_are_counted_at_every_depth",
            every(
                *(
                    gives(wanted, "covered", [[0, 10], [2, 8], [4, 12], [5, 6]], times)
                    for times, wanted in enumerate([[(0, 12)], [(2, 10)], [(4, 8)], [(5, 6)], []], start=1)
                )
            ),
        ),
        (
            "huge_and_negative_ends_are_exact",
            every(
                gives([(-huge, huge + 1)], "merge", [[-huge, 0], [0, huge], [huge, huge + 1]]),
                gives([(-huge, huge), (huge + 1, huge + 2)], "subtract", [[-huge, huge + 2]], [[huge, huge + 1]]),
                gives([(huge, huge + 1)], "covered", [[-huge, huge + 1], [huge, huge + 7]], 2),
            ),
        ),
        (
            "intervals_may_be_lists_and_come_in_tuples",
            every(
                *(
                    part
                    for shape in ("lists", "tuple of tuples")
                    for part in (
                        gives([(0, 5), (7, 9)], "merge", mixed, shape=shape),
                        gives([(0, 1), (8, 9)], "subtract", mixed, [[1, 8]], shape=shape),
                        gives([(2, 4)], "covered", mixed, 2, shape=shape),
                    )
                )
            ),
        ),
        (
            "generators_are_accepted",
            every(
                gives([(0, 5), (7, 9)], "merge", mixed, shape="generator"),
                gives([(0, 1), (4, 5), (8, 9)], "subtract", mixed, [[7, 8], [1, 4]], shape="generator"),
                gives([(2, 4)], "covered", mixed, 2, shape="generator"),
            ),
        ),
        (
            "arguments_are_left_as_they_were",
            every(
                leaves([(0, 5), (7, 9)], "merge", mixed),
                leaves([(0, 1), (8, 9)], "subtract", mixed, [[6, 8], [1, 7]]),
                leaves([(2, 4)], "covered", mixed, 2),
            ),
        ),
        (
            "a_reversed_interval_raises_value_error",
            every(
                raises("ValueError", "merge", [[0, 4], [3, 2]]), raises("ValueError", "subtract", [[5, 1]], []),
                raises("ValueError", "subtract", [], [[5, 1]]), raises("ValueError", "covered", [[0, 1], [9, 8]], 7),
                raises("ValueError", "subtract", [[0, 3]], [[50, 41]]),
            ),
        ),
        (
            "a_negative_gap_raises_value_error",
            every(raises("ValueError", "merge", [[0, 4]], -1), raises("ValueError", "merge", [], -3)),
        ),
        (
            "times_below_one_raise_value_error",
            every(raises("ValueError", "covered", [[0, 4]], 0), raises("ValueError", "covered", [], -1)),
        ),
        (
            "what_is_no_interval_raises_type_error",
            every(
                *(
                    part
                    for wrong in ("ab", 5, None, [1], [1, 2, 3], [], [1.0, 2], [1, "2"], [None, 2], {"1": 2, "3": 4})
                    for part in (
                        raises("TypeError", "merge", [[0, 1], wrong]),
                        raises("TypeError", "subtract", [], [wrong]),
                        raises("TypeError", "covered", [wrong], 1),
                    )
                )
            ),
        ),
        (
            "true_and_false_are_no_ends",
            every(
                raises("TypeError", "merge", [[False, 3]]), raises("TypeError", "subtract", [[0, 3]], [[0, True]]),
                raises("TypeError", "covered", [[False, True]], 1),
            ),
        ),
    ]  # fmt: skip


def check_random(seed: int, make: Callable[[random.Random], tuple[Call, list[Interval]]]) -> None:
    randomness = random.Random(seed)
    cases = [make(randomness) for _ in range(150)]
    for (call, wanted), answer in zip(cases, ask([call for call, _ in cases]), strict=True):
        expect_intervals(call, answer, wanted)


def random_merge(randomness: random.Random) -> tuple[Call, list[Interval]]:
    intervals, gap = make_random_intervals(randomness, 8), randomness.choice([0, 0, 1, 2, 3, 5])
    return Call("merge", [intervals, gap]), expected_merge(intervals, gap)


def random_subtract(randomness: random.Random) -> tuple[Call, list[Interval]]:
    intervals, holes = make_random_intervals(randomness, 10), make_random_intervals(randomness, 8)
    return Call("subtract", [intervals, holes]), expected_subtract(intervals, holes)


def random_covered(randomness: random.Random) -> tuple[Call, list[Interval]]:
    intervals, times = make_random_intervals(randomness, 16), randomness.randint(1, 5)
    return Call("covered", [intervals, times]), expected_covered(intervals, times)


def check_large(function: str) -> None:
    count, step = 20_000, 10**18 // 20_000
    randomness = random.Random(4)
    starts = [step * index for index in range(count)]
    match function:
        case "merge":
            intervals, second = [(start, start + 9) for start in starts], 5
            wanted = intervals.copy()
        case "subtract":
            intervals, second = [(start, start + 9) for start in starts], [(start + 2, start + 4) for start in starts]
            wanted = [part for start in starts for part in ((start, start + 2), (start + 4, start + 9))]
            randomness.shuffle(second)
        case _:
            # Each lies in the one before, so that all of them are open at once.
            intervals, second = [(start, 2 * 10**18 - start) for start in starts], count
            wanted = [intervals[-1]]
    randomness.shuffle(intervals)
    call = Call(function, [intervals, second])
    [answer] = ask([call], LARGE_SECONDS)
    expect_intervals(call, answer, wanted)


def make_checks() -> list[Check]:
    return [
        *make_small_checks(),
        ("random_unions_are_right", lambda: check_random(1, random_merge)),
        ("random_differences_are_right", lambda: check_random(2, random_subtract)),
        ("random_covers_are_right", lambda: check_random(3, random_covered)),
        ("many_intervals_are_merged_in_time", lambda: check_large("merge")),
        ("many_holes_are_subtracted_in_time", lambda: check_large("subtract")),
        ("many_covers_are_counted_in_time", lambda: check_large("covered")),
    ]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
