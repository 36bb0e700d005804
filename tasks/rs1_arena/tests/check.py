"""The checks of rs1_arena.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arena_model import LAST_GENERATION
from arena_script import Script, random_script
from checking import run_checks
from crate import Crate
from scripts import Scripts

SCRIPTS_SECONDS = 4
# The limit that the instruction states; right solutions need a twentieth of it.
CHURN_SECONDS = 2


def make_scripts() -> dict[str, list[Script]]:
    def five() -> Script:
        return Script().insert("a", "b", "c", "d", "e")

    def gaps() -> Script:
        """Values in the slots 0, 2 and 5 of seven."""
        return Script().insert("a", "b", "c", "d", "e", "f", "g").remove(1, 6, 3, 4)

    worn = Script().wear(LAST_GENERATION).state().insert("next").state().find(0, 1).insert("more")
    nearly_worn = Script().wear(LAST_GENERATION - 1).insert("last").find(0, 1).remove(1).insert("next").find(0, 1, 2)
    worn_and_cleared = Script().wear(LAST_GENERATION - 1).insert("last", "other").clear().insert("x", "y").find(1, 2, 3)
    worn_and_drained = (
        Script().wear(LAST_GENERATION - 1).insert("last").drain("f").insert("x").clone().swap().insert("y")
    )

    return {
        "a_value_is_found_by_its_handle": [
            Script().state().insert("a", "b").find(0, 1).state(),
            Script().with_capacity(10).state().insert("a").find(0)],
        "values_can_be_changed_in_place": [five().set(1, "B").index_set(2, "C").find(1, 2).state()],
        "a_removed_value_is_gone_for_good": [
            five().remove(2, 2).find(2).set(2, "x").index_set(2, "x").insert("new").find(2, 5).remove(2).state()],
        "the_free_slot_with_the_smallest_index_is_used_first": [
            gaps().insert("h", "i", "j", "k", "l").state(), five().remove(0, 4, 2).insert("x", "y", "z", "w").state()],
        "each_use_of_a_slot_raises_its_generation": [
            Script().insert("a").remove(0).insert("b").remove(1).insert("c").find(0, 1, 2).state()],
        "a_worn_out_slot_is_never_used_again": [worn, nearly_worn],
        "a_worn_out_slot_stays_so_after_clear_drain_and_clone": [worn_and_cleared, worn_and_drained],
        "handles_are_ordered_and_printed_as_described": [
            five().remove(1).insert("f").debug(3).debug(5).compare(0, 3).compare(3, 0).compare(1, 5).compare(2, 2)],
        "insert_with_gets_the_handle_of_its_value": [
            gaps().insert_with("x").insert_with("y").find(7, 8).state()],
        "a_panic_in_insert_with_changes_nothing": [
            gaps().insert_panic().insert_panic().state().insert("x").state(),
            Script().insert_panic().insert("a").state()],
        "pair_mut_gives_two_values_in_order": [five().pair(1, 3).state().pair(4, 0).state()],
        "pair_mut_refuses_equal_and_invalid_handles": [
            five().pair(2, 2).remove(1).pair(1, 3).pair(3, 1).insert("new").pair(1, 5).pair(5, 1).pair(5, 0).state()],
        "iteration_goes_by_index_and_skips_free_slots": [
            gaps().state().reverse().insert("h").reverse(), Script().reverse().iter_clone(), gaps().iter_clone()],
        "iterators_meet_in_the_middle_and_know_their_length": [
            gaps().ends("fbf").ends("bfbff").ends("ffffb").ends("bbbbf"), Script().ends("fb")],
        "iter_mut_changes_values_from_both_ends": [
            gaps().ends_mut("fb").state().ends_mut("bfff").state(), five().ends_mut("bbf").state()],
        "into_iter_yields_and_drops_every_value_once": [
            gaps().into_iter("fbfb").state(), five().into_iter("bf").state().insert("x")],
        "retain_visits_each_value_once_in_order": [
            gaps().retain(2).state().insert("x", "y", "z").state(), five().retain(3).find(0, 1, 3).retain(1).state()],
        "a_panic_in_retain_keeps_what_was_not_refused": [
            five().retain_panic(2).state().find(0, 2).insert("x", "y", "z").state(), gaps().retain_panic(0).state()],
        "drain_empties_the_arena_and_keeps_the_slots": [
            gaps().drain("fffb").state().find(0, 2).insert("x", "y").state(), Script().drain("f").drain()],
        "a_dropped_drain_drops_the_rest": [
            five().drain("fb").state().insert("x").find(0, 5).state(), five().drain().state().insert("x").state()],
        "clear_drops_all_and_keeps_the_slots": [
            gaps().clear().state().find(0, 2, 5).insert("x", "y").find(7, 8).state(), Script().clear().state()],
        "a_clone_has_the_same_handles_and_goes_its_own_way": [
            gaps().clone().insert("x").remove(0).state().swap().find(0, 2, 5).insert("y", "z").state().swap().state()],
        "extend_and_collect_insert_in_order": [
            gaps().extend("x", "y", "z", "u", "v").state().extend().state(),
            five().collect("p", "q").state().collect()],
        "every_value_is_dropped_exactly_once": [
            five().set(0, "x").remove(1).clone().clear().state().swap().drain("f").collect("y").state()
            .clone().state()],
        "random_calls_agree_with_a_model": [*(random_script(seed) for seed in range(8))],
    }  # fmt: skip


def make_checks(crate: Crate) -> list[tuple[str, Callable[[], None]]]:
    named = {name: [script.steps for script in scripts] for name, scripts in make_scripts().items()}
    scripts = Scripts(lambda request: crate.run("script", request, SCRIPTS_SECONDS), named)
    churn = Scripts(
        lambda request: crate.run("script", request, CHURN_SECONDS), {"churn": [Script().churn(200_000).steps]}
    )
    return [
        ("the_crate_compiles_without_unsafe_code", crate.compile),
        ("handles_have_their_traits_for_every_type", lambda: crate.compile_only("handle_traits")),
        ("the_arena_and_its_iterators_have_their_traits", lambda: crate.compile_only("arena_traits")),
        *((name, partial(scripts.check, name)) for name in named),
        ("many_values_are_handled_in_time", lambda: churn.check("churn")),
    ]


def main() -> int:
    return run_checks(make_checks(Crate("arena")))


if __name__ == "__main__":
    sys.exit(main())
