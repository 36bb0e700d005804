"""Patterns and texts that are too long for the reference, or on which backtracking takes for ever.

Their answers follow from how they are made. For each search the size of the pattern times the length of the text is at
most 10,000,000.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from pattern_script import Piece, Script
from reference import DEPTH_MAX, SIZE_MAX, Spans

LARGE = ("large",)


def accepted(*pieces: Piece, groups: int = 0) -> Script:
    return Script().long_compile(*pieces, answers=[f"ok {groups}"])


def _one(pattern: bytes, groups: int, text: list[Piece], spans: Spans | None) -> Script:
    return accepted(pattern, groups=groups).long_search(*text, spans=spans, count=groups + 1).peak()


def _sizes() -> list[Script]:
    most = SIZE_MAX
    # One more than a multiple of the content's size and one, for each count.
    return [
        accepted((b"a", most)).long_search((b"a", 300), spans=None),
        Script().long_compile((b"a", most + 1), answers=LARGE).long_compile((b"ab|", 2000), answers=LARGE),
        accepted((b"ab|", 1666)).long_compile((b"()", 32), answers=LARGE),
        accepted(b"(?:a{1000}){2}").long_compile(b"(?:a{1000}){3}", answers=LARGE),
        accepted(b"(?:a{623}){4}").long_compile(b"(?:a{624}){4}", answers=LARGE),
        accepted(b"(?:[ab]{0,1000}){0}").long_search(b"ab", spans=((0, 0),)),
        Script().long_compile(b"(?:(?:(?:a{1000}){1000}){1000}){0}", answers=LARGE),
        Script().long_compile(b"(?:(?:(?:){1000}){1000}){1000}", answers=LARGE),
        Script().long_compile((b"(?:", 150), b"a", (b"){1000}", 150), answers=LARGE),
        Script().long_compile((b"(?:", 30), b"a", (b")*", 30), answers=["ok 0"]),
        Script().long_compile((b"(?:", 30), b"a", (b")+", 30), answers=LARGE),
        Script().long_compile((b"a", 1_000_000), answers=LARGE),
    ]


def _nesting() -> list[Script]:
    most = DEPTH_MAX
    return [
        accepted((b"(?:", most), b"a", (b")", most)).long_search(b"ba", spans=((1, 2),)),
        Script().long_compile((b"(?:", most + 1), b"a", (b")", most + 1), answers=LARGE),
        Script().long_compile((b"(?:", 100_000), (b")", 100_000), answers=LARGE),
        Script().long_compile((b"(", 1_000_000), answers=["large", "syntax"]),
        accepted((b"(?:a)", 600)).long_search((b"a", 700), spans=((0, 600),)),
    ]


def _counted() -> list[Script]:
    optional = accepted(b"(?:a?){500}a{500}")
    nested = accepted(b"((a{1,10}){1,10}){1,10}", groups=2)
    return [
        optional.long_search((b"a", 500), spans=((0, 500),)).long_search((b"a", 499), spans=None)
        .long_search((b"a", 1010), spans=((0, 1000),)).peak(),
        nested.long_search((b"a", 999), spans=((0, 999), (900, 999), (990, 999)), count=3)
        .long_search((b"a", 2000), spans=((0, 1000), (900, 1000), (990, 1000)), count=3).peak(),
        accepted(b"(?:a?){700}b").long_search((b"a", 1000), spans=None).peak(),
        accepted(b"a{1000}b").long_search((b"a", 1500), spans=None).long_search((b"a", 1500), b"b", spans=((500,
            1501),)),
        accepted(b"(?:a{1,2}){300}$").long_search((b"a", 500), spans=((0, 500),)).long_search((b"a", 299),
            spans=None),
    ]  # fmt: skip


N = 4_000
LONG_SCRIPTS: list[tuple[str, list[Script]]] = [
    ("long_texts_do_not_exhaust_the_stack", [
        _one(b"(?:a|b)*", 0, [(b"ab", 50_000)], ((0, 100_000),)),
        _one(b"(?:(a)|b)*c", 1, [(b"ab", 40_000), b"c"], ((0, 80_001), (79_998, 79_999))),
        _one(b"^(.*?),(.*)$", 2, [(b"x", 40_000), b",", (b",", 40_000)],
             ((0, 80_001), (0, 40_000), (40_001, 80_001))),
        _one(b"b$", 0, [(b"b", 100_000)], ((99_999, 100_000),)),
    ]),
    ("bounds_on_the_size_are_exact", _sizes()),
    ("bounds_on_nesting_are_exact", _nesting()),
    ("long_sets_are_accepted", [
        accepted(b"[", (b"ab", 200_000), b"]+").long_search(b"cabba", spans=((1, 5),)),
        accepted(b"a{", (b"0", 100_000), b"2}").long_search(b"aaa", spans=((0, 2),)),
    ]),
    ("finding_the_start_takes_linear_time", [
        _one(b"a*b", 0, [(b"a", 40_000)], None),
        _one(b"[ab]*c", 0, [(b"ab", 20_000)], None),
        _one(b"a.*b", 0, [(b"a", 40_000)], None),
        _one(b"(a+)$", 1, [(b"a", 20_000), b"b", (b"a", 20_000)], ((20_001, 40_001), (20_001, 40_001))),
        _one(b"\\w+\\s", 0, [(b"word", 10_000)], None),
    ]),
    ("nested_repetition_takes_linear_time", [
        _one(b"(a+)+b", 1, [(b"a", N)], None),
        _one(b"(x+x+)+y", 1, [(b"x", N)], None),
        _one(b"(x+x+)+y", 1, [(b"x", N), b"y"], ((0, N + 1), (0, N))),
        _one(b"(?:(?:(?:(?:a+)+)+)+)+$", 0, [(b"a", N), b"b"], None),
        _one(b"((a*)*)*b", 2, [(b"a", N)], None),
        _one(b"((a*)*)*", 2, [(b"a", N)], ((0, N), (0, N), (0, N))),
    ]),
    ("overlapping_alternatives_take_linear_time", [
        _one(b"(a|a)*b", 1, [(b"a", N)], None),
        _one(b"(a|aa)+$", 1, [(b"a", N + 1)], ((0, N + 1), (N, N + 1))),
        _one(b"(aa|a)+$", 1, [(b"a", N + 1)], ((0, N + 1), (N, N + 1))),
        _one(b"(?:.|a|b|\\w)*?c", 0, [(b"ab", N)], None),
        _one(b"^(\\w|\\w\\w|\\w\\w\\w)*?$", 1, [(b"a", N)], ((0, N), (N - 1, N))),
    ]),
    ("chained_repetition_takes_linear_time", [
        _one(b"(.*)(.*)(.*)(.*)(.*)=", 5, [(b"x", N)], None),
        _one(b"(.*)(.*)(.*)=", 3, [(b"x", N), b"="], ((0, N + 1), (0, N), (N, N), (N, N))),
        _one(b"(.*?)(.*?)(.*?)=", 3, [(b"x", N), b"="], ((0, N + 1), (0, 0), (0, 0), (0, N))),
        _one(b"a*a*a*a*a*a*a*a*b", 0, [(b"a", N)], None),
    ]),
    ("counted_repetition_takes_linear_time", _counted()),
]  # fmt: skip
