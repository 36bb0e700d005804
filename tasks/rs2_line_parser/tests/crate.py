"""Compiles the workspace's crate and our drivers; all of it runs as the candidate.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from checking import PLACES, WORKSPACE, CheckFailed, Ended, Limits, ToolchainMissing, find_tool, run_candidate

SOURCE_BYTES_MAX = 1_000_000
COMPILE_SECONDS = 30.0


class Crate:
    """A crate of one file, `src/lib.rs`, and the drivers that use it, each compiled when it is first needed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.library = f"{PLACES.build}/lib{name}.rlib"
        self.complaints: dict[str, str] = {}

    def compile(self) -> None:
        """Raises CheckFailed unless the crate compiles without unsafe code."""
        path = WORKSPACE / "src" / "lib.rs"
        if path.is_symlink() or not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
            raise CheckFailed("src/lib.rs is missing, no regular file, or too long")
        options = ["--crate-name", self.name, "--crate-type", "rlib", "-F", "unsafe_code", "-o", self.library]
        # As standard input the source stands beside no other file that it could name as a module.
        self._compile("src/lib.rs", [*options, "-"], path.read_bytes())

    def compile_only(self, driver: str) -> None:
        """Raises CheckFailed unless the driver, which is never run, agrees with the crate's types."""
        self._compile_driver(driver, ["--crate-type", "lib", "--emit", f"metadata={PLACES.build}/{driver}.rmeta"])

    def run(self, driver: str, request: bytes, seconds: int) -> Ended:
        """Runs the driver, a program, with the request as its standard input, for so much processor time at most."""
        program = f"{PLACES.build}/{driver}"
        self._compile_driver(driver, ["-o", program])
        # By the clock it may take longer: how loaded the machine is must not matter.
        limited = [find_tool("sh"), "-c", 'ulimit -t "$1"; exec "$2"', "run", str(seconds), program]
        return run_candidate(limited, request=request, limits=Limits(10.0 * seconds))

    def _compile_driver(self, driver: str, options: list[str]) -> None:
        self.compile()
        source = f"{PLACES.driver}/{driver}.rs"
        linked = ["--crate-name", driver, "--extern", f"{self.name}={self.library}"]
        self._compile("a program that uses the crate as described", [*linked, *options, source], b"")

    def _compile(self, what: str, options: list[str], source: bytes) -> None:
        key = options[-1]
        if key not in self.complaints:
            ended = self._run_compiler(options, source)
            if ended.fault is not None:
                self._probe()
            self.complaints[key] = "" if ended.fault is None else f"rustc {ended.fault}. {ended.errors}"
        if self.complaints[key] != "":
            raise CheckFailed(f"{what} does not compile: {self.complaints[key]}")

    def _probe(self) -> None:
        """Asked only after a failure: is it the compiler's own?"""
        ended = self._run_compiler(["--crate-name", "probe", "-o", f"{PLACES.build}/probe", "-"], b"fn main() {}\n")
        if ended.fault is not None:
            raise ToolchainMissing(f"rustc cannot compile an empty program: {ended.errors}")

    def _run_compiler(self, options: list[str], source: bytes) -> Ended:
        command = [find_tool("rustc"), "--edition", "2021", "-C", "opt-level=2", "-C", "overflow-checks=on"]
        return run_candidate(
            [*command, "-C", "debuginfo=0", "--error-format=short", *options],
            request=source,
            folder=PLACES.build,
            limits=Limits(COMPILE_SECONDS),
        )
