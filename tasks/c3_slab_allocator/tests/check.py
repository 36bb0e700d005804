"""The checks of c3_slab_allocator.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, run_checks
from compiled import Batch, Program, Recipe
from pool_script import ALIGNMENT_MAX, SIZE_MAX, Demand, Script, random_script

# All calls of a kind together: a right pool needs a fiftieth of it.
CALLS_SECONDS = 15.0
THREADS_SECONDS = 15.0
KIBIBYTE = 1024
FORBIDDEN = ("malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "free")


def recipe(name: str, sanitizers: str, driver: str) -> Recipe:
    return Recipe(
        name=name,
        compiler="cc",
        language=(
            "-std=c11", "-pedantic-errors", "-pthread", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer", "-O1",
        ),
        source="slab.c",
        driver=driver,
        further=tuple(f"-D{call}=driver_{call}" for call in FORBIDDEN),
    )  # fmt: skip


CALLS = Program(recipe("calls", "address,undefined", "calls.c"))
THREADS = Program(recipe("threads", "thread", "threads.c"))


def compare(steps: Sequence[tuple[str, Demand]], batch: Batch, number: int) -> None:
    reply = batch.reply(number)
    for position, (step, demand) in enumerate(steps):
        if position >= len(reply.lines):
            raise CheckFailed(f"at {step[:100]}: {reply.fault or 'the program said no more'}")
        wanted = demand(reply.lines[position])
        if wanted is not None:
            raise CheckFailed(f"at {step[:100]}: expected {wanted[:200]}, found {reply.lines[position][:200]}")
    if reply.fault is not None or len(reply.lines) != len(steps):
        raise CheckFailed(reply.fault or "the program said more than it was asked")


def threads_steps(
    operation: str, size: int, alignment: int, limit: int, threads: int, rounds: int, holds: int
) -> list[tuple[str, Demand]]:
    """The five lines that the driver sends for one operation. In `pass` one thread only counts."""

    def exactly(*answers: str) -> Demand:
        return lambda answer: None if answer in answers else " or ".join(answers)

    def at_most_live(answer: str) -> str | None:
        words = answer.split(" ")
        is_right = len(words) == 3 and words[0] == "0" and words[1].isdecimal() and int(words[1]) <= limit
        return None if is_right and words[2] == ("1" if operation == "race" else "0") else f"0, at most {limit}, 0 or 1"

    calls = threads * rounds
    passed = calls - rounds
    counts: Demand
    statuses: Demand
    if operation == "pass":
        counts, statuses = exactly(f"{passed} 0"), exactly(f"{passed} 0 0")
    elif operation == "race":
        counts, statuses = exactly(f"{rounds} 0"), exactly(f"{rounds} {calls - rounds} 0")
    else:
        is_enough = threads * holds <= limit

        def counts(answer: str) -> str | None:
            words = answer.split(" ")
            return None if len(words) == 2 and (words[1] == "0" or not is_enough) else "no call that found no room"

        def statuses(answer: str) -> str | None:
            return None if answer.endswith(" 0 0") else "only frees of live blocks"

    request = f"{operation} {size} {alignment} {limit} {threads} {rounds} {holds}"
    return [(request, counts), (request, statuses), (request, at_most_live), (request, exactly("0 0")),
            (request, exactly("0 0"))]  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    calls = Batch(CALLS, CALLS_SECONDS)
    threads = Batch(THREADS, THREADS_SECONDS)

    def calls_check(*scripts: Script) -> Callable[[], None]:
        numbers = [calls.add(script.request()) for script in scripts]

        def check() -> None:
            for script, number in zip(scripts, numbers, strict=True):
                compare(script.steps, calls, number)

        return check

    def threads_check(*operations: list[tuple[str, Demand]]) -> Callable[[], None]:
        numbers = [threads.add([steps[0][0]]) for steps in operations]

        def check() -> None:
            for steps, number in zip(operations, numbers, strict=True):
                compare(steps, threads, number)

        return check

    def all_alignments() -> list[Script]:
        alignments = [1 << power for power in range(13)]
        return [
            Script().create(size, alignment).alloc(*range(40)).memory().content(*range(40)).destroy().memory(0)
            for alignment in alignments
            for size in {1, alignment // 2 + 1, alignment + 1, 100}
        ]

    few = range(5)
    twice = Script().create(24).alloc(*few).free(2).free(2).live().free(0).alloc(11).content(1, 3, 4)
    twice.free(1).free(3).free(3).free(1).free(4).free(4).live()
    later = Script().create(100, 4).alloc(*range(300))
    for block in range(0, 300, 2):
        later.free(block)
    later.free(*range(0, 300, 2)).live().free(*range(1, 300, 2)).free(*range(300)).live().alloc(*range(300,
            310)).live()
    foreign = Script().create(64, 64).create(64, 64, slot=1).alloc(*few).alloc(*range(10, 15), slot=1).free_foreign()
    for block in few:
        foreign.free_at(block, 1).free_at(block, 63).free_at(block, 32).free_at(block, -1).free_at(block, 1 << 40)
    foreign.live().live(1).content(*few)
    for block in range(10, 15):
        foreign.free_at(block, 0)
    foreign.live().free(*few).free(*range(10, 15), slot=1)
    unused = Script().create(48).alloc(0).free_at(0, 48).free_at(0, 480).free_at(0, -48).live().free(0).free_at(0, 48)
    unused.create(1, 1, slot=1).alloc(1, slot=1).free_at(1, 1, slot=1).free_at(1, -1, slot=1).free_foreign(1)
    reused = Script().create(40).alloc(*range(1000)).memory()
    for _ in few:
        reused.free(*range(0, 1000, 3)).alloc(*range(0, 1000, 3)).memory(is_as_before=True)
    reused.free(*range(1000)).alloc(*range(1000)).memory(is_as_before=True).free(*range(1000))
    trimmed = Script().create(200).alloc(*range(2000)).memory().trim().live().content(*range(0, 2000, 40))
    trimmed.free(*range(100, 2000)).trim().content(*range(0, 100, 9)).live().memory().free_trimmed(1500)
    trimmed.free(*range(100)).trim().memory(64 * KIBIBYTE).free_trimmed(3).live().alloc(*few).content(*few).trim()
    trimmed.free(*few).trim().trim().memory(64 * KIBIBYTE).destroy().memory(0)
    dry = Script().takes(0).refuse(16, 16, 10).memory(0).takes("max").create(16).destroy().memory(0)
    scarce = Script()
    for takes in range(13):
        # Which of the takes is the pool's, a table's or that of the first blocks is up to the pool.
        scarce.scarce(SIZE_MAX, 1, takes).scarce(5000, 256, takes)
    bounded = Script().create(32, 16, 3).alloc(0, 1, 2, 3).live().free(1).alloc(4, 5).live().free(0, 2).alloc(6, 7, 8)

    return [
        ("it_compiles_as_strict_c11", CALLS.build),
        ("create_refuses_arguments_out_of_range", calls_check(
            Script().refuse(0, 16, 1).refuse(SIZE_MAX + 1, 16, 1).refuse("max", 16, 1).refuse(16, 0, 1).refuse(16, 3,
            1)
            .refuse(16, 48, 1).refuse(16, 2 * ALIGNMENT_MAX, 1).refuse(16, "max", 1).refuse(16, 16, 0).memory(0))),
        ("blocks_lie_apart_and_keep_their_content", calls_check(
            Script().create(24, 8).alloc(*range(200)).content(*range(200)).free(*range(0, 200, 2)).alloc(*range(200,
            300))
            .content(*range(1, 200, 2)).content(*range(200, 300)).live())),
        ("blocks_have_their_alignment", calls_check(*all_alignments())),
        ("the_largest_blocks_are_served", calls_check(
            Script().create(SIZE_MAX, ALIGNMENT_MAX, 20).alloc(*range(20)).no_alloc().content(0, 7,
            19).memory().destroy()
            .memory(0), Script().create(SIZE_MAX, 1, "max").alloc(*few).content(*few).memory())),
        ("the_smallest_blocks_are_served", calls_check(
            Script().create(1, 1, 3000).alloc(*range(3000)).no_alloc().content(*range(0, 3000, 100)).memory()
            .free(*range(3000)).live())),
        ("the_limit_is_exact", calls_check(
            bounded, Script().create(8, 8, 1).alloc(0).no_alloc().free(0).alloc(1).no_alloc().live(),
            Script().create(16, 16, 1000).alloc(*range(1000)).no_alloc().free(500).alloc(1000).no_alloc().live())),
        ("freeing_null_does_nothing", calls_check(Script().create(16).free_null().alloc(0).free_null().live())),
        ("a_second_free_is_found", calls_check(twice, Script().create(1, 1).alloc(0,
            1).free(0).free(0).free(1).live())),
        ("a_second_free_is_found_much_later", calls_check(later)),
        ("foreign_pointers_are_refused", calls_check(foreign)),
        ("addresses_never_given_out_are_refused", calls_check(unused)),
        ("a_refused_free_changes_nothing", calls_check(
            Script().create(64, 64, 3).alloc(0, 1, 2).free(1).free(1).free(1).free_at(0,
            8).free_foreign().live().alloc(3)
            .no_alloc().content(0, 2, 3).live())),
        ("live_counts_live_blocks", calls_check(
            Script().create(16).live().alloc(*few).live().free(0, 3).live().free(3).live().alloc(7).live())),
        ("destroy_returns_how_many_were_live", calls_check(
            Script().destroy().create(16).destroy().memory(0).create(3000,
            32).alloc(*range(50)).free(*few).destroy().memory(0))),
        ("memory_stays_within_its_bound", calls_check(*(
            Script().create(size, alignment).memory().alloc(0).memory().alloc(*range(1, count)).memory()
            for size, alignment, count in ((1, 1, 2000), (17, 16, 2000), (100, 128, 1500), (1, 4096, 300), (SIZE_MAX,
            8, 10))))),
        ("freed_memory_is_used_again", calls_check(reused)),
        ("trim_gives_memory_back", calls_check(trimmed)),
        ("all_memory_goes_back_to_the_source", calls_check(
            *(Script().create(size, 8).alloc(*range(100)).free(*range(0, 100, 3)).trim().destroy().memory(0)
              for size in (1, 24, 1000, 9000)))),
        ("an_empty_source_fails_the_call_only", calls_check(dry, scarce)),
        ("pools_do_not_influence_one_another", calls_check(
            Script().create(32, slot=0).create(32, slot=1).create(500, slot=2).alloc(*range(10)).alloc(*range(10, 20),
            slot=1)
            .alloc(*range(20, 30), slot=2).free(*range(10)).destroy(0).content(*range(10, 30)).live(1).live(2).trim(1)
            .content(*range(10, 20)).destroy(1).content(*range(20, 30)).destroy(2).memory(0))),
        ("random_calls_agree_with_a_model", calls_check(*(
            random_script(seed, size, alignment, limit) for seed, (size, alignment, limit) in enumerate((
                (24, 8, 1000), (1, 1, 60), (700, 512, 100), (5000, 16, 1000), (33, 32, 10)))))),
        ("many_blocks_are_served_in_time", calls_check(
            Script().create(16).many(200_000).live().memory().trim().memory(64 * KIBIBYTE))),
        ("nothing_is_printed", calls_check(Script().create(16).alloc(0).free(0).free(0).free_foreign().printed())),
        ("threads_share_a_pool_without_races", threads_check(
            threads_steps("pass", 64, 16, 5000, 4, 800, 0), threads_steps("pass", 700, 64, 5000, 3, 300, 0))),
        ("one_of_several_frees_at_once_succeeds", threads_check(
            threads_steps("race", 32, 16, 10, 2, 100, 0), threads_steps("race", 32, 16, 10, 4, 40, 0))),
        ("the_limit_is_exact_among_threads", threads_check(threads_steps("crowd", 32, 16, 6, 4, 800, 4))),
        ("no_thread_is_refused_while_there_is_room", threads_check(threads_steps("crowd", 32, 16, 12, 4, 800, 3))),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
