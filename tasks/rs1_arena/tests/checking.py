"""Runs named checks and writes their verdict; `candidates.py` runs the code they are about.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from candidates import (  # noqa: F401 (what checks need comes from here)
    LOGS,
    PLACES,
    TESTS,
    WORKSPACE,
    Candidate,
    Ended,
    Limits,
    describe_status,
    run_candidate,
    start_candidate,
)

# Checks that begin later than this fail unrun, so that code which hangs in each of them cannot use
# up the grader's own limit and leave no verdict at all.
BUDGET_SECONDS = 50.0
MESSAGE_CHARACTERS_MAX = 1000
UNAVAILABLE_EXIT_CODE = 69


class CheckFailed(Exception):
    """The code under test is wrong; the text says what was asked, expected and found."""


class ToolchainMissing(Exception):
    """This machine cannot grade the task; that is not a verdict on the code under test."""


def find_tool(name: str) -> str:
    """The path of a toolchain's program, here and for the candidate alike."""
    path = shutil.which(name)
    if path is None:
        raise ToolchainMissing(f"there is no {name} on PATH")
    return path


def ask_driver(request: Mapping[str, Any], *, limits: Limits, python: Sequence[str] = ("-I", "-S", "-B")) -> Any:
    """What `candidate/driver.py` answers, through `driving.serve`, to a request in JSON.

    Raises CheckFailed unless the driver itself answered, which only it does after its last call.
    """
    nonce = new_nonce()
    ended = run_candidate(
        [sys.executable, *python, f"{PLACES.driver}/driver.py"],
        request=json.dumps({"nonce": nonce, "workspace": PLACES.workspace, "request": request}).encode(),
        limits=limits,
    )
    if ended.fault is not None:
        raise CheckFailed(f"the program {ended.fault}: {ended.errors[-600:]}")
    try:
        reply = json.loads(ended.answer)
        if reply["nonce"] == nonce:
            return reply["answer"]
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise CheckFailed("the program ended before the calls returned")


def new_nonce() -> str:
    """A word that a candidate can only repeat if it read the request it was started with."""
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
        except ToolchainMissing as missing:
            print(f"this machine cannot grade the task: {missing}", file=sys.stderr)
            return UNAVAILABLE_EXIT_CODE
        except CheckFailed as failure:
            passed, message = False, str(failure)
        except Exception as error:  # An answer that no check was prepared for must not keep the verdict away.
            passed, message = False, f"the answer could not be judged: {type(error).__name__}: {error}"
        message = message[:MESSAGE_CHARACTERS_MAX]
        lines.append(json.dumps({"name": name, "passed": passed, "message": message}))
        print(f"{'pass' if passed else 'FAIL'} {name}{': ' + message if message else ''}")
    reward = 1 if passed_count == len(checks) else 0
    _replace_file(LOGS / "checks.jsonl", "".join(line + "\n" for line in lines))
    _replace_file(
        LOGS / "reward.json",
        json.dumps({"reward": reward, "checks_passed": passed_count, "checks_total": len(checks)}) + "\n",
    )
    return 0


def _replace_file(path: Path, content: str) -> None:
    """Never writes through a link that stood there before."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
