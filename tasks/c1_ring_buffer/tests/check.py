"""The checks of c1_ring_buffer.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, run_checks
from compiled import Batch, Program, Recipe
from ring_script import CAPACITY_MAX, Script, random_script, wrapped

# All scripts together; a right ring buffer needs a tenth of it, one that moves its content for each call hours.
BATCH_SECONDS = 5.0
PROGRAM = Program(
    Recipe(
        name="sanitized",
        compiler="cc",
        language=(
            "-std=c11", "-pedantic-errors", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer", "-O1",
        ),
        source="ring_buffer.c",
        driver="driver.c",
        further=tuple(f"-D{call}=driver_{call}" for call in ("malloc", "calloc", "realloc", "aligned_alloc")),
    )
)  # fmt: skip


def compare(script: Script, batch: Batch, number: int) -> None:
    reply = batch.reply(number)
    asked = [(step, answers) for step, answers in script.steps if answers]
    for position, (step, wanted) in enumerate(asked):
        if position >= len(reply.lines):
            raise CheckFailed(f"at {step[:100]}: {reply.fault or 'the program said no more'}")
        found = reply.lines[position]
        if found not in wanted:
            raise CheckFailed(f"at {step[:100]}: expected {' or '.join(wanted)[:200]}, found {found[:200]}")
    if reply.fault is not None or len(reply.lines) != len(asked):
        raise CheckFailed(reply.fault or "the program said more than it was asked")


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    batch = Batch(PROGRAM, BATCH_SECONDS)

    def script_check(*scripts: Script) -> Callable[[], None]:
        numbers = [batch.add([step for step, _ in script.steps]) for script in scripts]

        def check() -> None:
            for script, number in zip(scripts, numbers, strict=True):
                compare(script, batch, number)

        return check

    text = b"abcdefgh"
    everything = bytes(range(256))
    full = Script().create(8).write(text)
    independent = Script()
    for ring in range(4):
        independent.create(4 + ring, ring).write(text[ring:], ring)
    independent.all(0).all(1).overwrite(b"xy", 2).destroy(1).overwrite(b"xy", 3).destroy(0).all(2).all(3)
    resizes = wrapped(8, b"123456")
    for capacity in (9, 16, 7, 6, 6, 100, 6):
        resizes.resize(capacity).state().peek(0, "max")

    return [
        ("it_compiles_as_strict_c11", PROGRAM.build),
        ("create_refuses_capacities_out_of_range", script_check(
            Script().create(0).create(CAPACITY_MAX + 1).create("max").nothing_allocated())),
        ("create_takes_the_largest_capacity", script_check(
            Script().create(CAPACITY_MAX).state().write(text).all().destroy().nothing_allocated())),
        ("destroy_takes_null", script_check(Script().destroy().destroy())),
        ("a_new_ring_is_empty", script_check(Script().create(5).all().peek(0, 1).discard(1))),
        ("bytes_come_out_in_order", script_check(
            Script().create(16).write(text).read(3).read(5).state().write(b"ij").write(b"kl").all())),
        ("every_byte_of_the_capacity_is_usable", script_check(
            full.state().all(), Script().create(1).write(b"a").state().read(1).write(b"b").all())),
        ("write_appends_only_what_fits", script_check(
            Script().create(5).write(b"abc").write(b"defg").state().write(b"h").all())),
        ("content_wraps_around_the_end", script_check(wrapped(8, b"123456").all(), wrapped(3, b"12").all())),
        ("read_returns_at_most_what_is_stored", script_check(
            Script().create(8).write(b"abc").read(10).read(10), Script().create(8).write(b"abc").read("max").state())),
        ("every_byte_value_passes", script_check(
            Script().create(300).write(everything).peek(0, 256).overwrite(everything[::-1]).all())),
        ("peek_removes_nothing", script_check(wrapped(8, b"123456").peek(0, 6).peek(0, 6).peek(0, 2).state().all())),
        ("peek_starts_at_its_offset", script_check(
            wrapped(8, b"123456").peek(1, 2).peek(4, 9).peek(5, 1).peek(6, 1).peek(7, 1).all())),
        ("peek_takes_any_offset_and_count", script_check(
            wrapped(8, b"123456").peek(2, "max").peek(1, "max").peek("max", "max")
            .peek("max", 1).peek("max", 2).all())),
        ("discard_drops_the_oldest", script_check(
            wrapped(8, b"123456").discard(4).state().discard(0).peek(0, 8).discard("max").state().write(text).all())),
        ("overwrite_with_room_loses_nothing", script_check(
            Script().create(8).write(b"abc").overwrite(b"defgh").state().all())),
        ("overwrite_drops_the_oldest", script_check(
            Script().create(5).write(b"abcde").overwrite(b"fg").peek(0, 5).overwrite(b"h").all(),
            wrapped(8, b"123456").overwrite(b"7890").all())),
        ("overwrite_keeps_the_end_of_a_long_input", script_check(
            Script().create(4).write(b"ab").overwrite(b"cdefghijk").all(),
            Script().create(4).overwrite(b"cdefghijk").overwrite(b"wxyz").overwrite(b"").all())),
        ("resize_keeps_bytes_and_order", script_check(resizes.write(b"q").overwrite(b"rs").all())),
        ("resize_refuses_to_lose_bytes", script_check(
            wrapped(8, b"123456").resize(5).state().resize(0).resize(1).write(b"78").all())),
        ("resize_refuses_capacities_out_of_range", script_check(
            Script().create(4).resize(0).resize(CAPACITY_MAX + 1).resize("max").state().write(b"abcd").all())),
        ("a_resized_ring_uses_its_new_capacity", script_check(
            Script().create(2).write(b"ab").resize(4).write(b"cdef").state().read(3).resize(1).write(b"g").read(1)
            .write(b"gh").all())),
        ("zero_counts_do_nothing", script_check(
            wrapped(8, b"123456").write(b"").overwrite(b"").read(0).peek(0, 0).peek(3, 0).discard(0).all())),
        ("rings_do_not_influence_one_another", script_check(independent)),
        ("all_memory_is_freed", script_check(
            Script().create(1000, 0).create(50, 1).write(text, 1).resize(5000, 1).resize(9, 1).overwrite(bytes(100), 0)
            .destroy(0).destroy(1).nothing_allocated())),
        ("create_fails_cleanly_without_memory", script_check(
            Script().create_without_memory(0).create_without_memory(1).nothing_allocated())),
        ("resize_changes_nothing_without_memory", script_check(
            wrapped(8, b"123456").grow_without_memory().peek(0, "max").read("max").destroy().nothing_allocated())),
        ("random_calls_agree_with_a_queue", script_check(*(random_script(seed) for seed in range(12)))),
        ("cost_depends_on_the_bytes_moved_only", script_check(
            Script().create(CAPACITY_MAX).fill(CAPACITY_MAX - 3).churn(100_000).peek(0, 64).state())),
        ("nothing_is_printed", script_check(Script().create(4).write(text).all().destroy().nothing_printed())),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
