"""The checks of c1_ring_buffer.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import (
    TESTS,
    WORKSPACE,
    CheckFailed,
    Limits,
    ToolchainMissing,
    build_child_environment,
    new_nonce,
    run_checks,
    run_child,
)
from ring_script import CAPACITY_MAX, Script, random_script, wrapped

SOURCE_BYTES_MAX = 1_000_000
COMPILE_SECONDS = 20.0
SCRIPT_SECONDS = 5.0
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]


class Program:
    """The workspace's source with the driver, compiled when the first check needs it."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.environment = {
            **build_child_environment(temporary),
            # Leaks are found by counting: LeakSanitizer needs ptrace, which sandboxes deny.
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:hard_rss_limit_mb=1024",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        self.binary = temporary / "driver"
        self.outcome: str | None = None

    def run(self, script: Script) -> None:
        self._build()
        nonce = new_nonce()
        request = "\n".join([nonce, *(step for step, _ in script.steps), "end", ""])
        ended = run_child(
            [str(self.binary)],
            request=request.encode(),
            folder=self.temporary,
            limits=Limits(seconds=SCRIPT_SECONDS, memory_bytes=None),
            environment=self.environment,
        )
        found = ended.answer.decode("ascii", "replace").splitlines()
        expected = ["start", *(answer for _, answer in script.steps), f"end {nonce}"]
        steps = ["start", *(step for step, _ in script.steps), "the end"]
        for position, (step, wanted) in enumerate(zip(steps, expected, strict=True)):
            line = found[position] if position < len(found) else None
            if line is None:
                raise CheckFailed(f"at {step[:100]}: the program {ended.fault or 'said no more'}. {ended.errors[:700]}")
            if line.strip() != wanted.strip():
                raise CheckFailed(f"at {step[:100]}: expected {wanted[:200]}, found {line[:200]}")
        if len(found) != len(expected) or ended.fault is not None:
            raise CheckFailed(f"the program {ended.fault or 'said more than it was asked'}. {ended.errors[:700]}")

    def compile_strictly(self) -> None:
        source = self._copy_source()
        complaint = self._compile(["-pedantic-errors", "-c", str(source), "-o", str(self.temporary / "strict.o")])
        if complaint is not None:
            raise CheckFailed(f"ring_buffer.c does not compile: {complaint}")

    def _build(self) -> None:
        if self.outcome is None:
            self._probe_sanitizers()
            source = self._copy_source()
            complaint = self._compile([*SANITIZERS, str(TESTS / "driver.c"), str(source), "-o", str(self.binary)])
            self.outcome = "" if complaint is None else f"ring_buffer.c does not compile and link: {complaint}"
        if self.outcome != "":
            raise CheckFailed(self.outcome)

    def _copy_source(self) -> Path:
        """Beside our own header: an include looks into the folder of the including file first."""
        path = WORKSPACE / "ring_buffer.c"
        if path.is_symlink() or not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
            raise CheckFailed("ring_buffer.c is missing, no regular file, or too long")
        copy = self.temporary / "ring_buffer.c"
        shutil.copyfile(path, copy)
        shutil.copyfile(TESTS / "ring_buffer.h", self.temporary / "ring_buffer.h")
        return copy

    def _compile(self, options: list[str]) -> str | None:
        """The compiler's complaint, or None."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise ToolchainMissing("there is no C compiler named cc on PATH")
        ended = run_child(
            [compiler, "-std=c11", *options],
            folder=self.temporary,
            limits=Limits(seconds=COMPILE_SECONDS, memory_bytes=None),
            environment=self.environment,
        )
        return None if ended.fault is None else f"the compiler {ended.fault}. {ended.errors}"

    def _probe_sanitizers(self) -> None:
        source, binary = self.temporary / "probe.c", self.temporary / "probe"
        source.write_text("int main(void) { return 0; }\n")
        complaint = self._compile([*SANITIZERS, str(source), "-o", str(binary)])
        if complaint is not None:
            raise ToolchainMissing(f"cc cannot build with sanitizers: {complaint}")
        ended = run_child(
            [str(binary)],
            folder=self.temporary,
            limits=Limits(seconds=SCRIPT_SECONDS, memory_bytes=None),
            environment=self.environment,
        )
        if ended.fault is not None:
            raise ToolchainMissing(f"a program with sanitizers {ended.fault}: {ended.errors}")


def make_checks(program: Program) -> list[tuple[str, Callable[[], None]]]:
    def script_check(*scripts: Script) -> Callable[[], None]:
        def check() -> None:
            for script in scripts:
                program.run(script)

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
        ("it_compiles_as_strict_c11", program.compile_strictly),
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
        ("random_calls_agree_with_a_queue", script_check(*(random_script(seed) for seed in range(12)))),
        ("cost_depends_on_the_bytes_moved_only", script_check(
            Script().create(CAPACITY_MAX).fill(CAPACITY_MAX - 3).churn(300_000).peek(0, 64).state())),
    ]  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        return run_checks(make_checks(Program(Path(temporary))))


if __name__ == "__main__":
    sys.exit(main())
