"""The checks of cpp1_lru_cache.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cache_script import KEY_MODULUS, Script, filled, random_script
from checking import CheckFailed, run_checks
from compiled import Batch, Program, Recipe

# Unoptimised: most of a grade is the compiler's time.
# All scripts together; a right cache needs a tenth of it, one that searches among its entries a minute.
BATCH_SECONDS = 8.0
PROGRAM = Program(
    Recipe(
        name="sanitized",
        compiler="c++",
        language=(
            "-std=c++20", "-pedantic-errors", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            "-O0",
        ),
        source="lru_cache.hpp",
        driver="driver.cpp",
        is_included=True,
    )
)  # fmt: skip


def compare(script: Script, batch: Batch, number: int) -> None:
    reply = batch.reply(number)
    for position, (step, wanted) in enumerate(script.steps):
        asked = (step or script.steps[position - 1][0])[:100]
        if position >= len(reply.lines):
            raise CheckFailed(f"at {asked}: {reply.fault or 'the program said no more'}")
        found = reply.lines[position]
        if found not in wanted:
            raise CheckFailed(f"at {asked}: expected {' or '.join(wanted[:3])[:300]}, found {found[:300]}")
    if reply.fault is not None or len(reply.lines) != len(script.steps):
        raise CheckFailed(reply.fault or "the program said more than it was asked")


def exception_trials(operation: str) -> list[Script]:
    """Each kind of failure on a cache with room, on a full one, and for a key that is there."""
    scripts = []
    for failing in ("allocations", "copies", "hashes", "comparisons"):
        script = filled(4, 4).get(2)
        getattr(script.trial(failing, operation, 9, 90).get(1).trial(failing, operation, 1, 11), operation)(5, 50)
        script.create(100, 1)
        # The table grows on the way, wherever its limits are.
        for key in range(1, 40):
            script.trial(failing, operation, key, key, 1)
        scripts.append(script)
    return scripts


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    batch = Batch(PROGRAM, BATCH_SECONDS)

    def script_check(*scripts: Script) -> Callable[[], None]:
        numbers = [batch.add(script.end().request()) for script in scripts]

        def check() -> None:
            for script, number in zip(scripts, numbers, strict=True):
                compare(script, batch, number)

        return check

    stable = filled(3, 1).hold(1)
    for key in range(2, 60):
        stable.put(key, key).held(10).get(1)
    stable.resize(1000)
    for key in range(100, 700):
        stable.put(key, key)
    copies = filled(3, 3).get(1).copy(0, 1).state(1).put(4, 40, 1).erase(2, 1).state().state(1)
    copies.get(2).put(5, 50).state().state(1).destroy(0).get(3, 1).make(8, 80, 1).state(1)
    assigned = filled(3, 3, 1, filled(5, 5)).assign(0, 1).state(1).put(6, 60, 1).put(7, 70, 0).state().state(1)
    moved = filled(3, 3).get(1).move(0, 1).state(1).state(0).put(7, 70, 0).put(8, 80, 1).state(0).state(1).get(7)
    move_assigned = filled(2, 2, 1, filled(5, 5)).move_assign(0, 1).state(1).state(0)
    move_assigned.put(6, 60, 1).put(7, 70, 0).make(7, 1).state().state(1)
    unique = Script()
    for name in "abcb":
        unique.unique_call("put", name, ord(name))
    unique.unique_call("get", "a").unique_call("put", "d", 4).unique_call("get", "c").unique_call("make", "e", 5)
    unique.unique_call("make", "a", 9).unique_call("put", "f" * 30, 6).unique_call("get", "d")
    other = KEY_MODULUS

    return [
        ("it_compiles_as_strict_cpp20", PROGRAM.build),
        ("a_capacity_of_zero_is_refused", script_check(Script().create(0).create(1).put(1, 2).state())),
        ("a_new_cache_is_empty", script_check(
            Script().create(3).state().get(1).peek(1).contains(1).erase(1).clear().state())),
        ("values_come_back", script_check(filled(4, 4).get(1).get(4).peek(2).contains(3).contains(5).get(5))),
        ("put_returns_the_evicted_entry", script_check(
            filled(2, 2).put(3, 30).put(4, 40).state(), filled(1, 1).put(2, 20).put(3, 30).state())),
        ("get_touches", script_check(filled(3, 3).get(1).state().put(4, 40).get(3).get(3).put(5, 50).state())),
        ("peek_and_contains_do_not_touch", script_check(
            filled(3, 3).peek(1).contains(1).contains(2).state().put(4, 40).put(5, 50).state())),
        ("put_of_a_known_key_replaces_and_touches", script_check(
            filled(3, 3).put(1, 11).state().put(4, 40).put(4, 41).state())),
        ("put_of_a_known_key_evicts_nothing", script_check(filled(2, 2).put(1, 11).put(2, 22).put(1, 12).state())),
        ("a_replaced_entry_keeps_its_key", script_check(
            filled(3, 3).put(other + 1, 11).state().get(2 * other + 2).make(other + 3, 7).state().put(other + 9, 90)
            .state())),
        ("get_or_create_makes_only_what_is_absent", script_check(
            filled(3, 2).make(1, 99).state().make(7, 70).make(7, 71).state().make(8, 80).state())),
        ("a_failing_make_changes_nothing", script_check(
            filled(2, 2).fail_to_make(3).make(1, 0).fail_to_make(4).put(5, 50).state(), Script().create(1)
            .fail_to_make(1).put(1, 10).fail_to_make(2).state())),
        ("erase_removes_one_entry", script_check(
            filled(4, 4).erase(2).erase(2).erase(4).state().put(5, 50).put(6, 60).put(7, 70).state())),
        ("clear_keeps_the_capacity", script_check(
            filled(2, 2).clear().state().put(1, 11).put(3, 30).put(4, 40).state())),
        ("resize_drops_the_least_recently_used", script_check(
            filled(5, 5).get(2).resize(2).state().put(6, 60).resize(4).put(7, 70).put(8, 80).put(9, 90).state())),
        ("resize_to_zero_is_refused", script_check(filled(3, 3).resize(0).state().put(4, 40).state())),
        ("any_capacity_is_affordable", script_check(
            Script().create("max").put(1, 10).put(2, 20).state().resize(1).state(),
            Script().create(1 << 40).put(1, 10).resize(1 << 41).state())),
        ("pointers_stay_valid", script_check(
            stable.held(10).put(1, 11).held(11).put(other + 1, 12).held(12).make(1, 9).held(12))),
        ("a_copy_is_independent", script_check(copies)),
        ("assignment_replaces_the_content", script_check(
            assigned, filled(3, 3).assign(0, 0).state().put(4, 40).state())),
        ("a_move_leaves_an_empty_cache", script_check(moved, move_assigned)),
        ("a_move_keeps_pointers_valid", script_check(
            filled(3, 3).hold(2).move(0, 1).held(20).put(2, 22, 1).held(22).create(9, 2).move_assign(1, 2).held(22)
            .put(2, 23, 2).held(23))),
        ("values_need_not_be_copyable", script_check(unique)),
        ("a_failing_put_changes_nothing", script_check(*exception_trials("put"))),
        ("a_failing_get_or_create_changes_nothing", script_check(*exception_trials("make"))),
        ("random_calls_agree_with_a_model", script_check(*(random_script(seed) for seed in range(8)))),
        ("calls_take_constant_time", script_check(
            Script().create(20_000).churn(100_000, 120_000, 1))),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
