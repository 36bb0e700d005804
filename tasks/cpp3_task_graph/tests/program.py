"""Compiles the workspace's header with our drivers; all of it runs as the candidate.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from checking import PLACES, WORKSPACE, CheckFailed, Ended, Limits, ToolchainMissing, find_tool, run_candidate
from compiler_checks import require_checks_left_on

SOURCE_BYTES_MAX = 1_000_000
COMPILE_SECONDS = 45.0
PROBE_SECONDS = 20.0
ENVIRONMENT = {
    # Leaks are found by counting: LeakSanitizer needs ptrace, which sandboxes deny. Finding the lines of a
    # stack trace takes longer than all else; the kind of error says enough.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=32:symbolize=0",
    "UBSAN_OPTIONS": "symbolize=0",
    "TSAN_OPTIONS": "halt_on_error=1:symbolize=0",
}


class Program:
    """A driver that includes the one header an agent has to write, compiled with these options when first needed.

    All programs of a grade are to be compiled before the first is run: what runs can spoil the folder they are in.
    """

    def __init__(self, header: str, driver: str, options: Sequence[str]) -> None:
        self.header = header
        self.driver = driver
        self.options = ["-std=c++20", *options]
        self.folder = f"{PLACES.build}/{driver}{''.join(options)}".replace(",", "-").replace("=", "-")
        self.complaint: str | None = None
        self.launcher: list[str] = []

    def compile(self, *further: str) -> None:
        """Raises CheckFailed unless the driver compiles with the header; further options are this call's."""
        if self.complaint is None:
            path = WORKSPACE / self.header
            if path.is_symlink() or not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
                raise CheckFailed(f"{self.header} is missing, no regular file, or too long")
            require_checks_left_on(self.header, path.read_bytes(), [find_tool("c++"), *self.options, "-x", "c++"])
            self._probe()
            copy_and_compile = 'mkdir -p "$1"; cat > "$1/$2"; shift 2; exec "$@"'
            # A folder of its own: what lies beside the header in the workspace is not looked at.
            ended = run_candidate(
                [
                    find_tool("sh"), "-euc", copy_and_compile, "compile", self.folder, self.header,
                    find_tool("c++"), *self.options, "-I", self.folder, f"{PLACES.driver}/{self.driver}.cpp",
                    *(further or ("-o", f"{self.folder}/program")),
                ],
                request=path.read_bytes(),
                folder=PLACES.build,
                limits=Limits(COMPILE_SECONDS, memory_bytes=2 * 1024**3),
            )  # fmt: skip
            self.complaint = "" if ended.fault is None else f"the compiler {ended.fault}. {ended.errors[-900:]}"
        if self.complaint != "":
            raise CheckFailed(f"{self.header} does not compile with a program that uses it: {self.complaint}")

    def run(self, request: bytes, seconds: float) -> Ended:
        """Runs the driver, a program, with the request as its standard input."""
        self.compile()
        return self._launch(f"{self.folder}/program", request, seconds)

    def _probe(self) -> None:
        """Comes before the agent's code can touch the folder that the probe uses."""
        program = f"{self.folder}-probe"
        ended = run_candidate(
            [find_tool("c++"), *self.options, "-x", "c++", "-", "-o", program],
            request=b"int main() { return 0; }\n",
            folder=PLACES.build,
            limits=Limits(PROBE_SECONDS),
        )
        if ended.fault is None:
            ended = self._launch(program, b"", PROBE_SECONDS)
        # Older thread sanitizers do not bear the address space layouts that newer kernels choose at random.
        if "unexpected memory mapping" in ended.errors and shutil.which("setarch") is not None:
            self.launcher = [find_tool("setarch"), "-R"]
            ended = self._launch(program, b"", PROBE_SECONDS)
        if ended.fault is not None:
            raise ToolchainMissing(f"a program built with {' '.join(self.options)} {ended.fault}: {ended.errors}")

    def _launch(self, program: str, request: bytes, seconds: float) -> Ended:
        command = [*self.launcher, program]
        return run_candidate(
            command, request=request, folder=PLACES.build, limits=Limits(seconds), environment=ENVIRONMENT
        )
