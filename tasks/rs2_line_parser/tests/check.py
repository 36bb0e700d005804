"""The checks of rs2_line_parser.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, new_nonce, run_checks
from crate import Crate
from parser_script import Script, display_each, parse, parse_by_bytes, parse_each, random_script
from scripts import Scripts

SCRIPTS_SECONDS = 4
# The limit that the instruction states; right solutions need a twentieth of it.
COST_SECONDS = 2


def make_scripts() -> dict[str, list[Script]]:
    mixed = 'a x="é𝄞\\n" y=1\r\n\n# é\n  bad=\r\nb\tz=true \n\xff\nc k="\\u{1f600}" k=2\nlast q=-7'
    split_end = b"ab\r\ncd\r\n\r\nef\rgh\r\r\nij"
    return {
        "names_and_fields_are_read": [
            parse('start\nstart id=7\nstop_2 a=1 b="two" c=true d_9=false\n')],
        "blanks_separate_and_surround_fields": [
            parse(" a  x=1\t\ty=2 \t\n\t b\n"), parse_each("a x=1y=2", "a x =1", "a x= 1", "a  =1", "a x=1 \v",
            "a\u00a0x=1")],
        "skipped_lines_give_nothing_and_count": [
            parse("\n \t\n# a x=1\n \t#\na\n#\n\nb x=\n\n"), parse("#"), parse(""), parse("\n\n\n"), parse(" ")],
        "names_and_keys_are_of_their_letters": [
            parse_each("A", "a-b", "_a", "9", "aB", "é", "a X=1", "a x-y=1", "a _=1", "a 1=1", "a =", "a xé=1", "a=1")],
        "lines_end_with_line_feed_or_both": [
            parse("a\r\nb x=1\r\n\r\nc\n"), parse("a\rb\nc x=1\r\r\nd\n\re\n"), parse('a x="\r"\r\n')],
        "a_last_line_needs_no_end": [
            parse("a\nb x=1"), parse("a\n"), parse("a\nb x="), parse("a\n#"), parse("a\r"), parse("a x=1\r"),
            parse("\r")],
        "texts_take_any_character_but_quote_and_backslash": [
            parse('a x="" y=" # = \t é 𝄞 \x00 \x7f" z="\'"\n'), parse_each('a x="b"c', 'a x="b""c"', 'a x="b"=')],
        "escapes_stand_for_their_characters": [
            parse(r'a x="\"\\\n\t" y="\u{41}\u{e9}\u{1F600}\u{10ffff}\u{0}\u{00000a}" z="\u{D7FF}\u{e000}"' + "\n")],
        "a_bad_escape_is_reported_at_its_backslash": [
            parse_each(
                *(f'a é="1" x="é{escape}"' for escape in (r"\x", r"\u{}")),
                *(f'a x="é{escape}" y=1' for escape in (
                    r"\x", r"\N", r"\r", r"\0", r"\ ", r"\é", r"\u", r"\u41", r"\u{}", r"\u{g}", r"\u{41", r"\u{+41}",
                    r"\U{41}",
                    r"\u{1234567}", r"\u{0000041}", r"\u{d800}", r"\u{DFFF}", r"\u{110000}", r"\u{ffffff}",
                    r"\u{4 1}")))],
        "a_line_that_ends_too_early_is_reported_at_its_end": [
            parse_each("a x", "a xyz", "a x=", 'a x="', 'a x="é', 'a x="\\', 'a x="\\u', 'a x="\\u{', 'a x="\\u{4',
            'a x="\\u{d800', "a x=-",
                       "a x=t", "a x=fals", 'é', 'a x="é" y'),
            parse_each('a x="\\u{1234567', 'a x="\\u{}', 'a x="\\q')],
        "integers_reach_both_ends_of_their_range": [
            parse("a min=-9223372036854775808 max=9223372036854775807 z=0 m=-0 n=-007 l=000000000000000000000012\n"),
            parse_each("a x=9223372036854775808", "a y=1 x=-9223372036854775809", "a x=99999999999999999999999999 y=",
                       'a y="é" x=-99999999999999999999x', "a x=9223372036854775808x")],
        "integers_are_digits_only": [
            parse_each("a x=+1", "a x=1_0", "a x=1.5", "a x=--1", "a x=-a", "a x=0x1", "a x=1e3", "a x=٣", "a x=1-")],
        "flags_are_whole_words": [
            parse("a x=true y=false\n"), parse_each("a x=truex", "a x=tru e", "a x=fa1se", "a x=True", "a x=t",
            "a x=true=", "a x=yes", "a x=tfalse")],
        "a_second_key_is_found_at_its_equals_sign": [
            parse_each("a x=1 y=2 x=3", "a xy=1 xy", "a xy=1 xy =", "a x=1 é=1 x=2", "a x=1 x=", 'a é=1',
            'a y="é" k=1 k="'),
            parse("a x=1\na x=2 xx=3\n")],
        "columns_count_characters": [
            parse_each('a x="éé𝄞" y=?', 'a x="éé𝄞"', 'a x="é𝄞\\q"', 'a x="é𝄞" x=1', 'a x="é𝄞" y=99999999999999999999',
            'a x="é𝄞'),
            parse(b'a x="\xc3\xa9\xf0\x9d\x84\x9e\xff"\n')],
        "bytes_that_are_not_utf8_are_reported_first": [
            parse(b"\xff\na x=\x80\n# \xc3\n#\xc3\xa9\n9 x=\xc3\xa9 \xed\xa0\x80\n\xc3\xa9\xc0\x80\n"
                  b"a x=1 \xf4\x90\x80\x80\n\xe2\x82\nb\n\xf0\x9f")],
        "errors_stay_in_their_line": [
            parse('a x="\nb y="2"\nc z="\\\nd "\n=\n e x=1 x=2 x=3\n\xff\nf\n')],
        "long_lines_are_refused_by_their_bytes": [
            parse("abcde\nabcdef\nab é\nab éé\n#12345\n#1234\n      \nab\n", max_line=5),
            parse("abcdef", max_line=5), parse("abcde", max_line=5), parse(b"12345\xff\n\xff1234\n", max_line=5)],
        "a_lines_end_counts_for_nothing": [
            parse("abcde\r\nabcdef\r\nabcd\r\nabcde\r", max_line=5), parse("abcde\r\nabcde\r\r\nb\n", 6, 13, 14,
            max_line=5),
            parse_by_bytes("abcde\r\nabcdef\r\nabcde\rx\r\nab\n", max_line=5)],
        "any_limit_is_taken": [
            parse("\n\r\na\n#\n\r\n ", max_line=0), parse_by_bytes("\n\r\na\n\r", max_line=0), parse("a x=1\nb",
            max_line=2**64 - 1),
            parse("ab\na\n", max_line=1)],
        "any_cut_gives_the_same_results": [
            *(parse(mixed, cut) for cut in range(1, len(mixed.encode()))), parse_by_bytes(mixed),
            parse_by_bytes(split_end),
            parse(split_end, 0, 0, 3, 3, 4, 9)],
        "records_write_themselves": [
            display_each(r'a x="\u{1}\u{1f}\u{0}\u{7f}\u{80} \n\t\"\\é𝄞" y=-007 z=true', " \tb  k=false l=-0 ", "c",
            'd x="" y="\r\v"')],
        "errors_write_themselves": [
            display_each("A", "", "a x", 'a x="\\q"', "a x=9223372036854775808", "a x=1 x=1"),
            [(f"display {(b'b' + bytes([255])).hex()}", b"1:2: invalid UTF-8".hex()),
             (f"display {(b'b' * 1_000_001).hex()}", b"1:1: line too long".hex())]],
        "random_lines_agree_with_a_model": [random_script(seed) for seed in range(12)],
    }  # fmt: skip


def check_memory(crate: Crate) -> None:
    """Feeds 20 MB of one line, and asks how much is held between the calls."""
    max_line, nonce = 10_000, new_nonce()
    chunk = (b"x" * 1000).hex()
    requests = [
        nonce, "script", "baseline", f"new {max_line}", f"feed {b'a k='.hex()}22",
        f"held {chunk} 20000", "feed 22", f"feed {b'x'.hex()}0a{b'b'.hex()}0a", "finish"
    ]  # fmt: skip
    ended = crate.run("script", "".join(line + "\n" for line in requests).encode(), SCRIPTS_SECONDS)
    lines = ended.answer.decode("utf-8", "replace").split("\n")[:-1]
    if ended.fault is not None or len(lines) != 9 or lines[8] != f"end {nonce}":
        raise CheckFailed(f"the program {ended.fault or 'did not answer as asked'}: {lines[-3:]}")
    if [*lines[2:4], *lines[5:8]] != ["new", "", "", "1:1 LineTooLong; 2 b", "nothing"]:
        raise CheckFailed(f"a long line fed in many chunks: expected LineTooLong and the record b, found {lines[5:8]}")
    held = int(lines[4]) - int(lines[1])
    # The driver's own chunk and lines are in the number too, below 10,000 bytes of them.
    if not held <= 2 * max_line + 4096 + 10_000:
        raise CheckFailed(f"a parser with max_line {max_line} holds {held} bytes of a long line")


def make_checks(crate: Crate) -> list[tuple[str, Callable[[], None]]]:
    named = make_scripts()
    scripts = Scripts(lambda request: crate.run("script", request, SCRIPTS_SECONDS), named)

    def cost_check(script: Script) -> Callable[[], None]:
        costs = Scripts(lambda request: crate.run("script", request, COST_SECONDS), {"cost": [script]})
        return lambda: costs.check("cost")

    count = 200_000
    flood = [("new 100", "new"), (f"flood {b'a x=12345'.hex()}0a {count}",
    f"{count} {count} {count * (count + 1) // 2} {count * 12345}")]
    trickle = [("new 600000", "new"), (f"feed {b'a k='.hex()}22", ""), (f"trickle {b'ab'.hex()} 250000", ""),
               ("feed 220a", f"1 a k=text:{(b'ab' * 250000).hex()}")]  # fmt: skip
    many_fields = parse("a " + " ".join(f"k{number}={number}" for number in range(100_000)) + "\n")
    return [
        ("the_crate_compiles_without_unsafe_code", crate.compile),
        ("the_types_are_as_described", lambda: crate.compile_only("traits")),
        *((name, partial(scripts.check, name)) for name in named),
        ("little_of_a_long_line_is_held", lambda: check_memory(crate)),
        ("a_line_may_come_byte_by_byte", cost_check(trickle)),
        ("many_lines_may_come_at_once", cost_check(flood)),
        ("a_line_may_have_many_fields", cost_check(many_fields)),
    ]


def main() -> int:
    return run_checks(make_checks(Crate("line_parser")))


if __name__ == "__main__":
    sys.exit(main())
