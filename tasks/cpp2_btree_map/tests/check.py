"""The checks of cpp2_btree_map.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import run_checks
from map_costs import Costs
from map_script import Script, Steps, filled, random_script, scattered
from program import Program
from scripts import Scripts

# Unoptimised: most of a grade is the compiler's time.
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-sanitize=vptr", "-O0")
# All scripts together; a right map needs a tenth of it.
SCRIPTS_SECONDS = 20.0


def make_scripts() -> dict[str, list[Steps]]:
    return {name: [script.end() for script in scripts] for name, scripts in make_calls().items()}


def trials(what: str, keys: list[int], *more: int) -> list[Script]:
    """Failures of one operation on maps of several sizes, the nodes of some of them full, whatever a node holds."""
    scripts = []
    for size in (0, 1, 5, 33, 140):
        script = filled(range(0, 2 * size, 2))
        for key in keys:
            script.call("trial", 0, what, 0, key, *more)
        scripts.append(script)
    return scripts


def growth(what: str, *more: int) -> Script:
    """Each of many insertions is tried with every failure, so that every way to split a node meets one."""
    script = Script()
    for key in scattered(90):
        script.call("trial", 0, what, 0, key, *more)
    return script


def shrinking(keys: list[int], count: int) -> Script:
    script = filled(range(count))
    for key in keys:
        script.call("erase_at", 0, key)
    return script.call("put", 0, 3, 4)


def make_calls() -> dict[str, list[Script]]:
    some = scattered(101)
    ranges = filled(range(0, 1000, 2))
    for first, last in ((100, 100), (101, 140), (0, 30), (996, 2000), (-5, 8), (200, 201), (40, 700), (35, 38), (0,
    2000), (0, 1)):
        ranges.call("erase_range", 0, first, last).call("walk", 0).call("put", 0, first, 1)
    everywhere = []
    for size in (3, 40, 250):
        for first, last in ((0, size // 2), (size // 3, size), (1, size - 1), (size // 2, size // 2 + 1)):
            everywhere.append(filled(scattered(size)).call("erase_range", 0, first, last).call("put", 0, 1, 7))
    lookups = filled(range(0, 300, 3))
    for key in (-1, 0, 1, 2, 3, 150, 151, 296, 297, 298, 999):
        lookups.call("find", 0, key).call("lower", 0, key).call("upper", 0, key).call("at", 0, key)
    turned = filled(scattered(77), sign=-1)
    for key in (-1, 0, 5, 76, 77):
        turned.call("find", 0, key).call("lower", 0, key).call("upper", 0, key)
    turned.calls("make_copy 1 0,put 1 200 1,put 1 -200 2,lower 1 30,swap 1 2,put 1 9 9,put 2 300 3,erase_range 2 50 20")
    turned.calls("order 3 1,put 3 5 5,put 3 6 6,swap 3 2,put 2 7 7,put 3 -5 5,put 3 6 6,walk 2,walk 3")
    turned.calls("assign_move 3 2,put 3 1 1,order 3 1,put 3 8 8,assign_copy 3 0,put 3 100 1,walk 3")
    turned.calls("order 2 1,put 2 3 3,put 2 4 4,assign_move 0 2,put 0 9 9,make_move 1 0,put 1 1 1,put 1 8 8")
    full = filled(some)
    for number in (0, 50, 100):
        full.call("put", 0, number, 5).call("put_moving", 0, number, 6).call("put_key", 0, number, 7)
    copies = filled(range(120)).calls("make_copy 1 0,put 0 500 1,erase 1 7,at 0 7,at 1 8,at 0 8,clear 0,walk 1")
    assigned = filled(range(90)).calls("put 1 1 1,assign_copy 1 0,erase 0 5,walk 1,assign_copy 0 3,walk 1")
    moved = filled(range(90)).calls(
        "make_move 1 0,walk 0,lower 0 3,find 0 3,put 0 4 4,erase 0 4,put 2 1 1,assign_move 2 1,put 1 8 8,clear 1,walk 1"
    )
    self_assigned = filled(range(60)).calls("assign_copy 0 0,walk 0,assign_move 0 3,walk 0,put 0 1 2")
    swapped = filled(range(70)).calls("put 1 -5 5,swap 0 1,walk 0,erase 1 3,put 0 2 2,swap 0 2,swap 0 0,walk 2,walk 1")
    return {
        "a_new_map_is_empty": [
            Script().calls("walk 0,find 0 1,lower 0 1,upper 0 1,at 0 1,erase 0 1,erase_all 0,clear 0")],
        "entries_come_in_order": [filled(range(200)), filled(range(199, -1, -1)), filled(some), filled([5, 1, 9])],
        "a_present_key_keeps_its_value": [full],
        "arguments_of_a_present_key_are_left_alone": [
            filled(some).calls("put_moving 0 50 1,put_key 0 51 1,put_moving 0 1000 1,put_key 0 1001 2")],
        "lookups_find_entries_and_neighbours": [lookups,
        filled([7]).calls("find 0 7,lower 0 6,upper 0 7,at 0 7,at 0 8")],
        "iterators_step_both_ways": [
            filled(range(2)).call("steps", 0), filled(scattered(150)).call("steps", 0).calls("lower 0 30,upper 0 149")],
        "erase_by_key_counts": [
            filled(some).calls("erase 0 50,erase 0 50,erase 0 0,erase 0 100,erase 0 -1,walk 0,put 0 50 2")],
        "erase_at_a_position_leads_to_the_next": [
            shrinking(scattered(150), 150), shrinking(list(range(99, -1, -1)), 100), shrinking(list(range(100)), 100)],
        "erase_of_a_range_leads_behind_it": [ranges, *everywhere, filled(range(300)).calls("erase_all 0,put 0 1 1")],
        "the_order_goes_with_the_map": [turned],
        "copies_are_independent": [copies],
        "assignment_replaces_everything": [assigned, self_assigned],
        "a_map_that_was_moved_from_is_empty_and_usable": [moved],
        "swap_exchanges_entries": [swapped],
        "a_failed_insertion_changes_nothing": [
            *trials("put", [1, 33, 0, 2000, -9], 5), growth("put", 1), filled(range(64)).call("trial", 0, "put", 0, 64,
            1)],
        "a_failed_insertion_does_not_take_its_key": [*trials("put_key", [1, 33, 0, 2000, -9], 5), growth("put_key", 1)],
        "a_failed_insertion_of_moved_arguments_changes_nothing": [growth("put_moving", 3)],
        "a_failed_erasure_changes_nothing": trials("erase", [0, 2, 64, 1, 278]),
        "a_failed_copy_leaks_nothing": [filled(some).call("trial", 0, "copy"), filled([3]).call("trial", 0, "copy")],
        "a_failed_assignment_changes_nothing": [
            filled(some).calls("put 1 5 5,put 1 6 6,trial 1 assign 0 0,erase 0 5,walk 1"),
            filled([1]).calls("trial 1 assign 0 0")],
        "random_calls_agree_with_a_model": [random_script(seed) for seed in range(16)],
    }  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    program = Program("btree_map.hpp", "driver", SANITIZERS)
    demands = Program("btree_map.hpp", "demands", ["-pedantic-errors"])
    named = make_scripts()
    scripts = Scripts(lambda request: program.run(request, SCRIPTS_SECONDS), named)
    costs = Costs(lambda request: program.run(request, SCRIPTS_SECONDS))
    return [
        ("the_header_compiles", program.compile),
        ("declarations_are_there_and_demand_nothing_more", lambda: demands.compile("-fsyntax-only")),
        *((name, partial(scripts.check, name)) for name in named),
        ("insertions_share_nodes_and_move_few_entries", costs.check_insertions),
        ("erasures_move_few_entries", costs.check_erasures),
        ("erasing_by_position_compares_and_copies_nothing", costs.check_positions),
        ("erasing_a_range_moves_few_entries", costs.check_ranges),
        ("every_operation_compares_few_keys", costs.check_comparisons),
    ]


def main() -> int:
    return run_checks(make_checks())


if __name__ == "__main__":
    sys.exit(main())
