"""What the code under test answered, and how it is held against what is right.

Every task of PyTorch whose driver sends tensors holds an identical copy.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from arrays import decode_array, encode_array
from checking import CheckFailed, Limits, ask_driver

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tensor:
    """A tensor that the code under test returned. A bfloat16 one comes as float32; `dtype` is PyTorch's name."""

    array: Array
    dtype: str
    requires_grad: bool


@dataclass(frozen=True)
class Other:
    """A value of a type that the judge has no use for."""

    found: str


class Calls:
    """All calls of a grade, made by one process of the driver, since to import PyTorch takes long.

    It starts when the first answer is wanted. If it does not answer, every check fails alike. `shared` is
    sent along with the calls.
    """

    def __init__(self, limits: Limits) -> None:
        self.shared: dict[str, Any] = {}
        self._limits = limits
        self._calls: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] | None = None
        self._failure: CheckFailed | None = None

    def add(self, call: dict[str, Any]) -> int:
        """The number that the call's answer has."""
        self._calls.append(call)
        return len(self._calls) - 1

    def answer(self, number: int) -> dict[str, Any]:
        """What the driver answered to a call. Raises CheckFailed if it answered nothing."""
        if self._failure is not None:
            raise self._failure
        if self._answers is None:
            request = {**self.shared, "calls": self._calls}
            try:
                answers = ask_driver(request, limits=self._limits, python=("-I", "-B"))
                if type(answers) is not list or len(answers) != len(self._calls):
                    raise CheckFailed("the program ended before the calls returned")
            except CheckFailed as failure:
                self._failure = failure
                raise
            self._answers = answers
        return self._answers[number]


def send_array(array: Array, **more: Any) -> dict[str, Any]:
    """A tensor for the driver's `make_tensor`."""
    return {"array": encode_array(array), **more}


def read_value(description: Any) -> Any:
    """The described value: tensors as Tensor, what JSON has no form for as Other."""
    kind = description["kind"]
    if kind == "none":
        return None
    if kind in ("bool", "int", "float", "str"):
        value = description["value"]
        return value if type(value).__name__ == kind else Other(f"a {type(value).__name__}")
    if kind == "list":
        return [read_value(item) for item in description["items"]]
    if kind == "tuple":
        return tuple(read_value(item) for item in description["items"])
    if kind == "dict":
        return {key: read_value(item) for key, item in description["items"].items()}
    if kind == "tensor":
        return Tensor(decode_array(description["array"]), description["dtype"], description["requires_grad"])
    return Other(str(description["found"])[:100])


def expect_result(what: str, answer: dict[str, Any], key: str = "result") -> Any:
    """The value under a key of an answer; CheckFailed if the call raised."""
    if "raised" in answer:
        raise CheckFailed(f"{what}: {answer['raised'][0]} was raised: {answer['message']}")
    return read_value(answer[key])


def expect_error(what: str, answer: dict[str, Any], name: str) -> None:
    """CheckFailed unless the call raised an exception of that class."""
    if "raised" not in answer:
        raise CheckFailed(f"{what}: expected {name}, found a result")
    if name not in answer["raised"]:
        raise CheckFailed(f"{what}: expected {name}, found {answer['raised'][0]}: {answer['message']}")


def expect_tensor(what: str, found: Any, shape: tuple[int, ...], dtype: str) -> Array:
    """The found tensor's values; CheckFailed unless it is a tensor of that shape and dtype."""
    wanted = f"{what}: expected a tensor of shape {shape} and dtype {dtype}"
    if type(found) is not Tensor:
        raise CheckFailed(f"{wanted}, found {found.found if type(found) is Other else type(found).__name__}")
    if found.array.shape != shape or found.dtype != dtype:
        raise CheckFailed(f"{wanted}, found shape {found.array.shape} and dtype {found.dtype}")
    return found.array


def expect_close(what: str, found: Any, wanted: Array, dtype: str, *, absolute: float, relative: float = 0.0) -> None:
    """CheckFailed unless a tensor of the wanted shape is within the tolerances; NaN and infinities must agree."""
    values = expect_tensor(what, found, wanted.shape, dtype).astype(np.float64)
    expected = wanted.astype(np.float64)
    close = np.isclose(values, expected, rtol=relative, atol=absolute, equal_nan=True)
    if not close.all():
        place = tuple(int(index) for index in np.argwhere(~close)[0])
        raise CheckFailed(
            f"{what}: {int((~close).sum())} of {close.size} values differ; at {place} expected {expected[place]:.6g}, "
            f"found {values[place]:.6g}"
        )


def expect_exact(what: str, found: Any, wanted: Array, dtype: str) -> None:
    """CheckFailed unless a tensor holds exactly the wanted values."""
    expect_close(what, found, wanted, dtype, absolute=0.0)
