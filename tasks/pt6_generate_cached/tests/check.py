"""The checks of pt6_generate_cached.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "candidate")]
from answers import Tensor, expect_close, expect_error, expect_exact, expect_result, read_value  # noqa: E402
from checking import CheckFailed, Limits, run_checks  # noqa: E402
from conversation import Call, Conversation, Transcript  # noqa: E402
from reference_lm import Array, Config, Model, log_softmax, make_model  # noqa: E402

# All calls are tiny; nearly all of the time goes into importing PyTorch.
CALLS = Conversation(Limits(seconds=40, memory_bytes=3 * 1024**3))

# Every case has weights of its own. The vocabulary and the width are larger than the number of rows that a call
# may ask for, so that embedding, keys and values cannot be had whole and then be used without being counted.
STANDARD = Config(vocabulary=131, context=48, width=40, heads=4, layers=2)

# The instruction's tolerances; rounding in float32 is a hundredth of them.
ABSOLUTE, RELATIVE = 1e-3, 1e-4
# The best logit leads by this much, far more than rounding.
MARGIN = 0.02

Check = Callable[[], None]


@dataclass(frozen=True)
class Case:
    what: str
    call: Call
    tokens: list[int]
    log_probs: Array
    number: int

    def transcript(self) -> Transcript:
        return CALLS.transcript(self.number)

    def result(self) -> tuple[list[Any], Any]:
        found = expect_result(self.what, self.transcript().answer)
        if type(found) is not tuple or len(found) != 2 or type(found[0]) is not list:
            raise CheckFailed(f"{self.what}: expected a tuple of a list and a tensor")
        return found

    @property
    def row_limit(self) -> int:
        return len(self.call.prompt) + len(self.tokens) - 1 if self.tokens else 0


def generate(
    model: Model, prompt: list[int], max_new_tokens: int, stop: int | None = None
) -> tuple[list[int], Array, float]:
    """The right tokens and log-probabilities, and by how much the best logit leads at least."""
    tokens: list[int] = []
    log_probs: list[float] = []
    margin = np.inf
    while len(tokens) < max_new_tokens and (not tokens or tokens[-1] != stop):
        row = log_softmax(model.logits(prompt + tokens)[-1])
        best, second = np.sort(row)[:-3:-1]
        margin = min(margin, float(best - second))
        tokens.append(int(row.argmax()))
        log_probs.append(float(best))
    return tokens, np.array(log_probs), margin


def make_case(
    config: Config,
    length: int,
    steps: int,
    seed: int,
    *,
    suits: Callable[[list[int]], bool] = lambda tokens: True,
    stop_at: int | None = None,
    model: Model | None = None,
    asks: bool = True,
    **options: Any,
) -> Case:
    """The first random model and prompt from the seed on where no choice hangs on rounding and that suit.

    A given model is used instead, which must be the one of the call before. `stop_at` makes the token of that step
    the one to stop at; it does not occur before.
    """
    for number in itertools.count(seed):
        randomness = np.random.default_rng(number)
        used = model or make_model(randomness, config, 2.5)
        prompt: list[int] = randomness.integers(0, config.vocabulary, length).tolist()
        tokens, log_probs, margin = generate(used, prompt, steps)
        if margin < MARGIN or not suits(tokens) or (stop_at is not None and tokens[stop_at] in tokens[:stop_at]):
            continue
        if stop_at is not None:
            options["stop"] = tokens[stop_at]
            tokens, log_probs, _ = generate(used, prompt, steps, options["stop"])
        what = f"generate with V {config.vocabulary}, window {config.window}, prompt {prompt}, {steps}, {options}"
        call = Call(used, prompt, steps, options, asks, model is not None)
        return Case(what, call, tokens, log_probs, CALLS.add(call))
    raise AssertionError


def expect_generated(case: Case) -> None:
    tokens, log_probs = case.result()
    if any(type(token) is not int for token in tokens) or tokens != case.tokens:
        raise CheckFailed(f"{case.what}: expected the tokens {case.tokens}, found {str(tokens)[:300]}")
    expect_close(
        f"{case.what}: log-probabilities", log_probs, case.log_probs, "float32", absolute=ABSOLUTE, relative=RELATIVE
    )


def generated_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_generated(case)

    return check


def expect_rows(case: Case, module: str) -> None:
    case.result()
    found = case.transcript().rows[module]
    if found > case.row_limit:
        raise CheckFailed(f"{case.what}: at most {case.row_limit} rows may go through {module}, but {found} did")


def embedded_once_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            expect_rows(case, "embed")

    return check


def keys_once_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            for block in range(case.call.model.config.layers):
                expect_rows(case, f"blocks.{block}.attention.key_value")

    return check


def types_check(*cases: Case) -> Check:
    def check() -> None:
        for case in cases:
            tokens, log_probs = case.result()
            if any(type(token) is not int for token in tokens):
                raise CheckFailed(f"{case.what}: expected a list of int, found {str(tokens)[:200]}")
            if type(log_probs) is not Tensor or log_probs.requires_grad or log_probs.dtype != "float32":
                raise CheckFailed(f"{case.what}: expected a float32 tensor that requires no gradient")
            if log_probs.array.shape != (len(tokens),):
                raise CheckFailed(f"{case.what}: {len(tokens)} tokens, but a tensor of shape {log_probs.array.shape}")

    return check


def left_check(*cases: Case) -> Check:
    """That the model and the prompt are as before."""

    def check() -> None:
        for case in cases:
            case.result()
            answer = case.transcript().answer
            if read_value(answer["prompt"]) != case.call.prompt:
                raise CheckFailed(f"{case.what}: the prompt was changed")
            after = answer["model"]
            if after["hooks"] != 0:
                raise CheckFailed(f"{case.what}: {after['hooks']} hooks are left on the model")
            for name, tensor in read_value(after["parameters"]).items():
                expect_exact(f"{case.what}: {name} after the call", tensor, case.call.model.weights[name], "float32")
            if after["modules"] != module_names(case.call):
                raise CheckFailed(f"{case.what}: the model has other modules than before")

    return check


def module_names(call: Call) -> list[list[str]]:
    names = [["", "TinyLm"], ["embed", "AskedRows" if call.asks else "Embedding"], ["position", "Embedding"]]
    names.append(["blocks", "ModuleList"])
    for number in range(call.model.config.layers):
        names += [
            [f"blocks.{number}{'.' if part else ''}{part}", kind]
            for part, kind in (
                ("", "Block"),
                ("attention_norm", "LayerNorm"),
                ("attention", "Attention"),
                ("attention.query", "Linear"),
                ("attention.key_value", "AskedRows" if call.asks else "Linear"),
                ("attention.out", "Linear"),
                ("mlp_norm", "LayerNorm"),
                ("up", "Linear"),
                ("down", "Linear"),
            )
        ]
    return [*names, ["norm", "LayerNorm"], ["unembed", "Linear"]]


def errors_check(*calls: tuple[list[int], int]) -> Check:
    model = make_model(np.random.default_rng(70), Config(9, 5, 8, 2, 1), 2.5)
    numbers = [CALLS.add(Call(model, *call, {}, asks=True, reuses_model=False)) for call in calls]

    def check() -> None:
        for (prompt, steps), number in zip(calls, numbers, strict=True):
            what = f"generate with V 9 and a context of 5, prompt {prompt}, max_new_tokens {steps}"
            transcript = CALLS.transcript(number)
            expect_error(what, transcript.answer, "ValueError")
            if transcript.rows.total() != 0:
                raise CheckFailed(f"{what}: rows had gone through the model before the error")

    return check


def main() -> int:
    plain = make_case(STANDARD, 9, 16, 1)
    single = make_case(STANDARD, 1, 12, 2)
    one_new = make_case(STANDARD, 12, 1, 3)
    deep = make_case(replace(STANDARD, layers=5, heads=2, width=44), 6, 10, 4)
    stopped = make_case(STANDARD, 7, 14, 5, stop_at=4)
    at_once = make_case(STANDARD, 5, 14, 6, stop_at=0)
    small = Config(vocabulary=7, context=20, width=24, heads=2, layers=1)
    zero = make_case(small, 4, 8, 7, stop_at=2, suits=lambda tokens: tokens[2] == 0)
    never = make_case(STANDARD, 4, 6, 8, stop=130, suits=lambda tokens: 130 not in tokens)
    window = make_case(replace(STANDARD, window=4), 10, 12, 9)
    wide_window = make_case(replace(STANDARD, window=8), 3, 14, 10)
    window_of_one = make_case(replace(STANDARD, window=1), 4, 5, 11)
    full = make_case(replace(STANDARD, context=12), 6, 7, 12)
    full_prompt = make_case(replace(STANDARD, context=8), 8, 1, 13)
    nothing = make_case(STANDARD, 5, 0, 14)
    nothing_full = make_case(replace(STANDARD, context=5), 5, 0, 15)
    first = make_case(STANDARD, 8, 5, 16)
    second = make_case(STANDARD, 4, 6, 17, model=first.call.model)
    longer = make_case(STANDARD, 8, 5, 18, model=first.call.model)
    ordinary = make_case(replace(STANDARD, window=5), 6, 8, 19, asks=False)
    generating = (plain, single, one_new, deep, stopped, at_once, window, wide_window, full)
    return run_checks(
        [
            ("the_most_likely_tokens_are_generated", generated_check(plain)),
            ("a_prompt_may_be_one_token", generated_check(single)),
            ("one_new_token_may_be_asked_for", generated_check(one_new)),
            ("deeper_models_generate_alike", generated_check(deep)),
            ("each_token_is_embedded_once", embedded_once_check(plain, single, deep, window)),
            ("keys_and_values_are_computed_once", keys_once_check(plain, single, deep, window)),
            ("the_last_new_token_stays_outside_the_model", embedded_once_check(one_new, at_once, stopped, full)),
            ("generation_ends_with_the_stop_token", generated_check(stopped, at_once)),
            ("token_zero_can_be_the_stop_token", generated_check(zero)),
            ("a_stop_token_that_never_comes_changes_nothing", generated_check(never)),
            ("the_window_holds_in_the_prompt_and_after_it", generated_check(window)),
            ("a_window_longer_than_the_prompt_holds", generated_check(wide_window)),
            ("a_window_of_one_shows_a_token_itself_alone", generated_check(window_of_one)),
            ("the_whole_context_can_be_used", generated_check(full, full_prompt)),
            ("no_new_tokens_give_an_empty_result", generated_check(nothing, nothing_full)),
            ("no_new_tokens_need_no_work", embedded_once_check(nothing, nothing_full)),
            ("calls_with_one_model_do_not_influence_one_another", generated_check(first, second, longer)),
            ("an_ordinary_model_works_too", generated_check(ordinary)),
            ("results_are_int_and_float32_without_gradient", types_check(*generating, ordinary, nothing)),
            ("the_model_and_the_prompt_are_left_as_they_were", left_check(plain, second, ordinary)),
            ("empty_prompts_are_refused", errors_check(([], 1))),
            ("unknown_tokens_are_refused_before_any_work", errors_check(([1, 2, 9], 1), ([1, -1], 2))),
            ("negative_counts_are_refused", errors_check(([1], -1))),
            (
                "texts_beyond_the_context_are_refused_before_any_work",
                errors_check(([1, 2, 3], 4), ([1] * 6, 1), ([1] * 6, 0), ([1], 6)),
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
