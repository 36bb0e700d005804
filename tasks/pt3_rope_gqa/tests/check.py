"""The checks of pt3_rope_gqa.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "candidate")]
from answers import (  # noqa: E402
    Calls,
    expect_error,
    expect_exact,
    expect_result,
    expect_tensor,
    read_value,
    send_array,
)
from checking import CheckFailed, Limits, run_checks  # noqa: E402
from reference_attention import DEFAULT_BASE, LAYOUTS, NAMES, Array, Layer, make_layer, run  # noqa: E402

# All calls are tiny; nearly all of the time goes into importing PyTorch.
CALLS = Calls(Limits(seconds=40, memory_bytes=3 * 1024**3))

# The instruction's tolerances. With angles in float32, results are off by up to 2e-4 at the largest positions; with all
# other arithmetic in bfloat16, by up to 0.025. The other layout, other heads or other positions are off by 0.3 or more.
TOLERANCES = {"float32": 5e-3, "float16": 0.1, "bfloat16": 0.1}
# Float32 gradients against differences in float64, of what a direction has on average; rounding is a hundredth of it.
GRADIENT_TOLERANCE = 5e-3

Check = Callable[[], None]


@dataclass(frozen=True)
class Step:
    """Tokens `first` to `last - 1` of a text, continuing after an earlier step."""

    first: int
    last: int
    past: int | None = None
    says_all_real: bool = False
    """Passes None for `is_real`."""


@dataclass(frozen=True)
class Case:
    what: str
    layer: Layer
    dtype: str
    steps: list[Step]
    number: int

    def results(self) -> list[Any]:
        found: list[Any] = expect_result(self.what, CALLS.answer(self.number))
        return found

    def excess(self, layout: str) -> float:
        """By how much the result is off at most, in a layout. Raises CheckFailed for a wrong shape or dtype."""
        whole = run(self.layer, layout)
        worst = 0.0
        for step, found in zip(self.steps, self.results(), strict=True):
            wanted = whole[:, step.first : step.last]
            values = expect_tensor(f"{self.what}: out", found, wanted.shape, self.dtype).astype(np.float64)
            if not np.isfinite(values).all():
                raise CheckFailed(f"{self.what}: out is not finite")
            worst = max(worst, float(np.abs(values - wanted).max()))
        return worst


def ask(
    layer: Layer, steps: list[Step], dtype: str = "float32", cotangent: Array | None = None, **options: Any
) -> int:
    converted = {} if dtype == "float32" else {"as": dtype}
    base = {} if layer.base == DEFAULT_BASE else {"base": layer.base}
    call: dict[str, Any] = {
        "weights": {name: send_array(layer.arrays[name], **converted) for name in NAMES[1:]},
        "options": {"heads": layer.heads, "kv_heads": layer.kv_heads, **base, **options},
        "steps": [
            {
                "x": send_array(layer.arrays["x"][:, step.first : step.last], **converted),
                "positions": send_array(layer.positions[:, step.first : step.last]),
                "is_real": None if step.says_all_real else send_array(layer.is_real[:, step.first : step.last]),
                "past": step.past,
            }
            for step in steps
        ],
    }
    if cotangent is not None:
        call["cotangent"] = send_array(cotangent)
    return CALLS.add(call)


def make_case(layer: Layer, *steps: Step, dtype: str = "float32", **options: Any) -> Case:
    batch, length, channels = layer.arrays["x"].shape
    taken = list(steps) or [Step(0, length, says_all_real=bool(layer.is_real.all()))]
    what = f"attend with B {batch}, T {length}, C {channels}, {layer.heads} heads, {layer.kv_heads} kv_heads, {dtype}"
    return Case(what, layer, dtype, taken, ask(layer, taken, dtype, **options))


class Layout:
    """Which of the two layouts the code under test uses, told by one call without groups or padding."""

    def __init__(self) -> None:
        self.probe = make_case(make_layer(1, (1, 6, 16), 2, 2, 8))

    def used(self) -> str | None:
        tolerance = TOLERANCES["float32"]
        return next((layout for layout in LAYOUTS if self.probe.excess(layout) <= tolerance), None)

    def check_probe(self) -> None:
        if self.used() is None:
            errors = ", ".join(f"{self.probe.excess(layout):.3g} for {layout}" for layout in LAYOUTS)
            raise CheckFailed(f"{self.probe.what}: neither layout gives this result; it is off by up to {errors}")

    def check(self, *cases: Case) -> Check:
        """That the cases have the results of the layout in use."""

        def check() -> None:
            try:
                layout = self.used()
            except CheckFailed:
                layout = None
            for case in cases:
                layouts = LAYOUTS if layout is None else (layout,)
                excess = min(case.excess(each) for each in layouts)
                if excess > TOLERANCES[case.dtype]:
                    raise CheckFailed(f"{case.what}: out is off by up to {excess:.3g} ({' or '.join(layouts)} layout)")

        return check

    def check_gradients(self, *layers: Layer) -> Check:
        """Along random directions, against differences in float64."""
        asked = []
        for layer in layers:
            randomness = np.random.default_rng(len(asked))
            cotangent = randomness.standard_normal(layer.arrays["x"].shape).astype(np.float32)
            whole = [Step(0, cotangent.shape[1], says_all_real=bool(layer.is_real.all()))]
            asked.append((layer, cotangent, ask(layer, whole, cotangent=cotangent)))

        def check() -> None:
            layout = self.used() or LAYOUTS[0]
            for layer, cotangent, number in asked:
                what = f"backward of attend with padding {(~layer.is_real).sum(1).tolist()}"
                found = expect_result(what, CALLS.answer(number))
                for name in NAMES:
                    value = layer.arrays[name]
                    gradient = expect_tensor(f"{what}: gradient of {name}", found[name], value.shape, "float32")
                    if not np.isfinite(gradient).all():
                        raise CheckFailed(f"{what}: the gradient of {name} is not finite")
                    expect_slopes(f"{what}: gradient of {name}", layer, layout, name, gradient, cotangent)

        return check


def expect_slopes(what: str, layer: Layer, layout: str, name: str, gradient: Array, cotangent: Array) -> None:
    randomness = np.random.default_rng(5)
    step = 1e-5
    for _ in range(3):
        direction = randomness.standard_normal(gradient.shape)
        ends = [
            (run(layer, layout, {name: layer.arrays[name] + sign * step * direction}) * cotangent).sum()
            for sign in (1.0, -1.0)
        ]
        wanted = (ends[0] - ends[1]) / (2 * step)
        slope = float((gradient.astype(np.float64) * direction).sum())
        scale = 1 + float(np.linalg.norm(gradient.astype(np.float64))) + abs(wanted)
        if abs(slope - wanted) > GRADIENT_TOLERANCE * scale:
            raise CheckFailed(f"{what}: the slope along some direction is {wanted:.5g}, by this gradient {slope:.5g}")


def zeros_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            length = case.layer.is_real.shape[1]
            shape = case.layer.arrays["x"].shape
            out = expect_tensor(f"{case.what}: out", case.results()[0], (shape[0], length, shape[2]), case.dtype)
            if not (out[~case.layer.is_real] == 0).all():
                raise CheckFailed(f"{case.what}: the rows of padding are not 0")

    return check


def arguments_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            case.results()
            found = read_value(CALLS.answer(case.number)["after"])
            wanted = [(name, case.layer.arrays[name], case.dtype) for name in NAMES[1:]]
            for step in case.steps:
                part = slice(step.first, step.last)
                wanted += [("x", case.layer.arrays["x"][:, part], case.dtype)]
                wanted += [("positions", case.layer.positions[:, part], "int64")]
                if not step.says_all_real:
                    wanted += [("is_real", case.layer.is_real[:, part], "bool")]
            for tensor, (name, array, dtype) in zip(found, wanted, strict=True):
                expect_exact(f"{case.what}: {name} after the call", tensor, array, dtype)

    return check


def errors_check(*sizes: tuple[int, int, int, int, int]) -> Check:
    """Sizes are heads, kv_heads and the rows of wq, wk and wv."""
    numbers = []
    for heads, kv_heads, *rows in sizes:
        layer = make_layer(50, (1, 2, 6), 1, 1, 4)
        for name, count in zip(("wq", "wk", "wv"), rows, strict=True):
            layer.arrays[name] = np.ones((count, 6), dtype=np.float32)
        layer.arrays["wo"] = np.ones((6, rows[0]), dtype=np.float32)
        numbers.append(ask(layer, [Step(0, 2)], heads=heads, kv_heads=kv_heads))

    def check() -> None:
        for size, number in zip(sizes, numbers, strict=True):
            heads, kv_heads, *rows = size
            what = f"attend with {heads} heads, {kv_heads} kv_heads, and {rows} rows in wq, wk and wv"
            expect_error(what, CALLS.answer(number), "ValueError")

    return check


def real(*rows: str) -> Array:
    """From one text for each sequence: a dot is padding."""
    return np.array([[mark != "." for mark in row] for row in rows])


def main() -> int:
    layout = Layout()
    grouped = make_case(make_layer(2, (2, 5, 24), 6, 2, 4))
    shared = make_case(make_layer(3, (1, 6, 16), 4, 1, 6))
    narrow = make_case(make_layer(4, (2, 4, 10), 4, 2, 12), make_step_all(4))
    far = make_case(make_layer(5, (2, 6, 16), 2, 1, 8, positions=np.array([np.arange(6) + 900, np.arange(6) + 31])))
    gaps = make_case(make_layer(6, (2, 5, 16), 4, 2, 8, positions=np.array([[0, 3, 4, 90, 700], [2, 2, 9, 9, 300]])))
    falling = make_case(make_layer(7, (1, 6, 16), 4, 2, 8, positions=np.array([[40, 31, 31, 12, 5, 0]])))
    other_bases = [make_case(make_layer(8, (1, 6, 16), 2, 2, 8, base=base)) for base in (100.0, 500000.0)]
    default_base = make_case(make_layer(9, (1, 6, 16), 2, 2, 8))
    left = make_case(make_layer(10, (3, 6, 16), 4, 2, 8, is_real=real("..abcd", "abcdef", "....ab")))
    inside = make_case(make_layer(11, (3, 6, 16), 4, 2, 8, is_real=real("ab..cd", "abcd..", ".a.b.c")))
    nothing = make_case(make_layer(12, (2, 4, 16), 4, 2, 8, is_real=real("....", "abcd")))
    single = make_layer(13, (2, 6, 16), 4, 2, 8)
    one_by_one = make_case(single, *(Step(n, n + 1, n - 1 if n else None, True) for n in range(6)))
    parts = make_layer(14, (2, 9, 16), 4, 2, 8, positions=np.array([np.arange(9) + 7, [9, 1, 4, 4, 80, 2, 0, 33, 6]]))
    in_parts = make_case(parts, Step(0, 4, None, True), Step(4, 5, 0, True), Step(5, 9, 1, True))
    padded = make_layer(15, (3, 8, 16), 4, 2, 8, is_real=real("..abcdef", "abcd.efg", "....abcd"))
    padded_parts = make_case(padded, Step(0, 3), Step(3, 6, 0), Step(6, 8, 1, says_all_real=True))
    twice = make_layer(16, (2, 7, 16), 4, 2, 8)
    again = make_case(twice, Step(0, 4), Step(4, 7, 0), Step(4, 5, 0), Step(5, 7, 2), Step(4, 7, 0))
    late = np.array([np.arange(6) + 32000, [5, 900, 9000, 20000, 29999, 32767]])
    distant = make_case(make_layer(17, (2, 6, 16), 4, 2, 8, positions=late))
    halves = [
        make_case(make_layer(18, (2, 6, 16), 4, 2, 8, positions=late, dtype=dtype), dtype=dtype)
        for dtype in ("float16", "bfloat16")
    ]
    near_halves = [
        make_case(make_layer(19, (2, 6, 16), 4, 2, 8, dtype=dtype), dtype=dtype) for dtype in ("float16", "bfloat16")
    ]
    half_left = make_layer(20, (2, 6, 16), 4, 2, 8, is_real=real("..abcd", "abcdef"), dtype="bfloat16")
    half_parts = make_case(half_left, Step(0, 4), Step(4, 6, 0), dtype="bfloat16")
    plain_gradient = make_layer(21, (2, 5, 12), 4, 2, 6)
    padded_gradient = make_layer(22, (3, 5, 12), 4, 2, 6, is_real=real("..abc", "ab.cd", "....."))
    return run_checks(
        [
            ("the_result_is_that_of_one_of_the_layouts", layout.check_probe),
            ("query_heads_use_the_key_head_of_their_group", layout.check(grouped)),
            ("one_key_head_may_serve_all", layout.check(shared)),
            ("heads_may_be_wider_than_the_tokens", layout.check(narrow)),
            ("positions_may_begin_anywhere", layout.check(far)),
            ("positions_may_have_gaps_and_repeat", layout.check(gaps)),
            ("the_order_is_not_that_of_positions", layout.check(falling)),
            ("the_base_is_used", layout.check(*other_bases, default_base)),
            ("padding_on_the_left_is_not_attended_to", layout.check(left)),
            ("padding_may_stand_anywhere", layout.check(inside)),
            ("rows_of_padding_are_zero", zeros_check(left, inside, nothing)),
            ("a_sequence_may_be_all_padding", layout.check(nothing)),
            ("tokens_can_come_one_by_one", layout.check(one_by_one)),
            ("tokens_can_come_in_parts", layout.check(in_parts)),
            ("padding_of_the_past_stays_padding", layout.check(padded_parts)),
            ("a_past_can_be_continued_several_times", layout.check(again)),
            ("large_positions_are_exact_enough", layout.check(distant)),
            ("half_precision_is_kept", layout.check(*near_halves)),
            ("large_positions_are_exact_enough_in_half_precision", layout.check(*halves)),
            ("half_precision_can_be_continued", layout.check(half_parts)),
            ("gradients_are_right", layout.check_gradients(plain_gradient)),
            ("gradients_are_finite_and_right_with_padding", layout.check_gradients(padded_gradient)),
            ("heads_that_make_no_groups_are_refused", errors_check((6, 4, 24, 16, 16), (2, 4, 8, 16, 16))),
            ("heads_of_no_or_odd_width_are_refused", errors_check((4, 2, 18, 8, 8), (4, 2, 12, 6, 6))),
            ("rows_that_do_not_fit_are_refused", errors_check((4, 2, 16, 16, 8), (4, 2, 16, 8, 4))),
            ("arguments_are_left_as_they_were", arguments_check(grouped, left, in_parts)),
        ]
    )


def make_step_all(length: int) -> Step:
    return Step(0, length, says_all_real=True)


if __name__ == "__main__":
    sys.exit(main())
