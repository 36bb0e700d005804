"""Whether code in C or C++ leaves the checks on that it is compiled with.

Every task in these languages holds an identical copy. Attributes and functions of the sanitizers can keep
them from looking at a function or from ending the program; code that is right needs neither. What inline
assembly does stays unseen.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from checking import CheckFailed, Limits, find_tool, run_candidate

PREPROCESS_SECONDS = 20.0
MUFFLER = re.compile(r"no_sanitize|disable_sanitizer_instrumentation|__(?:a|hwa|l|m|t|ub)san_|__sanitizer_")
# What a preprocessor writes about the origin of lines; 3 stands for headers of the system.
LINE_MARKER = re.compile(r"^# \d+ \"[^\"]*\"(?P<flags>[ \d]*)$")
# The same in a source would pass its own lines off as such a header's.
FORGED_MARKER = re.compile(rb"^\s*#\s*\d", re.MULTILINE)


def require_checks_left_on(name: str, source: bytes, compiler: Sequence[str]) -> None:
    """Raises CheckFailed if the source, after its preprocessing by `compiler`, speaks to sanitizers.

    A source that cannot be preprocessed passes: the compiler will say why.
    """
    if FORGED_MARKER.search(source.replace(b"\\\n", b"")):
        raise CheckFailed(f"{name} has line markers of its own")
    ended = run_candidate(
        [find_tool("sh"), "-euc", 'exec "$@" >&"$ANSWER_PIPE"', "preprocess", *compiler, "-E", "-"],
        request=source,
        limits=Limits(seconds=PREPROCESS_SECONDS),
    )
    if ended.fault is not None:
        return
    for line in _own_lines(ended.answer.decode("utf-8", "replace")):
        if (found := MUFFLER.search(line)) is not None:
            raise CheckFailed(f"{name} switches checks of the compiler or its runtime off: it says {found[0]}")


def _own_lines(text: str) -> Iterator[str]:
    is_own = True
    for line in text.splitlines():
        marker = LINE_MARKER.match(line)
        if marker is not None:
            is_own = "3" not in marker["flags"].split()
        elif is_own:
            yield line
