"""Runs named checks against untrusted code and writes their verdict.

Every task whose tests are written in Python holds an identical copy, so that a hidden half stands
alone. The code under test runs in child processes only. It gets inputs, never expected values, and
answers through a pipe; this process alone judges and writes the verdict.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WORKSPACE = Path(os.environ.get("HARNESS_SWEEP_WORKSPACE", "/app")).resolve()
TESTS = Path(os.environ.get("HARNESS_SWEEP_TESTS", "/tests")).resolve()
LOGS = Path(os.environ.get("HARNESS_SWEEP_LOGS", "/logs/verifier")).resolve()

# Checks that begin later than this fail unrun, so that code which hangs in each of them cannot use
# up the grader's own limit and leave no verdict at all.
BUDGET_SECONDS = 50.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
FILE_BYTES_MAX = 256 * 1024 * 1024
MESSAGE_CHARACTERS_MAX = 1000
UNAVAILABLE_EXIT_CODE = 69


class CheckFailed(Exception):
    """The code under test is wrong; the text says what was asked, expected and found."""


class ToolchainMissing(Exception):
    """This machine cannot grade the task; that is not a verdict on the code under test."""


@dataclass(frozen=True)
class Limits:
    """Bounds on a child: wall seconds, and address space in bytes (None where sanitizers need it all)."""

    seconds: float
    memory_bytes: int | None = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Ended:
    """How a child ended and what it sent. `fault` is None if it exited with status 0 in time."""

    answer: bytes
    errors: str
    fault: str | None


def run_child(
    command: Sequence[str], *, request: bytes = b"", folder: Path, limits: Limits, environment: Mapping[str, str]
) -> Ended:
    """Runs `command` with the request on stdin; ANSWER_PIPE in its environment numbers its pipe to here."""
    answer_end, child_end = os.pipe()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(request)
        stdin.seek(0)
        try:
            child = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=folder,
                env={**environment, "ANSWER_PIPE": str(child_end)},
                pass_fds=(child_end,),
                start_new_session=True,
                preexec_fn=lambda: _set_limits(limits),
            )
        except BaseException:
            os.close(answer_end)
            raise
        finally:
            os.close(child_end)
        try:
            answer, fault = _read_answer(child, answer_end, time.monotonic() + limits.seconds)
        finally:
            os.close(answer_end)
            _kill_group(child)
        stderr.seek(0, os.SEEK_END)
        stderr.seek(max(0, stderr.tell() - 2 * MESSAGE_CHARACTERS_MAX))
        errors = stderr.read().decode("utf-8", "replace")
    return Ended(answer, errors, fault)


def build_child_environment(temporary: Path) -> dict[str, str]:
    """The whole environment of a child: where programs are, and one folder for temporary files."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": str(temporary),
        "HOME": str(temporary),
        "LC_ALL": "C",
        "PYTHONHASHSEED": "0",
    }


def new_nonce() -> str:
    """A word that a child can only repeat if it read the request it was started with."""
    return secrets.token_hex(16)


def run_checks(checks: Sequence[tuple[str, Callable[[], None]]]) -> int:
    """Runs all checks in order, then writes checks.jsonl and reward.json. Returns the exit status."""
    started = time.monotonic()
    lines: list[str] = []
    passed_count = 0
    for name, check in checks:
        message = ""
        try:
            if time.monotonic() - started > BUDGET_SECONDS:
                raise CheckFailed("not run: the checks before it used up the time for all")
            check()
            passed = True
            passed_count += 1
        except CheckFailed as failure:
            passed = False
            message = str(failure)[:MESSAGE_CHARACTERS_MAX]
        except ToolchainMissing as missing:
            print(f"this machine cannot grade the task: {missing}", file=sys.stderr)
            return UNAVAILABLE_EXIT_CODE
        lines.append(json.dumps({"name": name, "passed": passed, "message": message}))
        print(f"{'pass' if passed else 'FAIL'} {name}{': ' + message if message else ''}")
    reward = 1 if passed_count == len(checks) else 0
    _end_everything_else()
    _replace_file(LOGS / "checks.jsonl", "".join(line + "\n" for line in lines))
    _replace_file(
        LOGS / "reward.json",
        json.dumps({"reward": reward, "checks_passed": passed_count, "checks_total": len(checks)}) + "\n",
    )
    return 0


def _read_answer(child: subprocess.Popen[bytes], pipe: int, deadline: float) -> tuple[bytes, str | None]:
    """Reads until the pipe closes or the child is gone: a grandchild may hold the pipe open for ever."""
    answer = bytearray()
    is_open = True
    while True:
        has_ended = child.poll() is not None
        if is_open:
            while select.select([pipe], [], [], 0 if has_ended else 0.02)[0]:
                chunk = os.read(pipe, 65536)
                answer += chunk
                is_open = chunk != b""
                if not is_open or len(answer) > ANSWER_BYTES_MAX or time.monotonic() > deadline:
                    break
        if len(answer) > ANSWER_BYTES_MAX:
            return bytes(answer), "sent too long an answer"
        if has_ended:
            return bytes(answer), _describe_status(child.returncode)
        if time.monotonic() > deadline:
            return bytes(answer), "did not end in time"
        if not is_open:
            time.sleep(0.005)


def _describe_status(status: int) -> str | None:
    if status == 0:
        return None
    if status < 0:
        return f"was ended by signal {signal.Signals(-status).name}"
    return f"exited with status {status}"


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # If nothing of the group is left, macOS reports that as a lack of permission.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _set_limits(limits: Limits) -> None:
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_CPU, int(limits.seconds) + 1)
    _lower_limit(resource.RLIMIT_FSIZE, FILE_BYTES_MAX)
    if limits.memory_bytes is not None and sys.platform == "linux":
        _lower_limit(resource.RLIMIT_AS, limits.memory_bytes)


def _lower_limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (bound, bound))


def _end_everything_else() -> None:
    """End what the code under test left behind, before it can touch the verdict.

    A process that moved to a session of its own escapes the end of its group. Where the grader's
    sandbox has a namespace of process ids, whose first process is bubblewrap's, everybody else in
    it can be ended at once; elsewhere this must not be tried, for it would end the user's programs.
    """
    try:
        first_process = Path("/proc/1/comm").read_text().strip()
    except OSError:
        return
    if first_process == "bwrap":
        with contextlib.suppress(ProcessLookupError):  # Nobody else was left.
            os.kill(-1, signal.SIGKILL)


def _replace_file(path: Path, content: str) -> None:
    """Never writes through a link that stood there before."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
