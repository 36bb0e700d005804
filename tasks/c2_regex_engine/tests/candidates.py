"""Runs the code under test away from the program that judges it.

Every task holds an identical copy of this and of `checking.py`, so that a hidden half stands alone and a
task's version does not change with another's. The judge knows what is expected and writes the verdict. The
candidate is the code under test with a driver from `tests/candidate`: it gets inputs, never expected values,
and answers through a pipe. Under harness-sweep's grader each has a sandbox of its own and the grader passes
on what they say (docs/grading.md); started by hand or by Harbor, the candidate is a child process, which
belongs to `nobody` if this one is root's.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

WORKSPACE = Path(os.environ.get("HARNESS_SWEEP_WORKSPACE", "/app")).resolve()
TESTS = Path(os.environ.get("HARNESS_SWEEP_TESTS", "/tests")).resolve()
LOGS = Path(os.environ.get("HARNESS_SWEEP_LOGS", "/logs/verifier")).resolve()

ANSWER_BYTES_MAX = 16 * 1024 * 1024
FILE_BYTES_MAX = 256 * 1024 * 1024
ERRORS_BYTES_MAX = 2_000
NOBODY = 65534


@dataclass(frozen=True)
class Limits:
    """Bounds on a candidate: wall seconds, and memory of all its processes in bytes."""

    seconds: float
    memory_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Ended:
    """How a candidate ended and what it sent. `fault` is None if it exited with status 0 in time."""

    answer: bytes
    errors: str
    fault: str | None


@dataclass(frozen=True)
class Places:
    """Folders by the paths that the candidate sees them at."""

    workspace: str
    """The final workspace; what a candidate writes there stays for the next one."""
    driver: str
    """`tests/candidate`, the only hidden files that the candidate can read."""
    build: str
    """Empty at first; what a candidate writes there stays for the next one."""


class Candidate(Protocol):
    """A running candidate. Its time began when it started."""

    def send(self, data: bytes) -> None:
        """Sends to its standard input; does nothing once it has ended."""

    def receive_line(self) -> bytes | None:
        """Its next line without the line's end; None once it has ended or its time is over."""

    def finish(self) -> Ended:
        """Ends its standard input, awaits its end; the answer is what no line was taken of."""


def start_candidate(
    command: Sequence[str],
    *,
    request: bytes = b"",
    limits: Limits,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Candidate:
    """Starts a command as the candidate, one at a time.

    The request is the beginning of its standard input; ANSWER_PIPE in its environment numbers its pipe
    to here. Its folder is its workspace unless another one is named, as seen by itself.
    """
    return _PLACE.start(command, request, limits, folder or PLACES.workspace, environment or {})


def run_candidate(
    command: Sequence[str],
    *,
    request: bytes = b"",
    limits: Limits,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """As `start_candidate`, until the command has ended."""
    return start_candidate(command, request=request, limits=limits, folder=folder, environment=environment).finish()


def describe_status(status: int) -> str | None:
    """An exit status as `subprocess` gives it, as the end of a sentence; None for success."""
    if status == 0:
        return None
    return f"was ended by signal {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"


def _candidate_environment(temporary: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": temporary,
        "HOME": temporary,
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
    }


class _Lines:
    """Bytes as they come, taken line by line."""

    def __init__(self) -> None:
        self.rest = bytearray()

    def take(self) -> bytes | None:
        end = self.rest.find(b"\n")
        if end < 0:
            return None
        line = bytes(self.rest[:end])
        del self.rest[: end + 1]
        return line


class _Brokered:
    """Has the grader start candidates, each in a sandbox of its own, over a socket that came with this process."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.places = Places(description["workspace"], description["driver"], description["build"])
        self.temporary: str = description["temporary"]
        grader = socket.socket(fileno=description["descriptor"])
        grader.set_inheritable(False)
        self.grader = grader.makefile("rwb")

    def start(
        self, command: Sequence[str], request: bytes, limits: Limits, folder: str, environment: Mapping[str, str]
    ) -> Candidate:
        start = {
            "command": list(command),
            "folder": folder,
            "environment": {**_candidate_environment(self.temporary), **environment},
            "input": base64.b64encode(request).decode(),
            "limits": {
                "seconds": limits.seconds,
                "memoryBytes": limits.memory_bytes,
                "answerBytes": ANSWER_BYTES_MAX,
                "fileBytes": FILE_BYTES_MAX,
            },
        }
        self.tell({"kind": "start", **start})
        return _BrokeredCandidate(self)

    def tell(self, message: Mapping[str, Any]) -> None:
        self.grader.write(json.dumps(message).encode() + b"\n")
        self.grader.flush()

    def hear(self) -> dict[str, Any]:
        line = self.grader.readline()
        if line == b"":
            raise SystemExit("the grader is gone")
        message: dict[str, Any] = json.loads(line)
        return message


class _BrokeredCandidate:
    def __init__(self, broker: _Brokered) -> None:
        self.broker = broker
        self.lines = _Lines()
        self.ended: dict[str, Any] | None = None

    def send(self, data: bytes) -> None:
        if self.ended is None:
            self.broker.tell({"kind": "send", "data": base64.b64encode(data).decode()})

    def receive_line(self) -> bytes | None:
        while (line := self.lines.take()) is None and self.ended is None:
            self._hear()
        return line

    def finish(self) -> Ended:
        if self.ended is None:
            self.broker.tell({"kind": "close"})
        while self.ended is None:
            self._hear()
        return Ended(bytes(self.lines.rest), self.ended["errors"], self.ended["fault"])

    def _hear(self) -> None:
        message = self.broker.hear()
        if message["kind"] == "answer":
            self.lines.rest += base64.b64decode(message["data"])
        else:
            self.ended = message


class _Local:
    """Starts candidates as child processes, for Harbor's containers and for people who write tasks."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)
        self.places = Places(*(str(self.root / name) for name in ("workspace", "driver", "build")))
        self.temporary = str(self.root / "temporary")
        shutil.copytree(WORKSPACE, self.places.workspace, symlinks=True)
        shutil.copytree(TESTS / "candidate", self.places.driver)
        for folder in (self.places.build, self.temporary):
            Path(folder).mkdir()
        if os.geteuid() == 0:
            self.root.chmod(0o711)
            for folder in (TESTS, LOGS):
                folder.chmod(0o700)
            for parent, folders, files in os.walk(self.root):
                for name in (*folders, *files):
                    os.chown(os.path.join(parent, name), NOBODY, NOBODY, follow_symlinks=False)

    def start(
        self, command: Sequence[str], request: bytes, limits: Limits, folder: str, environment: Mapping[str, str]
    ) -> Candidate:
        answer_end, child_end = os.pipe()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the candidate has finished)
        identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=folder,
                env={**_candidate_environment(self.temporary), **environment, "ANSWER_PIPE": str(child_end)},
                pass_fds=(child_end,),
                start_new_session=True,
                preexec_fn=lambda: _set_limits(limits),
                **identity,
            )
        finally:
            os.close(child_end)
        return _LocalCandidate(child, answer_end, errors, time.monotonic() + limits.seconds, request)


class _LocalCandidate:
    def __init__(self, child: subprocess.Popen[bytes], pipe: int, errors: Any, deadline: float, request: bytes) -> None:
        self.child, self.pipe, self.errors, self.deadline = child, pipe, errors, deadline
        self.lines = _Lines()
        self.is_open = True
        self.fault: str | None = None
        self.unsent = bytearray(request)
        self.closes_input = False
        assert child.stdin is not None
        os.set_blocking(child.stdin.fileno(), False)

    def send(self, data: bytes) -> None:
        self.unsent += data

    def receive_line(self) -> bytes | None:
        while (line := self.lines.take()) is None and self._step():
            pass
        return line

    def finish(self) -> Ended:
        self.closes_input = True
        while self._step():
            pass
        # If nothing of the group is left, macOS reports that as a lack of permission.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        os.close(self.pipe)
        self._close_input()
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - ERRORS_BYTES_MAX))
        errors = self.errors.read().decode("utf-8", "replace")
        self.errors.close()
        return Ended(bytes(self.lines.rest), errors, self.fault or describe_status(self.child.returncode))

    def _step(self) -> bool:
        """Waits a moment for what there is to send and to receive; False once the candidate is done with."""
        if self.fault is not None:
            return False
        # Asked before reading: what an ended candidate sent is in the pipe, which a grandchild may hold open for ever.
        has_ended = self.child.poll() is not None
        assert self.child.stdin is not None
        is_sending = not self.child.stdin.closed
        if is_sending and not self.unsent and self.closes_input:
            self._close_input()
            is_sending = False
        wanted = [self.child.stdin] if is_sending and self.unsent else []
        readable, writable, _ = select.select([self.pipe] if self.is_open else [], wanted, [], 0 if has_ended else 0.01)
        if writable:
            try:
                del self.unsent[: os.write(self.child.stdin.fileno(), self.unsent)]
            except BrokenPipeError:
                self.unsent.clear()
        if readable:
            chunk = os.read(self.pipe, 65536)
            self.lines.rest += chunk
            self.is_open = chunk != b""
            if len(self.lines.rest) > ANSWER_BYTES_MAX:
                self.fault = "sent too long an answer"
            return True
        if has_ended:
            return False
        if time.monotonic() > self.deadline:
            self.fault = "did not end in time"
        return True

    def _close_input(self) -> None:
        if self.child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.child.stdin.close()


def _set_limits(limits: Limits) -> None:
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_CPU, 4 * int(limits.seconds) + 4)
    _lower_limit(resource.RLIMIT_FSIZE, FILE_BYTES_MAX)


def _lower_limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (bound, bound))


def _open_place() -> _Brokered | _Local:
    description = os.environ.pop("HARNESS_SWEEP_CANDIDATE", None)
    return _Local() if description is None else _Brokered(json.loads(description))


_PLACE = _open_place()
PLACES = _PLACE.places
