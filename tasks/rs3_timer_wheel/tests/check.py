"""The checks of rs3_timer_wheel.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, new_nonce, run_checks
from crate import Crate
from scripts import Scripts
from wheel_script import Steps, random_script, script

SCRIPTS_SECONDS = 4
# The limit that the instruction states; right solutions need a tenth of it.
COST_SECONDS = 2
HELD_BYTES_MAX = 256 * 1024
END = 2**64 - 1


def make_scripts() -> dict[str, list[Steps]]:
    return {
        "timers_fire_when_due": [
            script("state, once 5, once 3, state, advance 2, advance 3, state, advance 4, advance 10, state, due 0", 0),
            script("once 105, advance 104, advance 105, state", 100)],
        "equal_due_times_fire_in_the_order_of_adding": [
            script("once 5, once 3, once 5, once 3, once 5, every 5 9 burst, once 5, advance 5"),
            script("once 70, once 4100, advance 10, once 70, once 4100, advance 69, once 70, advance 4099,"
                   " once 4100, advance 5000")],
        "past_due_times_are_taken_as_now": [
            script("once 3, due 0, once 10, once 12, advance 10, state, advance 12", 10),
            script("once 12, advance 12, once 5, state, once 12, advance 12, state", 10)],
        "adding_fires_nothing": [script("once 0, state, every 0 3 burst, state, advance 0, state, advance 0", 0)],
        "a_cancelled_timer_does_not_fire": [
            script("once 5, once 5, once 6, cancel 1, state, due 1, cancel 1, advance 10, cancel 0, cancel 2, state"),
            script("every 5 2 burst, advance 6, cancel 0, state, advance 20, cancel 0")],
        "a_moved_timer_fires_at_its_new_time": [
            script("once 5, once 8, move 0 9, due 0, advance 8, move 1 20, advance 9, move 0 30, state, once 50,"
                   " move 2 3, due 2, advance 9"),
            script("every 5 10 burst, move 0 7, advance 30, move 0 31, due 0, advance 60")],
        "a_moved_timer_ranks_as_added_last": [
            script("once 5, once 5, once 7, move 0 5, move 2 5, once 5, move 1 5, advance 5"),
            script("once 5, once 6, move 1 5, move 0 6, move 0 5, once 5, advance 5")],
        "the_clock_shows_the_due_time_while_firing": [
            script("once 5 state, once 9 state;once:0;state, every 6 2 burst state, advance 20, state")],
        "advance_into_the_past_does_nothing": [
            script("once 10 state, advance 9, state, advance 50, state, once 50, advance 49, state, advance 50", 10)],
        "handlers_add_timers_for_the_same_advance": [
            script("once 5 once:0;once:2;once:9, once 5, once 7, advance 10, state, advance 100"),
            script("once 5 chain:3:6, once 11, advance 20, state, advance 22"),
            script("once 5 chain:0:4, once 5, advance 5, state")],
        "handlers_cancel_and_move_timers_of_the_same_tick": [
            script("once 5 cancel:1;move:2:0;cancel:3, once 5, once 5, once 8, once 5, advance 10, state"),
            script("once 5 move:1:1;state, once 5, once 6, advance 10"),
            script("once 5 move:1:9;move:2:100, once 6, once 7, advance 10, state, advance 200")],
        "a_firing_once_timer_is_no_longer_pending": [
            script("once 5 state;cancel:self;move:self:3;due:self, once 5 state, advance 10, state")],
        "a_handler_may_cancel_its_own_period": [
            script("every 5 2 burst state;cancel:self;state;due:self;cancel:self;move:self:1, once 6 state,"
                   " advance 20, state")],
        "a_handler_may_move_its_own_period": [
            script("every 5 10 burst due:self;move:self:3;due:self, advance 15, state, cancel 0, state"),
            script("every 5 10 skip move:self:1, advance 9, state")],
        "burst_fires_for_every_period": [
            script("every 5 3 burst, once 8, advance 14, state, advance 16, advance 17, every 17 1 burst, advance 20")],
        "skip_keeps_its_phase": [
            script("every 5 3 skip state, once 8, advance 14, state, advance 16, advance 17, advance 18, advance 40,"
                   " due 0"),
            script("every 5 3 skip, advance 5, advance 8, advance 11, advance 13, due 0, advance 14, due 0")],
        "delay_counts_from_the_end_of_the_advance": [
            script("every 5 3 delay state, once 8, advance 14, state, advance 16, advance 17, advance 19, due 0,"
                   " advance 40, due 0"),
            script("every 5 3 delay, advance 5, due 0, advance 8, due 0, advance 9, due 0, advance 13, due 0")],
        "an_armed_timer_ranks_before_what_its_handler_adds": [
            script("every 5 3 burst once:3, advance 8, advance 11"),
            script("once 8, every 5 3 burst, once 8, advance 8, once 11, advance 11"),
            script("every 2 2 burst, every 3 3 burst, every 1 1 burst, advance 12")],
        "a_period_of_zero_is_refused": [script("once 5, every_0, state, once 6, advance 10")],
        "the_end_of_time_is_reached": [
            script(f"once {END} state, every {END - 5} 3 burst, every {END - 5} 3 skip, every {END - 4} 9 delay,"
                   f" advance {END - 4}, state,"
                   f" advance {END}, state, once 5, once {END}, advance {END}, state", END - 10),
            script(f"every {END} 1 burst, every {END - 1} {END} skip, every 7 {END} delay, every 0 {END - 20} burst,"
                   f" advance {END}, state", 3)],
        "a_panic_in_a_handler_leaves_a_usable_wheel": [
            script("once 5 panic, once 5, once 6 once:1;panic, once 9, advance 20, state, due 0, advance 20, state,"
                   " advance 20, state"),
            script("once 5 panic, advance 9, set_clock 3, state, advance 3, state, once 4, advance 5, state"),
            script("every 5 2 burst state;panic, every 6 3 skip panic, once 6, advance 12, state, due 0, due 1,"
                   " advance 12, state, advance 12,"
                   " due 1, cancel 0, advance 12, state"),
            script("every 5 2 burst cancel:self;panic, once 9, advance 20, state, cancel 0, advance 20, state")],
        "handlers_may_not_advance_or_set_the_clock": [
            script("once 5 try_advance:50;state;try_advance:0;once:1, once 9, once 20, advance 10, state"),
            script("once 5 try_set_clock:50;state;try_set_clock:1;once:1, once 9, advance 10, state, set_clock 7,"
                   " state")],
        "setting_the_clock_keeps_distances": [
            script("once 15, every 20 4 burst, once 10, set_clock 100, state, due 0, due 1, advance 105,"
                   " set_clock 50, state, due 1, advance 60,"
                   " set_clock 60, advance 62", 10),
            script("once 105, set_clock 10, state, due 0, set_clock 0, once 4, once 5, once 6, due 0, advance 4,"
                   " move 0 4, advance 9", 100),
            script("once 9, once 8, set_clock 50, once 58, once 59, move 0 59, advance 100, state")],
        "the_clock_may_be_set_back_again_and_again": [
            script("".join(f"once {END} state, once {END - 1}, advance {END - 10}, set_clock {round}, state,"
                           f" cancel {4 * round}, state,"
                           f" once {END}, due {4 * round + 2}, advance 1000, state, every {END} 5 skip, set_clock 3,"
                           f" due {4 * round + 1},"
                           for round in range(6)), 0)],
        "a_set_clock_counts_in_periods": [
            script("every 10 10 skip, advance 12, set_clock 1012, due 0, advance 1055, due 0, set_clock 0, due 0,"
                   " advance 100, due 0"),
            script("every 10 10 delay, set_clock 500, advance 533, set_clock 33, advance 43, due 0")],
        "every_value_is_dropped_once": [
            script("once 5 state, once 5 cancel:2;state, once 7, every 6 1 burst state;cancel:self;state, once 50,"
                   " every 50 1 burst, cancel 4, state,"
                   " advance 20, state"),
            script("every 5 5 burst, every 5 5 burst, advance 20, state")],
        "random_timers_agree_with_a_model": [random_script(seed) for seed in range(30)],
    }  # fmt: skip


def make_cost_scripts() -> dict[str, Steps]:
    count = 200_000
    cancelled = len(range(0, count, 2))
    total = 0
    for due in sorted((number * 0x9E3779B97F4A7C15 % 2**64) >> 24 for number in range(1, count, 2)):
        total = (total * 31 + due) % 2**64
    return {
        "many_timers_are_handled_in_time": [
            ("new 0", "new"), (f"many {count}", f"{cancelled} {count - cancelled} {total} true")],
        "the_clock_may_move_far": script(
            f"once {2**62} state, every {2**40} {2**61} burst, every 7 {2**60 + 1} skip,"
            f" once {2**63 + 2**35} once:{2**62}, advance {2**62 - 1},"
            f" advance {2**63 + 1}, state, advance {END - 1}, state, advance {END}, state"),
        "setting_the_clock_costs_the_same_with_many_timers": [
            ("new 5", "new"), ("fill 100000", "100000"), ("swing 50000", "5"), ("state", "5 100000 false 1000000 0")],
    }  # fmt: skip


def check_memory(crate: Crate) -> None:
    count, pending, nonce = 300_000, 100, new_nonce()
    request = f"{nonce}\nnew 0\nhold {count} {pending}\n"
    ended = crate.run("script", request.encode(), COST_SECONDS)
    lines = ended.answer.decode("utf-8", "replace").split("\n")
    if ended.fault is not None or len(lines) != 4 or lines[2] != f"end {nonce}":
        raise CheckFailed(f"adding and cancelling {count} timers: the program {ended.fault or 'answered otherwise'}")
    cancelled, held = (int(word) for word in lines[1].split())
    if cancelled != count - pending + 1:
        raise CheckFailed(f"expected {count - pending + 1} timers to be cancelled, found {cancelled}")
    if not held < HELD_BYTES_MAX:
        raise CheckFailed(f"with {pending} pending timers, after {count} were added and cancelled,"
                          f" {held} bytes are held")


def make_checks(crate: Crate) -> list[tuple[str, Callable[[], None]]]:
    named = make_scripts()
    scripts = Scripts(lambda request: crate.run("script", request, SCRIPTS_SECONDS), named)

    def cost_check(name: str, steps: Steps) -> Callable[[], None]:
        costs = Scripts(lambda request: crate.run("script", request, COST_SECONDS), {name: [steps]})
        return lambda: costs.check(name)

    return [
        ("the_crate_compiles_without_unsafe_code", crate.compile),
        ("the_types_are_as_described", lambda: crate.compile_only("traits")),
        *((name, partial(scripts.check, name)) for name in named),
        *((name, cost_check(name, steps)) for name, steps in make_cost_scripts().items()),
        ("memory_follows_the_pending_timers", lambda: check_memory(crate)),
    ]


def main() -> int:
    return run_checks(make_checks(Crate("timer_wheel")))


if __name__ == "__main__":
    sys.exit(main())
