"""The checks of pt1_masked_mean.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from answers import Answers
from cases import Case, make_case, round_to, with_upstream
from checking import CheckFailed, Limits, run_checks
from closeness import expect_array
from expected import expected_gradient, expected_mean

# All calls together take a right solution under a second; importing PyTorch takes the rest.
LIMITS = Limits(seconds=40, memory_bytes=3 * 1024**3)


def expect_result(case: Case, answer: dict[str, Any]) -> None:
    """The mean, the gradient if one was asked for, and inputs left as they were."""
    subject = describe(case)
    if answer["kind"] != "tensor":
        raise CheckFailed(f"{subject}: expected a tensor, found {show(answer)}")
    means, allowed = expected_mean(case)
    expect_tensor(answer["result"], means, allowed, case, subject)
    if case.upstream is not None:
        if answer["gradient"] is None:
            raise CheckFailed(f"{subject}: there is no gradient for the values {answer.get('gradient_error', '')}")
        gradient, allowed = expected_gradient(case)
        expect_tensor(answer["gradient"], gradient, allowed, case, f"the gradient of {subject}")


def expect_tensor(found: dict[str, Any], wanted: Any, allowed: Any, case: Case, subject: str) -> None:
    if found["dtype"] != case.dtype:
        raise CheckFailed(f"{subject}: expected the dtype {case.dtype}, found {found['dtype']}")
    sent_as = "float32" if case.dtype == "bfloat16" else str(case.dtype)
    expect_array(found["array"], wanted, allowed, dtype=sent_as, subject=subject)


def expect_error(case: Case, answer: dict[str, Any], name: str) -> None:
    if answer["kind"] != "raised" or name not in answer["classes"]:
        raise CheckFailed(f"{describe(case)}: expected {name}, found {show(answer)}")


def expect_unchanged(case: Case, answer: dict[str, Any]) -> None:
    if answer["kind"] != "tensor":
        raise CheckFailed(f"{describe(case)}: expected a tensor, found {show(answer)}")
    expect_tensor(answer["values"], case.values, 0.0, case, f"the values after {describe(case)}")
    expect_array(answer["mask"]["array"], case.mask, 0.0, dtype="bool", subject=f"the mask after {describe(case)}")


def describe(case: Case) -> str:
    options = "".join(f", {name}={value}" for name, value in case.options.items())
    return f"masked_mean({case.dtype} {case.values.shape}, {case.mask.dtype} {case.mask.shape}{options})"


def show(answer: dict[str, Any]) -> str:
    match answer["kind"]:
        case "tensor":
            return f"a tensor of dtype {answer['result']['dtype']}"
        case "raised":
            return f"{answer['classes'][0]}: {answer['text']}"
        case _:
            return str(answer.get("found"))


def with_poison(case: Case) -> Case:
    """The case with NaN and infinities wherever nothing is selected."""
    poison = np.resize(np.array([np.nan, np.inf, -np.inf]), case.values.shape)
    values = np.where(np.broadcast_to(case.mask, case.values.shape), case.values, poison)
    return Case(values, case.mask, case.options, case.dtype, case.upstream, case.is_strided)


def with_empty_groups(case: Case) -> Case:
    """The case, averaged over its last dimension, with nothing selected in every second group."""
    mask = case.mask.copy()
    mask[..., ::2, :] = False
    return Case(case.values, mask, case.options, case.dtype, case.upstream, case.is_strided)


def nan_selected() -> Case:
    case = make_case(30, (4, 6), -1, share=0.5)
    values, mask = case.values.copy(), case.mask.copy()
    values[1, 2], mask[1, 2] = np.nan, True
    values[2, 3], mask[2, 3] = np.nan, False
    return Case(values, mask, case.options)


def many(value: float, count: int, dtype: str) -> Case:
    """Equal values, all but one of them selected."""
    mask = np.ones(count, dtype=bool)
    mask[count // 2] = False
    return Case(round_to(np.full(count, value), dtype), mask, {}, dtype)


def make_groups() -> list[tuple[str, list[Case]]]:
    """The checks that compare results, with the calls they make."""
    random = np.random.default_rng(70)
    bfloat = make_case(40, (5, 1_001), -1, dtype="bfloat16", share=0.9)
    bfloat = Case(np.abs(bfloat.values) + 1.0, bfloat.mask, bfloat.options, "bfloat16")
    bfloat = Case(round_to(bfloat.values, "bfloat16"), bfloat.mask, bfloat.options, "bfloat16")
    return [
        ("all_dimensions_are_averaged_by_default", [make_case(1, (7,)), make_case(2, (3, 4, 5)), make_case(3, (2, 3))]),
        ("one_dimension_is_averaged", [make_case(4, (3, 8, 5), 1), make_case(5, (3, 8), 0)]),
        ("negative_dimensions_count_from_the_end", [make_case(6, (3, 4, 7), -1), make_case(7, (3, 4, 7), -3)]),
        ("several_dimensions_give_one_mean", [
            make_case(8, (3, 4, 9), (0, 2)), make_case(9, (3, 4, 9), (-1, 1)), make_case(10, (4, 6), (1,))]),
        ("kept_dimensions_have_length_one", [
            make_case(11, (3, 4, 5), 1, keepdim=True), make_case(12, (3, 4, 5), (0, -1), keepdim=True),
            make_case(13, (3, 4), keepdim=True), make_case(14, (3, 4), 1, keepdim=False)]),
        ("a_mask_is_broadcast_before_it_is_counted", [
            make_case(15, (3, 6, 5), (1, 2), mask_shape=(3, 6, 1)), make_case(16, (4, 6), mask_shape=(6,)),
            make_case(17, (4, 6), 0, mask_shape=(1, 6)), make_case(18, (4, 5, 6), mask_shape=(5, 1)),
            make_case(19, (4, 6), 1, mask_shape=(), share=1.1), make_case(20, (2, 5, 3), 2, mask_shape=(2, 5, 1))]),
        ("a_group_without_selection_gives_zero", [
            with_empty_groups(make_case(21, (6, 5), -1)), make_case(22, (3, 4), share=0.0),
            with_poison(make_case(23, (3, 4), 0, share=0.0))]),
        ("dimensions_of_length_zero_select_nothing", [
            make_case(24, (0, 3), 0), make_case(25, (0, 3), 1), make_case(26, (2, 0)),
            make_case(27, (2, 0, 3), (1, 2), keepdim=True)]),
        ("a_tensor_without_dimensions_is_its_own_mean", [
            make_case(28, (), share=1.1), make_case(29, (), share=0.0, keepdim=True)]),
        ("unselected_nan_and_infinity_have_no_influence", [
            with_poison(make_case(31, (6, 7), -1)), with_poison(make_case(32, (3, 4, 5), (0, 2), dtype="float64")),
            with_poison(make_case(33, (4, 6), 0, mask_shape=(4, 1)))]),
        ("a_selected_nan_makes_its_mean_nan", [nan_selected()]),
        ("half_precision_sums_do_not_overflow", [many(100.0, 1_001, "float16"), many(2.5, 70_001, "float16")]),
        ("half_precision_sums_are_precise", [
            bfloat, make_case(41, (4, 65), 1, dtype="float16"), make_case(42, (4, 5), 0, dtype="bfloat16")]),
        ("double_precision_is_kept", [
            make_case(43, (5, 9), 1, dtype="float64"), make_case(44, (1, 2), 1, dtype="float64", share=1.1),
            make_case(45, (3, 70), dtype="float64")]),
        ("values_need_not_be_contiguous", [
            make_case(46, (3, 4, 5), (0, 1), is_strided=True), make_case(47, (6, 4), 1, is_strided=True)]),
        ("the_gradient_is_shared_by_the_selected", [
            make_case(50, (4, 6), 1, has_gradient=True),
            make_case(51, (3, 4, 5), (0, 2), has_gradient=True, keepdim=True),
            make_case(52, (3, 5), has_gradient=True, dtype="float64"),
            make_case(53, (3, 6, 5), (1, 2), mask_shape=(3, 6, 1), has_gradient=True)]),
        ("the_gradient_of_unselected_elements_is_zero", [
            with_poison(make_case(54, (6, 7), -1, has_gradient=True)),
            with_poison(make_case(55, (3, 4, 5), 1, has_gradient=True, dtype="float64"))]),
        ("the_gradient_of_empty_groups_is_zero", [
            with_upstream(with_empty_groups(make_case(56, (6, 5), -1)), random),
            with_poison(with_empty_groups(make_case(57, (6, 5), -1, has_gradient=True)))]),
        ("half_precision_gradients_are_right", [
            make_case(58, (3, 12), 1, has_gradient=True, dtype="float16"),
            make_case(59, (3, 12), 0, has_gradient=True, dtype="bfloat16")]),
        ("calls_do_not_influence_one_another", [make_case(4, (3, 8, 5), 1), make_case(1, (7,))]),
    ]  # fmt: skip


def make_errors() -> list[tuple[str, str, list[Case]]]:
    """The checks that expect an error, with its name and the calls they make."""
    plain = make_case(60, (3, 4))
    integers = np.arange(12).reshape(3, 4)
    return [
        ("values_without_a_fraction_raise_type_error", "TypeError", [
            Case(integers, plain.mask, {}, None), Case(plain.mask, plain.mask, {"dim": 0}, None)]),
        ("a_mask_of_another_type_raises_type_error", "TypeError", [
            Case(plain.values, plain.mask.astype(np.int64)), Case(plain.values, plain.mask.astype(np.float32))]),
        ("a_mask_that_does_not_fit_raises_value_error", "ValueError", [
            Case(plain.values, plain.mask[:2]), Case(plain.values, plain.mask.reshape(4, 3), {"dim": 1}),
            Case(plain.values, plain.mask[:, 0])]),
        ("a_mask_larger_than_the_values_raises_value_error", "ValueError", [
            Case(plain.values, plain.mask[None]), Case(plain.values[:1], plain.mask),
            Case(plain.values, np.ones((2, 3, 4), dtype=bool), {"dim": 0})]),
        ("an_unknown_dimension_raises_index_error", "IndexError", [
            Case(plain.values, plain.mask, {"dim": 2}), Case(plain.values, plain.mask, {"dim": -3}),
            Case(plain.values, plain.mask, {"dim": [0, 5]})]),
    ]  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    answers = Answers(LIMITS)

    def add(cases: list[Case], expect: Callable[[Case, dict[str, Any]], None]) -> Callable[[], None]:
        take = answers.ask([case.as_request() for case in cases])

        def check() -> None:
            for case, answer in zip(cases, take(), strict=True):
                expect(case, answer)

        return check

    checks = [(name, add(cases, expect_result)) for name, cases in make_groups()]
    for name, error, cases in make_errors():
        checks.append((name, add(cases, lambda case, answer, error=error: expect_error(case, answer, error))))
    kept = [
        with_poison(make_case(80, (4, 6), 1)),
        make_case(81, (3, 6, 5), (1, 2), mask_shape=(3, 6, 1), has_gradient=True, dtype="float64"),
        make_case(82, (4, 6), dtype="bfloat16"),
    ]
    checks.append(("the_arguments_are_left_as_they_were", add(kept, expect_unchanged)))
    return checks


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
