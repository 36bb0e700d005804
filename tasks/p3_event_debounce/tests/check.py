"""The checks of p3_event_debounce.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, Limits, ask_driver, run_checks
from debounce_model import TIME_WENT_BACK, Model, make_random_steps

# The instruction allows 4 s for the many events; a start of the interpreter comes on top.
# The small scripts take no time.
LARGE_SECONDS = 5.0
SMALL_SECONDS = 10.0

BACK = TIME_WENT_BACK

Check = tuple[str, Callable[[], None]]


@dataclass
class Script:
    """Debouncers, calls of them and what each call has to give."""

    debouncers: list[tuple[int, dict[str, Any]]]
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    wanted: list[Any] = field(default_factory=list)


def script(wait: int, *steps: tuple[Any, ...], **options: Any) -> Script:
    """One debouncer; each step is a method, its arguments and what it has to give."""
    return Script([(wait, options)], [(0, *step[:-1]) for step in steps], [step[-1] for step in steps])


def ask(scripts: list[Script], seconds: float = SMALL_SECONDS) -> list[list[Any]]:
    request = [{"debouncers": one.debouncers, "steps": one.steps} for one in scripts]
    answers: list[list[Any]] = ask_driver(request, limits=Limits(seconds=seconds))
    if type(answers) is not list or len(answers) != len(scripts):
        raise CheckFailed("the program ended before the calls returned")
    return answers


class SmallScripts:
    """Scripts that one process plays together; if it does not answer, each gets a process of its own."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.answers: list[list[Any]] | None = None

    def add(self, one: Script) -> Callable[[], list[Any]]:
        index = len(self.scripts)
        self.scripts.append(one)

        def find_answer() -> list[Any]:
            if self.answers is None:
                try:
                    self.answers = ask(self.scripts)
                except CheckFailed:
                    self.answers = []
            return self.answers[index] if self.answers else ask([one])[0]

        return find_answer


def is_error(answer: Any, name: str) -> bool:
    return type(answer) is dict and f"builtins.{name}" in answer.get("raised", [])


def agrees(answer: Any, wanted: Any) -> bool:
    """Equal with equal types: True is no 1 and 3.0 no 3 here."""
    if wanted == BACK:
        return is_error(answer, BACK)
    if type(wanted) in (list, tuple):
        return type(answer) is list and len(answer) == len(wanted) and all(map(agrees, answer, wanted))
    return type(answer) is type(wanted) and answer == wanted


def show(answer: Any) -> str:
    if type(answer) is dict:
        return f"{answer['raised'][0]} was raised" if "raised" in answer else str(answer.get("found"))
    return str(answer)[:300]


def expect(one: Script, answers: list[Any]) -> None:
    if len(answers) != len(one.steps):
        raise CheckFailed(f"Debouncer of {one.debouncers}: found {show(answers[0]) if answers else 'nothing'}")
    for number, (step, wanted, answer) in enumerate(zip(one.steps, one.wanted, answers, strict=True)):
        if not agrees(answer, wanted):
            before = "; ".join(f"{method}{tuple(rest)}" for _, method, *rest in one.steps[max(0, number - 8) : number])
            raise CheckFailed(
                f"Debouncer of {one.debouncers}, after {before or 'nothing'}: {step[1]}{tuple(step[2:])} has to give "
                f"{wanted}, found {show(answer)}"
            )


def make_small_checks() -> list[Check]:
    small = SmallScripts()

    def plays(*scripts: Script) -> Callable[[], None]:
        answers = [(one, small.add(one)) for one in scripts]

        def check() -> None:
            for one, answer in answers:
                expect(one, answer())

        return check

    def refuses(*debouncers: tuple[int, dict[str, Any]]) -> Callable[[], None]:
        answers = [(one, small.add(Script([one]))) for one in debouncers]

        def check() -> None:
            for one, answer in answers:
                if not answer() or not is_error(answer()[0], "ValueError"):
                    raise CheckFailed(f"Debouncer of {one}: expected ValueError, found {show(answer())}")

        return check

    huge = 10**15
    return [
        ("the_example_is_as_shown", plays(script(
            100, ("push", 0, "a", 1, []), ("push", 90, "a", 2, []), ("push", 120, "b", 7, []), ("next_due", 190),
            ("push", 180, "a", 3, []), ("advance", 249, [(220, "b", [7])]),
            ("push", 250, "a", 4, [(250, "a", [1, 2, 3])]), ("cancel", "a", 1), max_wait=250))),
        ("a_lone_event_is_emitted_once_after_the_wait", plays(script(
            100, ("push", 5, "a", "x", []), ("advance", 104, []), ("advance", 105, [(105, "a", ["x"])]),
            ("advance", 105, []), ("advance", 500, []), ("flush", 900, [])))),
        ("every_event_puts_the_emission_off", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 9, "a", 2, []), ("push", 18, "a", 3, []),
            ("push", 18, "a", 4, []), ("push", 27, "a", 5, []), ("advance", 36, []),
            ("advance", 37, [(37, "a", [1, 2, 3, 4, 5])])))),
        ("values_of_any_kind_are_kept_as_pushed", plays(script(
            10, ("push", 0, "a", None, []), ("push", 1, "a", [1, [2]], []), ("push", 2, "a", 0, []),
            ("push", 3, "a", "", []), ("push", 3, "a", False, []), ("push", 3, "a", 0, []),
            ("advance", 20, [(13, "a", [None, [1, [2]], 0, "", False, 0])])))),
        ("an_event_at_the_due_moment_begins_a_new_burst", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 10, "a", 2, [(10, "a", [1])]), ("advance", 19, []),
            ("advance", 20, [(20, "a", [2])])))),
        ("a_push_ends_what_was_due_before_it", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 4, "b", 2, []),
            ("push", 50, "a", 3, [(10, "a", [1]), (14, "b", [2])]), ("advance", 60, [(60, "a", [3])])))),
        ("keys_do_not_influence_one_another", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 6, "b", 2, []), ("push", 9, "b", 3, []),
            ("advance", 10, [(10, "a", [1])]), ("advance", 30, [(19, "b", [2, 3])])))),
        ("emissions_carry_the_moment_they_were_due", plays(script(
            10, ("push", 0, "a", 1, []), ("advance", 77, [(10, "a", [1])])))),
        ("emissions_of_a_call_are_in_order_of_time", plays(script(
            10, ("push", 0, "z", 1, []), ("push", 1, "y", 2, []), ("push", 2, "x", 3, []), ("push", 3, "z", 4, []),
            ("advance", 90, [(11, "y", [2]), (12, "x", [3]), (13, "z", [1, 4])])))),
        ("emissions_of_one_time_are_in_order_of_begin", plays(
            script(10, ("push", 5, "z", 1, []), ("push", 5, "m", 2, []), ("push", 5, "a", 3, []),
                ("advance", 15, [(15, "z", [1]), (15, "m", [2]), (15, "a", [3])])),
            # The latest events came in another order than the first ones.
            script(10, ("push", 0, "z", 1, []), ("push", 1, "a", 2, []), ("push", 5, "a", 3, []),
                ("push", 5, "z", 4, []), ("advance", 20, [(15, "z", [1, 4]), (15, "a", [2, 3])])),
            # A key's new burst begins when it begins, not when its first one did.
            script(10, ("push", 0, "z", 1, []), ("advance", 10, [(10, "z", [1])]), ("push", 11, "a", 2, []),
                ("push", 11, "z", 3, []), ("advance", 21, [(21, "a", [2]), (21, "z", [3])])))),
        ("a_burst_lasts_no_longer_than_max_wait", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 8, "a", 2, []), ("push", 16, "a", 3, []),
            ("push", 24, "a", 4, []), ("push", 25, "a", 5, [(25, "a", [1, 2, 3, 4])]), ("advance", 34, []),
            ("advance", 35, [(35, "a", [5])]), max_wait=25))),
        ("max_wait_is_counted_afresh_in_each_burst", plays(
            script(10, ("push", 0, "a", 1, []), ("advance", 10, [(10, "a", [1])]), ("push", 20, "a", 2, []),
                ("push", 28, "a", 3, []), ("advance", 37, []), ("advance", 60, [(38, "a", [2, 3])]), max_wait=25),
            script(10, ("push", 0, "a", 1, []), ("cancel", "a", 1), ("push", 8, "a", 2, []),
                ("push", 11, "a", 3, []), ("advance", 20, [(20, "a", [2, 3])]), max_wait=12))),
        ("a_max_wait_equal_to_wait_is_allowed", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 9, "a", 2, []), ("advance", 10, [(10, "a", [1, 2])]), max_wait=10))),
        ("leading_emits_the_first_event_at_once", plays(script(
            10, ("push", 3, "a", 1, [(3, "a", [1])]), ("push", 4, "b", 2, [(4, "b", [2])]), leading=True))),
        ("leading_emits_a_lone_event_only_once", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("advance", 10, []), ("flush", 11, []), leading=True))),
        ("leading_leaves_the_later_values_for_the_end", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("push", 5, "a", 2, []), ("push", 6, "a", 3, []),
            ("advance", 15, []), ("advance", 16, [(16, "a", [2, 3])]),
            ("push", 17, "a", 4, [(17, "a", [4])]), leading=True))),
        ("a_silent_burst_lasts_until_it_is_due", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("push", 9, "a", 2, []),
            ("push", 19, "a", 3, [(19, "a", [2]), (19, "a", [3])]),
            ("push", 29, "a", 4, [(29, "a", [4])]), leading=True))),
        ("leading_and_max_wait_go_together", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("push", 9, "a", 2, []), ("push", 14, "a", 3, []),
            ("push", 15, "a", 4, [(15, "a", [2, 3]), (15, "a", [4])]),
            ("advance", 90, []), leading=True, max_wait=15))),
        ("a_leading_emission_comes_after_those_that_were_due", plays(script(
            10, ("push", 0, "z", 1, [(0, "z", [1])]), ("push", 1, "z", 2, []),
            ("push", 11, "a", 3, [(11, "z", [2]), (11, "a", [3])]), leading=True))),
        ("cancel_drops_and_counts_the_values", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 1, "a", 2, []), ("push", 1, "b", 3, []), ("cancel", "a", 2),
            ("cancel", "a", 0), ("cancel", "never", 0), ("advance", 50, [(11, "b", [3])]), ("cancel", "b", 0)))),
        ("a_cancelled_burst_leaves_nothing_behind", plays(script(
            10, ("push", 0, "a", 1, []), ("cancel", "a", 1), ("push", 6, "a", 2, []), ("advance", 10, []),
            ("advance", 15, []), ("advance", 16, [(16, "a", [2])])))),
        ("cancel_ends_silent_bursts_too", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("cancel", "a", 0), ("push", 5, "a", 2, [(5, "a", [2])]),
            ("push", 6, "a", 3, []), ("cancel", "a", 1), leading=True))),
        ("cancel_finds_no_burst_that_has_ended", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 100, "b", 2, [(10, "a", [1])]), ("cancel", "b", 1),
            ("cancel", "a", 0)))),
        ("flush_emits_what_is_left_at_its_time", plays(script(
            10, ("push", 0, "z", 1, []), ("push", 2, "a", 2, []), ("push", 4, "z", 3, []),
            ("flush", 5, [(5, "z", [1, 3]), (5, "a", [2])]), ("advance", 90, []), ("push", 91, "a", 4, [])))),
        ("flush_gives_what_was_due_its_own_time", plays(script(
            10, ("push", 0, "b", 1, []), ("push", 7, "a", 2, []), ("push", 8, "b", 3, []),
            ("flush", 17, [(17, "b", [1, 3]), (17, "a", [2])]), ("push", 20, "a", 4, []), ("push", 25, "b", 5, []),
            ("flush", 33, [(30, "a", [4]), (33, "b", [5])])))),
        ("flush_ends_silent_bursts", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("flush", 3, []),
            ("push", 4, "a", 2, [(4, "a", [2])]), leading=True))),
        ("next_due_tells_the_earliest_emission", plays(script(
            10, ("next_due", None), ("push", 0, "a", 1, []), ("next_due", 10), ("push", 3, "b", 2, []),
            ("next_due", 10), ("push", 6, "a", 3, []), ("next_due", 13), ("cancel", "b", 1), ("next_due", 16),
            ("advance", 16, [(16, "a", [1, 3])]), ("next_due", None), ("push", 20, "c", 1, []),
            ("flush", 21, [(21, "c", [1])]), ("next_due", None)))),
        ("next_due_heeds_max_wait", plays(script(
            10, ("push", 0, "a", 1, []), ("push", 9, "a", 2, []), ("next_due", 12), ("push", 11, "a", 2, []),
            ("next_due", 12), max_wait=12))),
        ("next_due_leaves_silent_bursts_out", plays(script(
            10, ("push", 0, "a", 1, [(0, "a", [1])]), ("next_due", None), ("push", 5, "b", 2, [(5, "b", [2])]),
            ("push", 8, "b", 3, []), ("next_due", 18), ("push", 9, "a", 4, []), ("push", 9, "b", 5, []),
            ("next_due", 19), leading=True))),
        ("time_that_goes_back_is_refused_and_changes_nothing", plays(
            script(10, ("push", 20, "a", 1, []), ("push", 19, "a", 2, BACK), ("push", 19, "b", 2, BACK),
                ("advance", 0, BACK), ("flush", 19, BACK), ("next_due", 30), ("advance", 29, []),
                ("push", 28, "a", 3, BACK), ("cancel", "b", 0), ("advance", 30, [(30, "a", [1])])),
            script(10, ("push", 0, "a", 1, []), ("flush", 5, [(5, "a", [1])]), ("advance", 4, BACK),
                ("push", 5, "a", 2, []), ("advance", 15, [(15, "a", [2])]), ("advance", 14, BACK),
                ("push", 14, "a", 2, BACK)))),
        ("times_may_be_negative_and_huge", plays(script(
            10, ("push", -100, "a", 1, []), ("push", -91, "a", 2, []), ("advance", -81, [(-81, "a", [1, 2])]),
            ("push", huge, "a", 3, []), ("advance", 2 * huge, [(huge + 10, "a", [3])])))),
        ("debouncers_do_not_influence_one_another", plays(Script(
            [(10, {}), (10, {}), (20, {})],
            [(0, "push", 50, "a", 1), (1, "push", 3, "a", 2), (2, "push", 55, "a", 3), (1, "cancel", "b"),
                (1, "advance", 13), (0, "advance", 60), (2, "next_due"), (2, "flush", 70)],
            [[], [], [], 0, [(13, "a", [2])], [(60, "a", [1])], 75, [(70, "a", [3])]]))),
        ("bad_waits_are_refused", refuses(
            (0, {}), (-5, {}), (10, {"max_wait": 9}), (10, {"max_wait": 0}), (0, {"max_wait": 5}))),
    ]  # fmt: skip


def check_random(seed: int, **options: Any) -> None:
    randomness = random.Random(seed)
    scripts = []
    for _ in range(60):
        model = Model(10, **options)
        steps = make_random_steps(randomness, 60)
        scripts.append(Script([(10, options)], steps, [model.step(*step[1:]) for step in steps]))
    for one, answers in zip(scripts, ask(scripts), strict=True):
        expect(one, answers)


def check_many_keys() -> None:
    count, wait = 20_000, 1_000_000
    first = [(0, "push", number, f"k{number}", 0) for number in range(count)]
    # In another order, so that what began first is not due first.
    second = [(0, "push", count + number, f"k{(number * 7919) % count}", 1) for number in range(count)]
    end = [(count + number + wait, f"k{(number * 7919) % count}", [0, 1]) for number in range(count)]
    one = Script(
        [(wait, {})],
        [*first, *second, (0, "next_due"), (0, "advance", 10**15), (0, "next_due")],
        [*([[]] * 2 * count), count + wait, end, None],
    )
    [answers] = ask([one], LARGE_SECONDS)
    expect(one, answers)


def make_checks() -> list[Check]:
    return [
        *make_small_checks(),
        ("random_scripts_are_played_right", lambda: check_random(1)),
        ("random_scripts_with_max_wait_are_played_right", lambda: check_random(2, max_wait=23)),
        ("random_scripts_with_leading_are_played_right", lambda: check_random(3, leading=True)),
        ("random_scripts_with_both_are_played_right", lambda: check_random(4, leading=True, max_wait=15)),
        ("many_keys_are_taken_in_time", check_many_keys),
    ]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
