"""Builds the workspace's source with a driver of ours and lets that answer scripts.

Both happen as the candidate: what a compiler reads of an agent's file is hostile too.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass

from checking import PLACES, WORKSPACE, CheckFailed, Limits, ToolchainMissing, find_tool, new_nonce, run_candidate
from compiler_checks import require_checks_left_on

SOURCE_BYTES_MAX = 1_000_000
COMPILE_SECONDS = 40.0
# What a candidate's fault says then.
OVERTIME = "did not end in time"
PROBE_SECONDS = 20.0
ENVIRONMENT = {
    # Leaks are found by counting: LeakSanitizer needs ptrace, which sandboxes deny.
    # Finding the lines of a stack trace takes longer than all else; the kind of error says enough.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=32:symbolize=0",
    "UBSAN_OPTIONS": "symbolize=0",
    "TSAN_OPTIONS": "halt_on_error=1:symbolize=0",
}


@dataclass(frozen=True)
class Recipe:
    """How a program is made of the one file an agent has to write and of a driver beside its header."""

    name: str
    compiler: str
    language: tuple[str, ...]
    """Options that a probe takes as well, the sanitizers among them."""
    source: str
    driver: str
    further: tuple[str, ...] = ()
    is_included: bool = False
    """The driver includes the agent's file, which is no program text of its own."""

    @property
    def kind(self) -> str:
        return "c++" if "++" in self.compiler else "c"


@dataclass(frozen=True)
class Reply:
    """What a program said to one script, and how it ended if that was before the script's end."""

    lines: tuple[str, ...]
    fault: str | None
    is_slow: bool = False
    """The fault is that time ran out."""


class Program:
    """Compiled when the first check needs it; a fault of the build then fails each check that does."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.binary = f"{PLACES.build}/{recipe.name}/program"
        self.complaint: str | None = None

    def build(self) -> None:
        if self.complaint is None:
            self._require_source()
            self._probe()
            self.complaint = self._compile()
        if self.complaint != "":
            raise CheckFailed(self.complaint)

    def answer(self, scripts: Sequence[Sequence[str]], seconds: float) -> list[Reply]:
        """One reply a script, up to the first that the program did not live to end."""
        nonce = new_nonce()
        request = [nonce]
        for script in scripts:
            request += [*script, "next"]
        ended = run_candidate(
            [self.binary],
            request="\n".join([*request, "end", ""]).encode(),
            folder=PLACES.build,
            limits=Limits(seconds=seconds),
            environment=ENVIRONMENT,
        )
        replies: list[Reply] = []
        lines: list[str] = []
        for line in ended.answer.decode("ascii", "replace").splitlines():
            if line == f"done {nonce}":
                replies.append(Reply(tuple(lines), None))
                lines = []
            else:
                lines.append(line.rstrip())
        if len(replies) < len(scripts) or ended.fault is not None:
            how = ended.fault or "said no more"
            last = Reply(tuple(lines), f"the program {how}: {ended.errors[:600]}", how == OVERTIME)
            replies = [*replies[: len(scripts) - 1], last]
        return replies[: len(scripts)]

    def _require_source(self) -> None:
        path = WORKSPACE / self.recipe.source
        try:
            found = path.lstat()
        except OSError as error:
            raise CheckFailed(f"{self.recipe.source} is missing") from error
        if not stat.S_ISREG(found.st_mode) or found.st_size > SOURCE_BYTES_MAX:
            raise CheckFailed(f"{self.recipe.source} is no regular file or too long")
        compiler = [find_tool(self.recipe.compiler), *self.recipe.language, "-I", PLACES.driver, "-x", self.recipe.kind]
        require_checks_left_on(self.recipe.source, path.read_bytes(), compiler)

    def _compile(self) -> str:
        """Copies the source first: an include looks beside the including file, where an agent's header may lie."""
        recipe = self.recipe
        folder = f"{PLACES.build}/{recipe.name}"
        source = f"{folder}/{recipe.source}"
        ended = run_candidate(
            [
                find_tool("sh"), "-euc", 'mkdir "$1"; cp "$2" "$3"; shift 3; exec "$@"', "build",
                folder, f"{PLACES.workspace}/{recipe.source}", source,
                find_tool(recipe.compiler), *recipe.language, *recipe.further, "-I", PLACES.driver, "-I", folder,
                f"{PLACES.driver}/{recipe.driver}", *([] if recipe.is_included else [source]), "-o", self.binary,
            ],
            folder=PLACES.build,
            limits=Limits(seconds=COMPILE_SECONDS),
        )  # fmt: skip
        if ended.fault is None:
            return ""
        return f"{recipe.source} does not build: the compiler {ended.fault}. {ended.errors}"

    def _probe(self) -> None:
        """Comes before the agent's code can touch the folder that the probe uses."""
        recipe = self.recipe
        probe = f"{PLACES.build}/probe-{recipe.name}"
        ended = run_candidate(
            [
                find_tool("sh"), "-euc", 'probe=$1; shift; "$@"; exec "$probe"', "probe", probe,
                find_tool(recipe.compiler), *recipe.language, "-x", recipe.kind, "-",
                "-o", probe,
            ],
            request=b"int main(void) { return 0; }\n",
            folder=PLACES.build,
            limits=Limits(seconds=PROBE_SECONDS),
            environment=ENVIRONMENT,
        )  # fmt: skip
        if ended.fault is not None:
            raise ToolchainMissing(f"{recipe.compiler} with {' '.join(recipe.language)} {ended.fault}: {ended.errors}")


class Batch:
    """Scripts in the order in which their replies are asked for, run in as few processes as they allow.

    A script that ends the process fails alone: those behind it run in another one, unless it used up the time.
    """

    def __init__(self, program: Program, seconds: float) -> None:
        self.program = program
        self.seconds = seconds
        self.scripts: list[Sequence[str]] = []
        self.replies: list[Reply] = []

    def add(self, script: Sequence[str]) -> int:
        """The number to ask for the reply with."""
        self.scripts.append(script)
        return len(self.scripts) - 1

    def reply(self, number: int) -> Reply:
        self.program.build()
        while len(self.replies) <= number:
            if self.replies and self.replies[-1].is_slow:
                return Reply((), "not run: the calls before it used up the time")
            self.replies += self.program.answer(self.scripts[len(self.replies) :], self.seconds)
        return self.replies[number]
