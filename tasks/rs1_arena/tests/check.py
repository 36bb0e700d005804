"""The checks of rs1_arena.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arena_model import LAST_GENERATION
from arena_script import Script, random_script
from checking import (
    TESTS,
    WORKSPACE,
    CheckFailed,
    Ended,
    Limits,
    ToolchainMissing,
    build_child_environment,
    new_nonce,
    run_checks,
    run_child,
)

SOURCE_BYTES_MAX = 1_000_000
COMPILE_SECONDS = 25.0
SCRIPT_SECONDS = 6.0

# Where rustup keeps its toolchains, if rustc is started through it.
TOOLCHAIN_VARIABLES = ("RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME")


class Crate:
    """The workspace's crate and the drivers, each compiled when a check first needs it."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.environment = build_child_environment(temporary)
        self.build_environment = {
            **self.environment,
            **{name: os.environ[name] for name in TOOLCHAIN_VARIABLES if name in os.environ},
        }
        self.compiler: str | None = None
        self.complaints: dict[str, str | None] = {}

    def compile_crate(self) -> None:
        source = WORKSPACE / "src" / "lib.rs"
        if source.is_symlink() or not source.is_file() or source.stat().st_size > SOURCE_BYTES_MAX:
            raise CheckFailed("src/lib.rs is missing, no regular file, or too long")
        copy = self.temporary / "lib.rs"
        if "arena" not in self.complaints:
            shutil.copyfile(source, copy)
        self._compile("arena", copy, ["--crate-type", "rlib", "-F", "unsafe_code", "-o", self._path("libarena.rlib")])

    def ask(self, driver: str, steps: Sequence[tuple[str, str]], requests: Sequence[str]) -> None:
        """Expects of the driver the answers of all steps, in order."""
        self.compile_crate()
        options = ["--extern", f"arena={self._path('libarena.rlib')}", "-o", self._path(driver)]
        self._compile(driver, TESTS / f"{driver}.rs", options)
        nonce = new_nonce()
        ended = run_child(
            [self._path(driver)],
            request="".join(line + "\n" for line in [nonce, *requests]).encode(),
            folder=self.temporary,
            limits=Limits(seconds=SCRIPT_SECONDS),
            environment=self.environment,
        )
        self._compare([*steps, ("the end", f"end {nonce}")], ended)

    def _compare(self, steps: Sequence[tuple[str, str]], ended: Ended) -> None:
        found = ended.answer.decode("utf-8", "replace").splitlines()
        for position, (step, wanted) in enumerate(steps):
            if position >= len(found):
                fault = ended.fault or "said no more"
                raise CheckFailed(f"at {step[:150]}: the program {fault}. {ended.errors[-600:]}")
            if found[position].strip() != wanted.strip():
                raise CheckFailed(f"at {step[:150]}: expected {wanted[:300]}, found {found[position][:300]}")
        if len(found) != len(steps) or ended.fault is not None:
            raise CheckFailed(f"the program {ended.fault or 'said more than it was asked'}. {ended.errors[-600:]}")

    def _compile(self, name: str, source: Path, options: list[str]) -> None:
        if name not in self.complaints:
            command = [self._find_compiler(), "--edition", "2021", "--crate-name", name, "-C", "opt-level=2"]
            ended = run_child(
                [*command, "-C", "overflow-checks=on", *options, str(source)],
                folder=self.temporary,
                limits=Limits(seconds=COMPILE_SECONDS, memory_bytes=None),
                environment=self.build_environment,
            )
            self.complaints[name] = None if ended.fault is None else f"rustc {ended.fault}. {ended.errors}"
        complaint = self.complaints[name]
        if complaint is not None:
            what = "src/lib.rs" if name == "arena" else "a program that uses the crate as described"
            raise CheckFailed(f"{what} does not compile: {complaint}")

    def _find_compiler(self) -> str:
        """The first rustc that runs: rustup's stand-in does not without its home folder."""
        if self.compiler is None:
            for folder in self.build_environment["PATH"].split(os.pathsep):
                candidate = shutil.which("rustc", path=folder) if folder else None
                if candidate is not None and self._runs(candidate):
                    self.compiler = candidate
                    break
            else:
                raise ToolchainMissing("there is no rustc on PATH that runs")
        return self.compiler

    def _runs(self, compiler: str) -> bool:
        limits = Limits(seconds=COMPILE_SECONDS, memory_bytes=None)
        command = [compiler, "--version"]
        return (
            run_child(command, folder=self.temporary, limits=limits, environment=self.build_environment).fault is None
        )

    def _path(self, name: str) -> str:
        return str(self.temporary / name)


def make_checks(crate: Crate) -> list[tuple[str, Callable[[], None]]]:
    def script_check(*scripts: Script) -> Callable[[], None]:
        def check() -> None:
            for script in scripts:
                crate.ask("script", script.steps, [request for request, _ in script.steps])

        return check

    def handle_traits() -> None:
        crate.ask("handle_traits", [("the sizes of Handle<T> and Option<Handle<T>>", "8 8")], [])

    def arena_traits() -> None:
        crate.ask("arena_traits", [("the lengths of the iterators", "[3, 3, 3, 3, 0]")], [])

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

    return [
        ("the_crate_compiles_without_unsafe_code", crate.compile_crate),
        ("handles_have_their_traits_for_every_type", handle_traits),
        ("the_arena_and_its_iterators_have_their_traits", arena_traits),
        ("a_value_is_found_by_its_handle", script_check(
            Script().state().insert("a", "b").find(0, 1).state(),
            Script().with_capacity(10).state().insert("a").find(0))),
        ("values_can_be_changed_in_place", script_check(five().set(1, "B").index_set(2, "C").find(1, 2).state())),
        ("a_removed_value_is_gone_for_good", script_check(
            five().remove(2, 2).find(2).set(2, "x").index_set(2, "x").insert("new").find(2, 5).remove(2).state())),
        ("the_free_slot_with_the_smallest_index_is_used_first", script_check(
            gaps().insert("h", "i", "j", "k", "l").state(), five().remove(0, 4, 2).insert("x", "y", "z", "w").state())),
        ("each_use_of_a_slot_raises_its_generation", script_check(
            Script().insert("a").remove(0).insert("b").remove(1).insert("c").find(0, 1, 2).state())),
        ("a_worn_out_slot_is_never_used_again", script_check(worn, nearly_worn)),
        ("a_worn_out_slot_stays_so_after_clear_drain_and_clone", script_check(worn_and_cleared, worn_and_drained)),
        ("handles_are_ordered_and_printed_as_described", script_check(
            five().remove(1).insert("f").debug(3).debug(5).compare(0, 3).compare(3, 0).compare(1, 5).compare(2, 2))),
        ("insert_with_gets_the_handle_of_its_value", script_check(
            gaps().insert_with("x").insert_with("y").find(7, 8).state())),
        ("a_panic_in_insert_with_changes_nothing", script_check(
            gaps().insert_panic().insert_panic().state().insert("x").state(),
            Script().insert_panic().insert("a").state())),
        ("pair_mut_gives_two_values_in_order", script_check(five().pair(1, 3).state().pair(4, 0).state())),
        ("pair_mut_refuses_equal_and_invalid_handles", script_check(
            five().pair(2, 2).remove(1).pair(1, 3).pair(3, 1).insert("new").pair(1, 5).pair(5, 1).pair(5, 0).state())),
        ("iteration_goes_by_index_and_skips_free_slots", script_check(
            gaps().state().reverse().insert("h").reverse(), Script().reverse().iter_clone(), gaps().iter_clone())),
        ("iterators_meet_in_the_middle_and_know_their_length", script_check(
            gaps().ends("fbf").ends("bfbff").ends("ffffb").ends("bbbbf"), Script().ends("fb"))),
        ("iter_mut_changes_values_from_both_ends", script_check(
            gaps().ends_mut("fb").state().ends_mut("bfff").state(), five().ends_mut("bbf").state())),
        ("into_iter_yields_and_drops_every_value_once", script_check(
            gaps().into_iter("fbfb").state(), five().into_iter("bf").state().insert("x"))),
        ("retain_visits_each_value_once_in_order", script_check(
            gaps().retain(2).state().insert("x", "y", "z").state(), five().retain(3).find(0, 1, 3).retain(1).state())),
        ("a_panic_in_retain_keeps_what_was_not_refused", script_check(
            five().retain_panic(2).state().find(0, 2).insert("x", "y", "z").state(), gaps().retain_panic(0).state())),
        ("drain_empties_the_arena_and_keeps_the_slots", script_check(
            gaps().drain("fffb").state().find(0, 2).insert("x", "y").state(), Script().drain("f").drain())),
        ("a_dropped_drain_drops_the_rest", script_check(
            five().drain("fb").state().insert("x").find(0, 5).state(), five().drain().state().insert("x").state())),
        ("clear_drops_all_and_keeps_the_slots", script_check(
            gaps().clear().state().find(0, 2, 5).insert("x", "y").find(7, 8).state(), Script().clear().state())),
        ("a_clone_has_the_same_handles_and_goes_its_own_way", script_check(
            gaps().clone().insert("x").remove(0).state().swap().find(0, 2, 5).insert("y", "z").state().swap().state())),
        ("extend_and_collect_insert_in_order", script_check(
            gaps().extend("x", "y", "z", "u", "v").state().extend().state(),
            five().collect("p", "q").state().collect())),
        ("every_value_is_dropped_exactly_once", script_check(
            five().set(0, "x").remove(1).clone().clear().state().swap().drain("f").collect("y").state()
            .clone().state())),
        ("random_calls_agree_with_a_model", script_check(*(random_script(seed) for seed in range(8)))),
        ("many_values_are_handled_in_time", script_check(Script().churn(200_000))),
    ]  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        return run_checks(make_checks(Crate(Path(temporary))))


if __name__ == "__main__":
    sys.exit(main())
