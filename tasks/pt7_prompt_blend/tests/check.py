"""The checks of pt7_prompt_blend.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "candidate")]
from answers import (  # noqa: E402
    Calls,
    Tensor,
    expect_error,
    expect_exact,
    expect_result,
    expect_tensor,
    read_value,
    send_array,
)
from blending import Blend, blend  # noqa: E402
from checking import CheckFailed, Limits, run_checks  # noqa: E402
from reference_lm import Config, Model, make_model  # noqa: E402

# All calls are tiny; nearly all of the time goes into importing PyTorch.
CALLS = Calls(Limits(seconds=40, memory_bytes=3 * 1024**3))

# The instruction's tolerances. Rounding in float32 stays below a fifth of them; mixing logits or log-probabilities
# instead of probabilities, or weights that are not normalised, are off by more than 0.1 in most places.
ABSOLUTE, RELATIVE = 1e-3, 1e-4
# Log-probabilities of the best and the second-best token are this far apart, twenty times the rounding or more.
MARGIN = 0.02

MODELS = {
    "plain": make_model(np.random.default_rng(1), Config(31, 16, 16, 2, 2), 2.5),
    "windowed": make_model(np.random.default_rng(2), Config(23, 20, 24, 4, 3, window=3), 2.5),
    "sharp": make_model(np.random.default_rng(3), Config(19, 14, 16, 2, 2), 60.0),
    "narrow": make_model(np.random.default_rng(4), Config(7, 5, 8, 1, 1), 2.0),
}
CALLS.shared["models"] = {
    name: {
        "config": asdict(model.config),
        "weights": {parameter: send_array(value) for parameter, value in model.weights.items()},
    }
    for name, model in MODELS.items()
}

Check = Callable[[], None]
Prompts = list[list[int]]


@dataclass(frozen=True)
class Case:
    what: str
    prompts: Prompts
    weights: list[float]
    blend: Blend
    number: int

    def tokens_and_rows(self) -> tuple[list[Any], Any]:
        found = expect_result(self.what, CALLS.answer(self.number))
        if type(found) is not tuple or len(found) != 2 or type(found[0]) is not list:
            raise CheckFailed(f"{self.what}: expected a tuple of a list and a tensor")
        if any(type(token) is not int for token in found[0]):
            raise CheckFailed(f"{self.what}: expected a list of int, found {str(found[0])[:200]}")
        return found


def ask(model: str, prompts: Prompts, weights: list[float], steps: int, **options: Any) -> int:
    return CALLS.add(
        {
            "model": model,
            "prompts": prompts,
            "weights": weights,
            "max_new_tokens": steps,
            "options": options,
            "wants_model": False,
        }
    )


def make_case(
    model: str,
    lengths: list[int],
    weights: list[float],
    steps: int,
    seed: int,
    *,
    suits: Callable[[Blend], bool] = lambda found: True,
    stop_at: int | None = None,
    **options: Any,
) -> Case:
    """The first random prompts from the seed on where no choice hangs on rounding and that suit (seeds are near them).

    `stop_at` makes the token of that step the one to stop at; it does not occur before.
    """
    vocabulary = MODELS[model].config.vocabulary
    for number in itertools.count(seed):
        randomness = np.random.default_rng(number)
        prompts: Prompts = [randomness.integers(0, vocabulary, length).tolist() for length in lengths]
        found = blend(MODELS[model], prompts, weights, steps, **options)
        if found.margin < MARGIN or not suits(found):
            continue
        if stop_at is not None:
            stop = found.tokens[stop_at]
            if stop in found.tokens[:stop_at]:
                continue
            options["stop"] = stop
            found = blend(MODELS[model], prompts, weights, steps, **options)
        what = f"generate_blended({prompts}, {weights}, {steps}, {options})"
        return Case(what, prompts, weights, found, ask(model, prompts, weights, steps, **options))
    raise AssertionError


def expect_tokens(case: Case) -> None:
    tokens, _ = case.tokens_and_rows()
    if tokens != case.blend.tokens:
        raise CheckFailed(f"{case.what}: expected the tokens {case.blend.tokens}, found {tokens[:50]}")


def expect_rows(case: Case) -> None:
    _, rows = case.tokens_and_rows()
    wanted = case.blend.log_probs
    values = expect_tensor(f"{case.what}: log-probabilities", rows, wanted.shape, "float32").astype(np.float64)
    if not np.isfinite(values).all():
        raise CheckFailed(f"{case.what}: not all log-probabilities are finite")
    excess = np.abs(values - wanted) - RELATIVE * np.abs(wanted)
    if wanted.size and float(excess.max()) > ABSOLUTE:
        row, token = (int(index) for index in np.unravel_index(excess.argmax(), excess.shape))
        raise CheckFailed(
            f"{case.what}: log-probability of token {token} in row {row}: expected {wanted[row, token]:.5f}, "
            f"found {values[row, token]:.5f}"
        )


def rows_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_rows(case)

    return check


def full_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_tokens(case)
            expect_rows(case)

    return check


def tokens_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_tokens(case)

    return check


def sums_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            _, rows = case.tokens_and_rows()
            values = expect_tensor(case.what, rows, case.blend.log_probs.shape, "float32").astype(np.float64)
            sums = np.exp(values).sum(-1)
            worst = float(sums[np.abs(sums - 1).argmax()])
            if abs(worst - 1) > ABSOLUTE:
                raise CheckFailed(f"{case.what}: the probabilities of a row add up to {worst}")

    return check


def ignored_branch_check() -> Check:
    """A branch of weight 0 among others, against the others alone."""
    pairs = []
    for seed, adaptive in ((31, False), (32, True)):
        case = make_case("plain", [3, 5], [0.3, 0.7], 3, seed, adaptive=adaptive)
        prompts = [case.prompts[0], [7, 7], case.prompts[1]]
        number = ask("plain", prompts, [0.3, 0.0, 0.7], 3, adaptive=adaptive)
        pairs.append(Case(f"generate_blended({prompts}, [0.3, 0.0, 0.7], 3)", prompts, [], case.blend, number))
    return full_check(*pairs)


def arguments_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            case.tokens_and_rows()
            found = read_value(CALLS.answer(case.number)["after"])
            if found != [case.prompts, case.weights]:
                raise CheckFailed(f"{case.what}: the prompts or weights were changed to {str(found)[:200]}")

    return check


def model_check() -> Check:
    case = make_case("narrow", [2, 3], [0.5, 0.5], 2, 34)
    number = CALLS.add(
        {
            "model": "narrow",
            "prompts": case.prompts,
            "weights": case.weights,
            "max_new_tokens": 2,
            "options": {},
            "wants_model": True,
        }
    )

    def check() -> None:
        expect_result(case.what, CALLS.answer(number))
        found = read_value(CALLS.answer(number)["model"])
        for name, value in MODELS["narrow"].weights.items():
            expect_exact(f"{case.what}: {name} after the call", found[name], value, "float32")

    return check


def gradient_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            _, rows = case.tokens_and_rows()
            if type(rows) is not Tensor or rows.requires_grad:
                raise CheckFailed(f"{case.what}: expected a tensor that requires no gradient")

    return check


def errors_check(*calls: tuple[Prompts, list[float], int, dict[str, Any]]) -> Check:
    numbers = [ask("narrow", prompts, weights, steps, **options) for prompts, weights, steps, options in calls]

    def check() -> None:
        for call, number in zip(calls, numbers, strict=True):
            prompts, weights, steps, options = call
            what = f"generate_blended({prompts}, {weights}, {steps}, {options}) with V 7 and a context of 5"
            expect_error(what, CALLS.answer(number), "ValueError")

    return check


def wins_without_a_branch(found: Blend) -> bool:
    """Whether, in the first step, the blend's best token is the best one of no branch."""
    return found.tokens[0] not in found.branches[0].argmax(-1)


def branches_disagree(found: Blend) -> bool:
    """Whether, in every step, the branches have different best tokens."""
    return all(len(set(step.argmax(-1).tolist())) > 1 for step in found.branches)


def is_improbable(found: Blend) -> bool:
    return bool(found.log_probs.min() < -160)


def weights_vanish(found: Blend) -> bool:
    """Whether a weight gets too small for float32 and is what counts for some token nevertheless."""
    without = np.where(found.log_weights < -110, -np.inf, found.log_weights)[..., None] + found.branches
    return bool((found.log_probs - np.logaddexp.reduce(without, axis=1) > 5).any())


def adaptive_matters(found: Blend) -> bool:
    """Whether the heaviest branch is another one at the end than at the beginning, with both of some weight."""
    first, last = found.log_weights[0], found.log_weights[-1]
    return bool(first.argmax() != last.argmax() and last.min() > -4)


def main() -> int:
    two = make_case("plain", [4, 4], [0.5, 0.5], 1, 11, suits=branches_disagree)
    uneven = make_case("plain", [4, 4, 4], [0.7, 0.2, 0.1], 1, 12)
    sums = make_case("plain", [4, 4], [2.0, 6.0], 2, 13)
    small_sums = make_case("plain", [3, 3], [0.01, 0.03], 2, 14)
    ragged = make_case("plain", [2, 7, 1, 5], [0.4, 0.3, 0.2, 0.1], 1, 15)
    long = make_case("plain", [3, 6], [0.6, 0.4], 8, 16, suits=branches_disagree)
    nobodys = make_case("plain", [4, 3, 5], [0.4, 0.3, 0.3], 1, 157, suits=wins_without_a_branch)
    one = make_case("plain", [5], [1.0], 4, 18)
    hot = make_case("plain", [4, 5], [0.5, 0.5], 3, 19, temperature=3.0, suits=branches_disagree)
    cold = make_case("plain", [4, 5], [0.5, 0.5], 3, 20, temperature=0.4, suits=branches_disagree)
    stopped = make_case("plain", [4, 2], [0.5, 0.5], 6, 21, stop_at=2)
    at_once = make_case("plain", [4, 2], [0.5, 0.5], 6, 22, stop_at=0)
    zero = make_case("narrow", [2, 1], [0.5, 0.5], 3, 23, stop_at=1, suits=lambda found: found.tokens[1] == 0)
    never = make_case("plain", [4, 2], [0.5, 0.5], 5, 24, suits=lambda found: 30 not in found.tokens, stop=30)
    adaptive = make_case("plain", [4, 5], [0.6, 0.4], 5, 38, adaptive=True, suits=adaptive_matters)
    warm = make_case("plain", [5, 4], [0.6, 0.4], 5, 26, adaptive=True, temperature=2.0, suits=adaptive_matters)
    vanishing = make_case("sharp", [3, 4], [0.5, 0.5], 6, 125, adaptive=True, suits=weights_vanish)
    improbable = make_case("sharp", [3, 3], [0.5, 0.5], 2, 39, suits=is_improbable)
    full = make_case("narrow", [3, 2], [0.5, 0.5], 3, 29)
    full_without_new = make_case("narrow", [5, 1], [0.5, 0.5], 0, 30)
    nothing = make_case("plain", [3, 2], [0.5, 0.5], 0, 33)
    windowed = make_case("windowed", [9, 2, 6], [0.5, 0.2, 0.3], 6, 35)
    windowed_adaptive = make_case("windowed", [9, 2, 6], [0.5, 0.2, 0.3], 6, 36, adaptive=True)
    infinite, not_a_number = float("inf"), float("nan")
    half = [0.5, 0.5]
    return run_checks(
        [
            ("one_prompt_gives_the_models_own_distribution", full_check(one)),
            ("probabilities_are_blended", rows_check(two)),
            ("each_branch_has_its_weight", rows_check(uneven)),
            ("weights_are_normalised", rows_check(sums, small_sums)),
            ("rows_are_distributions", sums_check(two, sums, ragged, long, hot, adaptive)),
            ("prompts_may_differ_in_length", full_check(ragged)),
            ("the_new_token_is_the_best_of_the_blend", tokens_check(nobodys, two)),
            ("every_branch_goes_on_with_the_new_token", full_check(long)),
            ("temperature_is_applied_in_each_branch", full_check(hot, cold)),
            ("generation_ends_with_the_stop_token", full_check(stopped, at_once)),
            ("token_zero_can_be_the_stop_token", full_check(zero)),
            ("a_stop_token_that_never_comes_changes_nothing", full_check(never)),
            ("no_new_tokens_give_an_empty_result", full_check(nothing)),
            ("adaptive_weights_follow_the_new_tokens", full_check(adaptive)),
            ("adaptive_weights_follow_tempered_probabilities", full_check(warm)),
            ("adaptive_weights_may_become_tiny", full_check(vanishing)),
            ("improbable_tokens_keep_finite_log_probabilities", full_check(improbable)),
            ("a_branch_of_weight_zero_has_no_influence", ignored_branch_check()),
            ("the_whole_context_can_be_used", full_check(full, full_without_new)),
            ("other_models_are_blended_alike", full_check(windowed, windowed_adaptive)),
            ("results_need_no_gradient", gradient_check(two, long, adaptive)),
            ("prompts_and_weights_are_left_as_they_were", arguments_check(long, sums, adaptive)),
            ("the_model_is_left_as_it_was", model_check()),
            (
                "missing_prompts_are_refused",
                errors_check(([], [], 1, {}), ([[1], []], half, 1, {}), ([[1], [2]], [1.0], 1, {})),
            ),
            (
                "bad_weights_are_refused",
                errors_check(
                    ([[1], [2]], [1.5, -0.5], 1, {}),
                    ([[1], [2]], [1.0, infinite], 1, {}),
                    ([[1], [2]], [1.0, not_a_number], 1, {}),
                    ([[1], [2]], [0.0, 0.0], 1, {}),
                ),
            ),
            (
                "bad_numbers_are_refused",
                errors_check(
                    *(([[1], [2]], half, 1, {"temperature": t}) for t in (0.0, -1.0, infinite, not_a_number)),
                    ([[1], [2]], half, -1, {}),
                ),
            ),
            ("unknown_tokens_are_refused", errors_check(([[1], [2, 7]], half, 1, {}), ([[-1], [2]], half, 1, {}))),
            (
                "texts_beyond_the_context_are_refused",
                errors_check(
                    ([[1], [1, 2, 3]], half, 4, {}),
                    ([[1] * 6, [1]], half, 1, {}),
                    ([[1], [1] * 6], half, 0, {}),
                    ([[1, 2, 3], [1]], half, 4, {"stop": 3}),
                ),
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
