"""The checks of pt5_logit_lens.

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
    expect_close,
    expect_error,
    expect_exact,
    expect_result,
    expect_tensor,
    read_value,
    send_array,
)
from checking import CheckFailed, Limits, run_checks  # noqa: E402
from reference_lm import Array, Config, Levels, make_weights, run  # noqa: E402

# All calls are tiny; nearly all of the time goes into importing PyTorch.
CALLS = Calls(Limits(seconds=40, memory_bytes=3 * 1024**3))

# The instruction's tolerances. Rounding in float32 stays below a fifth of them; a level without the final norm,
# the soft cap or the position, or one of a neighbouring block, is off by more than 0.1 in most places.
LOG_PROBS = {"absolute": 1e-3, "relative": 1e-4}
KL = {"absolute": 1e-3, "relative": 1e-3}
# Logits that decide a rank or a most likely token are this far apart, or as large a part of the spread of the logits.
MARGIN = 1e-3

Check = Callable[[], None]


@dataclass(frozen=True)
class Case:
    config: Config
    weights: dict[str, Array]
    tokens: Array
    targets: Array
    levels: Levels
    number: int

    @property
    def what(self) -> str:
        cap = "no soft cap" if self.config.soft_cap is None else f"soft cap {self.config.soft_cap}"
        batch, length = self.tokens.shape
        return f"logit_lens with {self.config.layers} blocks, {cap}, B {batch}, T {length}"

    def result(self) -> dict[str, Any]:
        found = expect_result(self.what, CALLS.answer(self.number))
        if type(found) is not dict or found.keys() != {"log_probs", "target_rank", "kl", "settled"}:
            raise CheckFailed(f"{self.what}: expected a dict of log_probs, target_rank, kl and settled")
        return found

    def model_after(self) -> dict[str, Any]:
        after: dict[str, Any] = CALLS.answer(self.number)["model"]
        return after


def all_modules(config: Config) -> list[str]:
    parts = ("attention_norm", "query", "key", "value", "out", "mlp_norm", "up", "down", "dropout")
    blocks = [f"blocks.{number}" for number in range(config.layers)]
    inner = [f"{block}.{part}" for block in blocks for part in parts]
    return ["", "embed", "position", "dropout", "blocks", "norm", "unembed", *blocks, *inner]


def ask(
    config: Config,
    weights: dict[str, Array],
    tokens: Array,
    targets: Array,
    *,
    training: list[str] | None = None,
    frozen: list[str] | None = None,
    gradient_mode: bool = True,
) -> int:
    return CALLS.add(
        {
            "config": asdict(config),
            "weights": {name: send_array(value) for name, value in weights.items()},
            "tokens": send_array(tokens),
            "targets": send_array(targets),
            "training": training or [],
            "frozen": frozen or [],
            "gradient_mode": gradient_mode,
            "wants_model": True,
        }
    )


def make_case(
    config: Config,
    shape: tuple[int, int],
    seed: int,
    *,
    spread: float = 3.0,
    suits: Callable[[Levels], bool] = lambda levels: True,
    **more: Any,
) -> Case:
    """The first model from the seed on in which nothing hangs on rounding and that suits."""
    for number in itertools.count(seed * 10_000):
        randomness = np.random.default_rng(number)
        weights = make_weights(randomness, config, spread)
        tokens, targets = randomness.integers(0, config.vocabulary, (2, *shape))
        levels = run(config, weights, tokens, targets)
        margin = MARGIN * max(1.0, spread / 3)
        if min(levels.best_margin, levels.rank_margin) > margin and suits(levels):
            return Case(config, weights, tokens, targets, levels, ask(config, weights, tokens, targets, **more))
    raise AssertionError


def agrees_too_early(levels: Levels) -> bool:
    """Whether, somewhere, a level before the settled one has the right token, too, and positions differ in theirs."""
    first = (levels.best == levels.best[-1]).argmax(0)
    return bool((first < levels.settled).any()) and len(np.unique(levels.settled)) > 2


def expect_log_probs(case: Case, levels: slice) -> None:
    wanted = case.levels.log_probs
    values = expect_tensor(f"{case.what}: log_probs", case.result()["log_probs"], wanted.shape, "float32")
    if not np.isfinite(values).all():
        raise CheckFailed(f"{case.what}: log_probs are not finite")
    for level in range(len(wanted))[levels]:
        excess = np.abs(values[level] - wanted[level]) - LOG_PROBS["relative"] * np.abs(wanted[level])
        if float(excess.max()) > LOG_PROBS["absolute"]:
            raise CheckFailed(f"{case.what}: log_probs of level {level} are off by up to {float(excess.max()):.3g}")


def log_probs_check(case: Case, levels: slice = slice(None)) -> Check:
    return lambda: expect_log_probs(case, levels)


def rank_check(case: Case) -> Check:
    return lambda: expect_exact(
        f"{case.what}: target_rank", case.result()["target_rank"], case.levels.target_rank, "int64"
    )


def settled_check(case: Case) -> Check:
    return lambda: expect_exact(f"{case.what}: settled", case.result()["settled"], case.levels.settled, "int64")


def kl_check(case: Case) -> Check:
    return lambda: expect_close(f"{case.what}: kl", case.result()["kl"], case.levels.kl, "float32", **KL)


def everything_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_log_probs(case, slice(None))
            rank_check(case)()
            kl_check(case)()
            settled_check(case)()

    return check


def modes_check(cases: list[tuple[Case, list[str]]]) -> Check:
    def check() -> None:
        for case, training in cases:
            case.result()
            found = case.model_after()["training"]
            if sorted(found) != sorted(training):
                changed = sorted(set(found) ^ set(training))
                raise CheckFailed(f"{case.what}: `training` was changed for {changed[:5]} ('' is the model)")

    return check


def hooks_check(case: Case) -> Check:
    def check() -> None:
        case.result()
        if case.model_after()["hooks"] != 0:
            raise CheckFailed(f"{case.what}: {case.model_after()['hooks']} hooks are left on the modules")

    return check


def parameters_check(case: Case, frozen: list[str]) -> Check:
    def check() -> None:
        case.result()
        after = case.model_after()
        parameters = read_value(after["parameters"])
        if parameters.keys() != case.weights.keys():
            raise CheckFailed(f"{case.what}: the model has other parameters than before")
        for name, value in case.weights.items():
            expect_exact(f"{case.what}: {name} after the call", parameters[name], value, "float32")
        if after["with_gradient"]:
            raise CheckFailed(f"{case.what}: gradients were stored for {after['with_gradient'][:3]}")
        if sorted(after["frozen"]) != sorted(frozen):
            raise CheckFailed(f"{case.what}: requires_grad was changed for some parameters")

    return check


def gradients_check(*cases: tuple[Case, bool]) -> Check:
    def check() -> None:
        for case, gradient_mode in cases:
            for name, tensor in case.result().items():
                if getattr(tensor, "requires_grad", None) is not False:
                    raise CheckFailed(f"{case.what}: {name} is not a tensor that requires no gradient")
            if case.model_after()["gradient_mode"] is not gradient_mode:
                raise CheckFailed(f"{case.what}: the global gradient mode was {gradient_mode} and is not any more")

    return check


def errors_check(case: Case, inputs: list[tuple[Array, Array]], *, looks_at_model: bool = False) -> Check:
    training = all_modules(case.config)
    numbers = [ask(case.config, case.weights, *pair, training=training) for pair in inputs]

    def check() -> None:
        for (tokens, targets), number in zip(inputs, numbers, strict=True):
            what = f"logit_lens with tokens {tokens.tolist()}, targets {targets.tolist()}, V {case.config.vocabulary}"
            answer = CALLS.answer(number)
            expect_error(what, answer, "ValueError")
            if looks_at_model:
                after = answer["model"]
                if sorted(after["training"]) != sorted(training) or after["hooks"] != 0 or not after["gradient_mode"]:
                    raise CheckFailed(f"{what}: the model or the gradient mode was not left as it was")

    return check


def put(array: Array, place: tuple[int, int], value: int) -> Array:
    changed = array.copy()
    changed[place] = value
    return changed


def main() -> int:
    plain = make_case(Config(), (2, 7), 1, suits=agrees_too_early)
    capped = make_case(Config(soft_cap=4.0, layers=3, heads=4), (2, 5), 2, spread=5.0)
    small = make_case(Config(layers=1, vocabulary=5, context=3), (1, 1), 3)
    full = make_case(Config(context=6, layers=2, width=12), (1, 6), 4)
    sharp = make_case(Config(layers=3), (2, 4), 5, spread=150.0, suits=lambda levels: levels.log_probs.min() < -250)
    dropping = Config(dropout=0.5, layers=3, soft_cap=6.0)
    everywhere = all_modules(dropping)
    mixed = [name for name in everywhere if name not in ("blocks.1", "blocks.1.dropout", "norm")]
    inner = ["blocks.0", "blocks.2.dropout", "dropout"]
    frozen = ["embed.weight", "blocks.1.up.bias"]
    trained = make_case(dropping, (2, 5), 6, training=everywhere, frozen=frozen)
    partly = make_case(dropping, (1, 4), 7, training=mixed)
    outside = make_case(dropping, (1, 4), 8, training=inner, gradient_mode=False)
    deep = make_case(Config(layers=7, heads=1), (1, 5), 9, suits=agrees_too_early)
    tokens, targets = plain.tokens, plain.targets
    long = np.zeros((1, plain.config.context + 1), dtype=np.int64)
    beyond = [(put(tokens, (1, 2), 29), targets), (put(tokens, (0, 6), -1), targets)]
    targets_beyond = [(tokens, put(targets, (0, 0), 29)), (tokens, put(targets, (1, 6), -1))]
    other_shapes = [(tokens, targets[:, :-1]), (tokens[:1], targets)]
    return run_checks(
        [
            ("the_last_level_is_the_models_own_prediction", log_probs_check(plain, slice(-1, None))),
            ("level_zero_is_what_enters_the_first_block", log_probs_check(plain, slice(0, 1))),
            ("levels_between_are_what_their_blocks_give", log_probs_check(plain, slice(1, -1))),
            ("the_soft_cap_bounds_every_level", log_probs_check(capped)),
            ("a_model_of_one_block_has_two_levels", everything_check(small)),
            ("the_whole_context_can_be_used", everything_check(full)),
            ("improbable_tokens_keep_finite_log_probabilities", log_probs_check(sharp)),
            ("the_divergence_of_sharp_levels_is_finite", kl_check(sharp)),
            ("the_rank_counts_better_tokens", rank_check(plain)),
            ("the_rank_holds_with_a_soft_cap", rank_check(capped)),
            ("the_divergence_is_from_the_model_to_the_level", kl_check(plain)),
            ("the_divergence_holds_with_a_soft_cap", kl_check(capped)),
            ("settled_means_settled_for_good", settled_check(plain)),
            ("settled_holds_for_a_deep_model", everything_check(deep)),
            ("dropout_is_not_applied_in_training_mode", everything_check(trained)),
            ("dropout_is_not_applied_in_modules_in_training_mode", everything_check(partly, outside)),
            ("the_training_mode_is_left_as_it_was", modes_check([(plain, []), (trained, everywhere)])),
            ("modules_may_differ_in_their_training_mode", modes_check([(partly, mixed), (outside, inner)])),
            ("no_hook_is_left", hooks_check(plain)),
            ("parameters_and_their_gradients_are_left_as_they_were", parameters_check(trained, frozen)),
            ("results_need_no_gradient_and_its_mode_stays", gradients_check((plain, True), (outside, False))),
            ("too_many_tokens_are_refused", errors_check(plain, [(long, long)])),
            ("shapes_that_differ_are_refused", errors_check(plain, other_shapes)),
            ("tokens_outside_the_vocabulary_are_refused", errors_check(plain, beyond)),
            ("targets_outside_the_vocabulary_are_refused", errors_check(plain, targets_beyond)),
            ("an_error_leaves_the_model_as_it_was", errors_check(plain, [(long, long), *beyond], looks_at_model=True)),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
