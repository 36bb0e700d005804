"""The checks of pt2_grad_accum.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from answers import Answers
from checking import CheckFailed, Limits, run_checks
from closeness import expect_array
from expected import Expected, expected_session, tolerance_of
from sessions import WIDTH, Array, Call, Session, make_call, make_parameters

# All sessions together take a right solution under a second; importing PyTorch takes the rest.
LIMITS = Limits(seconds=40, memory_bytes=3 * 1024**3)

Answer = dict[str, Any]
Judge = Callable[[Session, list[Answer]], None]


def expect_steps(session: Session, answers: list[Answer]) -> None:
    """Loss, norm and parameters after each call."""
    for number, (wanted, answer) in enumerate(zip(expected_session(session), answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        for name in ("loss", "norm"):
            expect_number(answer[name], getattr(wanted, name), session, f"the {name} of {subject}")
        expect_parameters(answer, wanted.parameters, session, subject)


def expect_no_step_for_bad_norms(session: Session, answers: list[Answer]) -> None:
    """As `expect_steps`, where calls with a norm that is not finite only owe such a norm and no step."""
    for number, (wanted, answer) in enumerate(zip(expected_session(session), answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        if wanted.has_step:
            expect_number(answer["norm"], wanted.norm, session, f"the norm of {subject}")
        elif math.isfinite(answer["norm"]):
            raise CheckFailed(f"the norm of {subject}: expected no finite one, found {answer['norm']}")
        expect_optimizer_calls(answer, wanted, subject)
        expect_parameters(answer, wanted.parameters, session, subject)


def expect_single_optimizer_calls(session: Session, answers: list[Answer]) -> None:
    for number, (wanted, answer) in enumerate(zip(expected_session(session), answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        expect_optimizer_calls(answer, wanted, subject)


def expect_optimizer_calls(answer: Answer, wanted: Expected, subject: str) -> None:
    kinds = [event[0] for event in answer["events"]]
    if kinds.count("step") != int(wanted.has_step) or (wanted.has_step and "forward" in kinds[kinds.index("step") :]):
        order = "once and last" if wanted.has_step else "never"
        raise CheckFailed(f"{subject}: expected optimizer.step() {order}, found {kinds}")


def expect_micro_batches(session: Session, answers: list[Answer]) -> None:
    """The rows that the model was called with."""
    for number, (call, answer) in enumerate(zip(session.calls, answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        found = [event[1] for event in answer["events"] if event[0] == "forward"]
        for part, counts in split(call):
            if found and found[0] == part:
                found.pop(0)
            elif counts:
                raise CheckFailed(f"{subject}: expected a call of the model with {part}, found {found[:1]}")
        if found:
            raise CheckFailed(f"{subject}: the model was called for more than its micro-batches, with {found[0]}")


def expect_one_graph_at_a_time(session: Session, answers: list[Answer]) -> None:
    for number, (call, answer) in enumerate(zip(session.calls, answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        owing = [part for part, counts in split(call) if counts]
        waiting: int | None = None
        for place, event in enumerate([*answer["events"], ["end"]]):
            if event[0] == "backward" and event[1] == waiting:
                waiting = None
            elif event[0] != "backward" and waiting is not None:
                raise CheckFailed(f"{subject}: no backward pass between two calls of the model or before the step")
            if event[0] == "forward" and event[1] in owing:
                waiting = place
        if not any(event[0] == "backward" for event in answer["events"]):
            raise CheckFailed(f"{subject}: there was no backward pass")


def expect_kept(session: Session, answers: list[Answer]) -> None:
    """The mode and both tensors as they were."""
    for number, (call, answer) in enumerate(zip(session.calls, answers, strict=True), start=1):
        subject = describe(session, number)
        expect_result(answer, subject)
        modes = {answer["training"], *(event[2] for event in answer["events"] if event[0] == "forward")}
        if modes != {session.is_training}:
            raise CheckFailed(f"{subject}: expected model.training to stay {session.is_training}, found {modes}")
        expect_array(answer["inputs"], call.inputs, 0.0, dtype="int64", subject=f"the inputs after {subject}")
        expect_array(answer["targets"], call.targets, 0.0, dtype="int64", subject=f"the targets after {subject}")


def expect_value_errors(session: Session, answers: list[Answer]) -> None:
    for number, answer in enumerate(answers, start=1):
        subject = describe(session, number)
        if answer["kind"] != "raised" or "ValueError" not in answer["classes"]:
            raise CheckFailed(f"{subject}: expected ValueError, found {show(answer)}")
        if answer["events"]:
            raise CheckFailed(f"{subject}: expected nothing to be called, found {answer['events'][0]}")
        expect_parameters(answer, session.parameters, session, subject)


def expect_result(answer: Answer, subject: str) -> None:
    if answer["kind"] != "result":
        raise CheckFailed(f"{subject}: expected a tuple of two floats, found {show(answer)}")


def expect_number(found: object, wanted: float, session: Session, subject: str) -> None:
    if type(found) is not float or not abs(found - wanted) <= tolerance_of(session) * max(1.0, abs(wanted)):
        raise CheckFailed(f"{subject}: expected {wanted}, found {found}")


def expect_parameters(answer: Answer, wanted: dict[str, Array], session: Session, subject: str) -> None:
    for name, value in wanted.items():
        allowed = tolerance_of(session) * np.maximum(1.0, np.abs(np.nan_to_num(value)))
        subject_of_one = f"the parameter {name} after {subject}"
        expect_array(answer["parameters"][name], value, allowed, dtype=session.dtype, subject=subject_of_one)


def split(call: Call) -> list[tuple[list[list[int]], bool]]:
    """The micro-batches, each with whether any target in it counts."""
    starts = range(0, len(call.inputs), call.micro_batch_size)
    slices = [slice(start, start + call.micro_batch_size) for start in starts]
    return [(call.inputs[part].tolist(), bool(call.counts[part].any())) for part in slices]


def describe(session: Session, number: int) -> str:
    call = session.calls[number - 1]
    options = {"micro_batch_size": call.micro_batch_size, "max_norm": call.max_norm, "ignore_index": call.ignore_index}
    given = ", ".join(f"{name}={value}" for name, value in options.items() if value is not None)
    return f"call {number} of train_step({session.dtype}, {call.inputs.shape}, {given})"


def show(answer: Answer) -> str:
    match answer["kind"]:
        case "raised":
            return f"{answer['classes'][0]}: {answer['text']}"
        case "result":
            return f"the loss {answer['loss']} and the norm {answer['norm']}"
        case _:
            return str(answer.get("found"))


def with_token(call: Call, token: int, replacement: int) -> Call:
    """The call with no other use of the token than, if it is its own replacement, in the first place."""
    inputs = np.where(call.inputs == token, (token + 1) % 11, call.inputs)
    if token == replacement:
        inputs[call.counts] = np.where(np.arange(int(call.counts.sum())) == 0, token, inputs[call.counts])
    return Call(inputs, call.targets, call.micro_batch_size, call.max_norm, call.ignore_index)


def make_groups() -> list[tuple[str, Judge, list[Session]]]:
    double, single = make_parameters(1), make_parameters(2, "float32", 0.7)
    even = make_call(10, [6] * 8, 6, 2)
    ragged = make_call(11, [1, 6, 2, 0, 5, 3, 6], 6, 3)
    holes = make_call(12, [4, 2, 0, 0, 0, 0, 5, 1], 5, 2)
    none = make_call(13, [0, 0, 0, 0, 0], 4, 2)
    momentum = {"lr": 0.4, "momentum": 0.8, "weight_decay": 0.1}
    random = np.random.default_rng(3)
    stale = {"inner": random.normal(0, 1, (WIDTH, WIDTH)), "unused": np.ones(3), "bias": np.full(11, np.nan)}
    poisoned = {name: value.copy() for name, value in double.items()}
    poisoned["embedding"][7] = np.nan
    clean, bad = with_token(ragged, 7, 8), with_token(holes, 7, 7)
    bad_limited = Call(bad.inputs, bad.targets, 3, 0.5)
    clean_again = with_token(make_call(14, [3, 4, 1], 5, 2, max_norm=0.3), 7, 8)
    wrong_calls = [
        Call(even.inputs, even.targets, 0), Call(even.inputs, even.targets, -2),
        Call(even.inputs, even.targets[:-1], 2),
        Call(even.inputs, even.targets[:, :-1], 2), Call(even.inputs[:0], even.targets[:0], 2),
        Call(even.inputs, even.targets, 2, 0.0), Call(even.inputs, even.targets, 2, -1.0),
    ]  # fmt: skip
    return [
        ("one_micro_batch_is_a_plain_step", expect_steps, [
            Session(double, [make_call(20, [6] * 4, 6, 4)]), Session(double, [make_call(21, [3, 6], 6, 5)])]),
        ("even_micro_batches_equal_the_whole", expect_steps, [Session(double, [even])]),
        ("a_smaller_last_micro_batch_has_its_weight", expect_steps, [
            Session(double, [make_call(22, [4] * 7, 4, 3)]), Session(double, [make_call(23, [4] * 5, 4, 4)])]),
        ("each_target_has_the_same_weight", expect_steps, [
            Session(double, [ragged]), Session(double, [make_call(24, [1, 9, 3], 9, 1)])]),
        ("a_micro_batch_without_targets_adds_nothing", expect_steps, [
            Session(double, [holes]), Session(double, [make_call(25, [0, 3, 0], 4, 1)])]),
        ("the_ignored_target_may_be_any_number", expect_steps, [
            Session(double, [make_call(26, [2, 5, 1, 4], 5, 2, ignore_index=0)]),
            Session(double, [make_call(27, [2, 0, 1], 5, 1, ignore_index=10)]),
            Session(double, [make_call(28, [2, 5, 1], 5, 2, ignore_index=-1)])]),
        ("gradients_from_before_have_no_influence", expect_steps, [
            Session(double, [ragged, even], stale=stale), Session(double, [ragged, ragged, holes])]),
        ("the_norm_of_the_whole_is_limited", expect_steps, [
            Session(double, [make_call(29, [1, 6, 2, 5], 6, 1, max_norm=0.2)]),
            Session(double, [make_call(30, [6, 1, 0, 5, 3], 6, 2, max_norm=0.05)])]),
        ("a_norm_within_its_limit_is_left_alone", expect_steps, [
            Session(double, [make_call(31, [1, 6, 2, 5], 6, 1, max_norm=50.0)])]),
        ("steps_follow_one_another", expect_steps, [
            Session(double, [ragged, even, make_call(32, [2, 3, 5], 6, 2, max_norm=0.1), holes], momentum)]),
        ("single_precision_is_precise_enough", expect_steps, [
            Session(single, [ragged, make_call(33, [1, 6, 2, 5], 6, 1, max_norm=0.2)]),
            Session(single, [make_call(34, [30, 2, 17, 40, 0, 1], 40, 2), even], momentum)]),
        ("no_step_is_made_without_targets", expect_steps, [
            Session(double, [ragged, none, even], momentum), Session(double, [none], stale=stale)]),
        ("no_step_is_made_for_a_norm_that_is_not_finite", expect_no_step_for_bad_norms, [
            Session(poisoned, [clean, bad, clean_again, bad_limited], {"lr": 0.4, "momentum": 0.8})]),
        ("the_optimizer_steps_once_after_the_last_micro_batch", expect_single_optimizer_calls, [
            Session(double, [even, ragged, none, make_call(35, [6, 1, 4], 6, 1, max_norm=0.1)])]),
        ("the_model_sees_each_micro_batch_once_in_order", expect_micro_batches, [
            Session(double, [even, ragged, holes, make_call(36, [2, 3, 4], 5, 1), make_call(37, [2, 3], 5, 9)])]),
        ("one_graph_is_held_at_a_time", expect_one_graph_at_a_time, [
            Session(double, [even, ragged, holes, make_call(38, [6, 1, 4], 6, 1, max_norm=0.1)])]),
        ("mode_and_tensors_are_left_as_they_were", expect_kept, [
            Session(double, [even, ragged], is_training=False), Session(double, [ragged, holes])]),
        ("bad_arguments_raise_value_error", expect_value_errors, [Session(double, wrong_calls)]),
    ]  # fmt: skip


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    answers = Answers(LIMITS)

    def add(judge: Judge, sessions: list[Session]) -> Callable[[], None]:
        take = answers.ask([session.as_request() for session in sessions])

        def check() -> None:
            for session, found in zip(sessions, take(), strict=True):
                judge(session, found)

        return check

    return [(name, add(judge, sessions)) for name, judge, sessions in make_groups()]


if __name__ == "__main__":
    sys.exit(run_checks(make_checks()))
