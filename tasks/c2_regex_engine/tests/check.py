"""The checks of c2_regex_engine.

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
from long_scripts import LONG_SCRIPTS
from pattern_script import Script, random_script, refused, searches

# The reference goes down once for each byte and each choice.
sys.setrecursionlimit(20_000)

# All small scripts together, and all long ones: most engines in linear time need a tenth of it.
SMALL_SECONDS = 15.0
# What the instruction grants for the products of size and length of all long scripts, which add up to 32,500,000.
LONG_SECONDS = 17.0
PROGRAM = Program(
    Recipe(
        name="sanitized",
        compiler="cc",
        language=(
            "-std=c11", "-pedantic-errors", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer", "-O1",
        ),
        source="regex.c",
        driver="driver.c",
        further=tuple(
            f"-D{call}=driver_{call}" for call in ("malloc", "calloc", "realloc", "aligned_alloc", "free")
        ),
    )
)  # fmt: skip


def compare(script: Script, batch: Batch, number: int) -> None:
    reply = batch.reply(number)
    for position, (step, wanted) in enumerate(script.steps):
        asked = (step or script.steps[position - 1][0])[:100]
        if position >= len(reply.lines):
            raise CheckFailed(f"at {asked}: {reply.fault or 'the program said no more'}")
        found = reply.lines[position]
        if found not in wanted:
            raise CheckFailed(f"at {asked}: expected {' or '.join(wanted[:2])[:300]}, found {found[:300]}")
    if reply.fault is not None or len(reply.lines) != len(script.steps):
        raise CheckFailed(reply.fault or "the program said more than it was asked")


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    small = Batch(PROGRAM, SMALL_SECONDS)
    long = Batch(PROGRAM, LONG_SECONDS)

    def script_check(*scripts: Script, batch: Batch = small) -> Callable[[], None]:
        numbers = [batch.add(script.end().request()) for script in scripts]

        def check() -> None:
            for script, number in zip(scripts, numbers, strict=True):
                compare(script, batch, number)

        return check

    every_byte = bytes(range(256))
    offsets = searches(rb"\bb", b"ab b").search(b"ab", 1).search(b"b b", 1).search(b"b", 1).compile(b"^a")
    offsets.search(b"aa", 1).search(b"aa").compile(b"a*$").search(b"aab", 2).search(b"aaa", 1).search(b"aaa", 3)
    offsets.compile(b"").search(b"abc", 2).search(b"abc", 3).search(b"", 0)
    spans = Script().compile(b"(a)(b)?(c)").search(b"xac", count=0).search(b"xac", count=1).search(b"xac", count=3)
    spans.search(b"xac", count=4).search(b"xac", count=40).search(b"xx", count=40).search(b"xx", count=0)
    several = Script().compile(b"a(b)").compile(b"(b)(a)", 1).compile(b"[^ab]+", 2).search(b"xaba").search(b"xaba",
            slot=1)
    several.search(b"xaba", slot=2).search(b"abaab").compile(b"z").search(b"xaba", slot=1).search(b"z")
    memory = Script()
    for pattern in (b"", b"a", b"(a|b)*c{3,}[a-z]\\d", b"(?:((a))|b+?){4}", b"(", b"a{2,1}", b"(?:a{900}){5}"):
        memory.compile(pattern, has_trials=True)
    memory.compile(b"(a|b)*c{3,}?").search(b"xabcccc", has_trials=True).search(b"xab", has_trials=True)
    memory.search(b"xabcccc", count=0, has_trials=True).search(b"bccc")

    return [
        ("it_compiles_as_strict_c11", PROGRAM.build),
        ("literals_are_found_at_the_leftmost_place", script_check(
            searches(b"ab", b"ab", b"xxabab", b"aab", b"ba", b"", b"a"), searches(b"", b"", b"ab"),
            searches(b"a]}-,:=!b", b"a]}-,:=!b"))),
        ("bytes_of_any_value_match", script_check(
            searches(b"\x00\xff[\x00-\x02]", b"\x01\x00\xff\x02", b"\x00\xff\x03"),
            searches(b"[\x80-\xff]+", every_byte),
            searches(b"\xc3\xa9", b"\xa9\xc3\xa9"), searches(b"[^\x80]+", b"\x80\x81\x00"))),
        ("the_dot_takes_all_but_newline", script_check(
            searches(b".+", every_byte, b"\n\n", b"\na\nb"), searches(b"(?:a|.)+", b"a\na"))),
        ("named_classes_are_ascii", script_check(
            *(searches(b"\\" + name + b"+", every_byte, every_byte[::-1], b"_ 5\xe9x") for name in (
                b"d", b"D", b"w", b"W", b"s", b"S")))),
        ("escapes_stand_for_bytes", script_check(
            searches(rb"\n\t\r\f\v\x41\xfF\x00", b"\n\t\r\x0c\x0bA\xff\x00"),
            searches(rb"\.\*\+\?\(\)\[\]\{\}\|\\\^\$\-\/", rb".*+?()[]{}|\^$-/"),
            searches(b"\\_\\ \\\t\\\n\\\xe9", b"_ \t\n\xe9"), searches(rb"a\{2}", b"a{2}", b"aa"))),
        ("sets_and_their_complements", script_check(
            searches(b"[abx-z]+", b"--azyxb--", b"cw"), searches(b"[^a-y]+", b"abz\nA", b"aby"),
            searches(rb"[\d_\s]+", b"a1_ 2\tb"), searches(rb"[^\W\d]+", b"1ab_2"), searches(rb"[\D]+", b"12ab3"),
            searches(rb"[\x41-\x43\n-\r]+", b"DC\nA\x0e"))),
        ("punctuation_in_sets", script_check(
            searches(b"[]a]+", b"x]a]x"), searches(b"[^]a]+", b"]xa"), searches(b"[a^]+", b"x^a"), searches(b"[-a]+",
            b"b-a-"),
            searches(b"[a-]+", b"b-a-"), searches(b"[a-c-e]+", b"d-ebe"), searches(b"[--/]+", b",-./0"),
            searches(rb"[\]\\\-\^]+", rb"a]\-^b"), searches(b"[.*+?(){}|$[]+", b"a.*+?(){}|$[b"),
            searches(rb"[\d-]+", b"a1-2"), searches(rb"[a\--z]+", b"`-ab,"), searches(b"[^^]+", b"^a"),
            searches(b"[]-a]+", b"\\]^_`ab"))),
        ("anchors_hold_at_the_ends_of_the_text", script_check(
            searches(b"^ab$", b"ab", b"ab\n", b"cab", b"\nab"), searches(b"^", b"", b"a"), searches(b"$", b"",
            b"ab\n"),
            searches(b"a$|^b", b"cab", b"bca", b"cbac"), searches(b"(?:^a|b)+", b"baab", b"abab"), searches(b"a^b|$a",
            b"ab"))),
        ("word_boundaries", script_check(
            searches(rb"\bab\b", b"ab", b"cab ab", b"abc", b"-ab-", b"a\xe9ab"), searches(rb"\B", b"", b"a", b"ab",
            b" ", b"a b"),
            searches(rb"\b", b"", b" ", b" a"), searches(rb"\Ba+\B", b"aaaa", b" aa", b"baab"),
            searches(rb"(?:\b|_)+a", b"_a"))),
        ("alternatives_are_taken_in_order", script_check(
            searches(b"a|ab", b"ab"), searches(b"(a|ab)(c|bcd)(d*)", b"abcd"), searches(b"ab|a|b", b"cba"),
            searches(b"(?:|a)b?", b"ab"), searches(b"(a|)(ab|)", b"aab"), searches(b"a|b|", b"cb", b"ba"),
            searches(b"(?:a||b)c", b"bc"), searches(b"x(?:a|ab|abc)(?:c|)$", b"xabc", b"xab"))),
        ("greedy_quantifiers_take_most", script_check(
            searches(b"a*", b"aab", b"baa"), searches(b"a+", b"baab", b"b"), searches(b"ba?", b"baa", b"cb"),
            searches(b"(a+)(a*)(a?)", b"aaa"), searches(b"a*ab", b"aaab"), searches(b".*b", b"abcbc"))),
        ("lazy_quantifiers_take_least", script_check(
            searches(b"a*?", b"aab"), searches(b"a+?", b"baab"), searches(b"ba??", b"baa"),
            searches(b"(a+?)(a*?)(a*)", b"aaa"),
            searches(b"<(.+?)>", b"<a><b>"), searches(b"a{2,4}?", b"aaaaa"), searches(b"a{2,4}?$", b"aaaaa"),
            searches(b"(a??)(a??)aa", b"aaa", b"aaaa"), searches(b"a{1,}?b", b"aaab"))),
        ("counts_are_exact", script_check(
            searches(b"^a{3}$", b"aa", b"aaa", b"aaaa"), searches(b"^a{2,}$", b"a", b"aa", b"aaaaa"),
            searches(b"^(a{1,3})(a*)$", b"", b"a", b"aaaaa"), searches(b"ba{0}c", b"bac", b"bc"), searches(b"a{0,1}",
            b"aa"),
            searches(b"(ab){2}", b"abab", b"ababab"), searches(b"a{000002}", b"aaa"), searches(b"(a{2}){2}", b"aaa",
            b"aaaaa"),
            searches(b"(a|b){2,3}?c", b"abbac"), searches(b"(a){0}b\\x31?", b"ab1"))),
        ("groups_are_numbered_by_their_parenthesis", script_check(
            searches(b"((a)(?:b)((c)d))(e)", b"abcde"), searches(b"(?:(?:a)(b))|(c)", b"ab", b"c"),
            searches(b"()(a)()", b"a"), searches(b"(" * 31 + b"a" + b")" * 31, b"ba"))),
        ("a_group_that_took_no_part_has_no_span", script_check(
            searches(b"(a)|(b)", b"b", b"a"), searches(b"(a)?b", b"b", b"ab"), searches(b"(?:(a)|(b)|c)+", b"c",
            b"bc"),
            searches(b"(a)*b", b"b"), searches(b"(a(b)?)+c", b"aac"))),
        ("a_span_is_that_of_the_last_iteration", script_check(
            searches(b"(a|b)*", b"abba"), searches(b"(?:(a)(b)?)+", b"abab"), searches(b"(\\w)+", b"abc"),
            searches(b"(ab?){2,3}", b"abaab"), searches(b"((a)|b){3}", b"aba"))),
        ("a_span_outlives_later_iterations", script_check(
            searches(b"(?:(a)|b)*", b"ab", b"abb"), searches(b"(?:(a)|(b)|(c))+", b"abcb"), searches(b"(a(b)?)+",
            b"aba"),
            searches(b"(?:(a)|b){2}", b"ab"))),
        ("empty_iterations_follow_the_definition", script_check(
            searches(b"(a|b*)*", b"c", b"ab"), searches(b"(a*)*", b"b", b"aa"), searches(b"(a*)+", b"b", b"c",
            b"aab"),
            searches(b"(|a)*", b"aa"), searches(b"(|a)+", b"aa"), searches(b"(a|)+", b"aab"), searches(b"(a?){3}",
            b"a", b"aaaa"),
            searches(b"(a?){2,}", b"", b"a", b"aaa"), searches(b"(|a){0,2}", b"aa"), searches(b"(|a){2}", b"aa"),
            searches(b"(|a){1,}b", b"aab"), searches(b"(a??)*?b", b"aab"), searches(b"(a*?)+?b", b"aab"),
            searches(b"(^)*a", b"a"), searches(b"(\\b)+a", b"a"), searches(b"(?:(a)|(b?))*", b"ab", b"c"),
            searches(b"((a*)(b*))*", b"abba", b"c"), searches(b"(?:(a*)|b)*c", b"abc"), searches(b"(a*)?", b"b"))),
        ("random_patterns_agree_with_backtracking", script_check(
            *(random_script(seed, 60, has_empty_loops=False) for seed in range(4)))),
        ("random_empty_loops_agree_with_backtracking", script_check(
            *(random_script(seed, 60, has_empty_loops=True) for seed in range(10, 14)))),
        ("the_start_of_a_search_is_not_the_start_of_the_text", script_check(offsets)),
        ("as_many_spans_as_asked_for", script_check(spans)),
        ("expressions_do_not_influence_one_another", script_check(several)),
        ("unbalanced_patterns_are_refused", script_check(
            refused(b"(", b")", b"(a", b"a)", b"(a))", b"((a)", b"[", b"[a", b"[]", b"[^", b"[^]", rb"[\]", b"a|(",
            b"(?:a",
            b"[a-", b"(|", b"]", b"}", b"a}"))),
        ("quantifiers_of_nothing_are_refused", script_check(
            refused(b"*", b"+a", b"?", b"{1}", b"a|*", b"(*)", b"(?:+)", b"^*", b"$+", rb"\b?", rb"\B{2}", b"a**",
            b"a+*", b"a?+",
            b"a{2}{3}", b"a???", b"a*?*", b"a*+", b"(|?)", b"(){2}", b"(?:)*", b"[a]??"))),
        ("malformed_counts_are_refused", script_check(
            refused(b"a{", b"a{}", b"a{,2}", b"a{1", b"a{1,", b"a{1,2", b"a{x}", b"a{ 1}", b"a{1,x}", b"a{2,1}",
            b"a{1001}",
            b"a{0,1001}", b"a{1001,}", b"a{99999999999999999999}", b"a{4294967297}", b"a{-1}", b"{", b"a{1000}",
            b"a{1,1,1}"))),
        ("unknown_escapes_and_groups_are_refused", script_check(
            refused(b"\\", b"a\\", rb"\1", rb"\0", rb"\a", rb"\z", rb"\A", rb"\N", rb"\x", rb"\x4", rb"\xg1",
            rb"\x1g", rb"[\b]",
            rb"[\B]", rb"[\q]", rb"[\x4]", b"(?", b"(?a)", b"(?=a)", b"(?P<n>a)", b"(?!a)", b"(??:a)", rb"\u0041",
            rb"\S\W\D"))),
        ("malformed_ranges_are_refused", script_check(
            refused(b"[b-a]", rb"[\d-z]", rb"[a-\d]", rb"[\x42-\x41]", rb"[a-\w-z]", rb"[z--]", rb"[\n-\t]",
            rb"[\s-\S]", b"[a-a]",
            rb"[\d-]"))),
        ("failed_allocations_are_reported_and_leak_nothing", script_check(memory)),
        *((name, script_check(*scripts, batch=long)) for name, scripts in LONG_SCRIPTS),
        ("nothing_is_printed", script_check(searches(b"a(b)", b"xab", b"b").printed(), batch=long)),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
