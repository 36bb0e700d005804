"""The calls that are made, each with its inputs as they are after rounding to their dtype.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from arrays import encode_array

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """One call. `values` holds float64 numbers that `dtype` can represent; without a dtype they are sent as they are."""

    values: Array
    mask: Array
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str | None = "float32"
    upstream: Array | None = None
    is_strided: bool = False

    def as_request(self) -> dict[str, Any]:
        return {
            "values": encode_array(self.values),
            "mask": encode_array(self.mask),
            "options": self.options,
            "dtype": self.dtype,
            "upstream": None if self.upstream is None else encode_array(self.upstream),
            "is_strided": self.is_strided,
        }


def round_to(values: Array, dtype: str) -> Array:
    """The nearest numbers of the dtype (for bfloat16: towards zero), as float64."""
    if dtype == "bfloat16":
        bits = values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
        return bits.view(np.float32).astype(np.float64)
    return values.astype(dtype).astype(np.float64)


def make_case(
    seed: int,
    shape: tuple[int, ...],
    dim: int | Sequence[int] | None = None,
    *,
    mask_shape: tuple[int, ...] | None = None,
    dtype: str = "float32",
    keepdim: bool | None = None,
    has_gradient: bool = False,
    is_strided: bool = False,
    share: float = 0.6,
) -> Case:
    """Random values and a random mask that selects about the share of them."""
    random = np.random.default_rng(seed)
    values = round_to(random.normal(0.5, 2.0, shape), dtype)
    mask = random.random(shape if mask_shape is None else mask_shape) < share
    options: dict[str, Any] = {} if dim is None else {"dim": dim if isinstance(dim, int) else list(dim)}
    if keepdim is not None:
        options["keepdim"] = keepdim
    case = Case(values, mask, options, dtype, None, is_strided)
    return with_upstream(case, random) if has_gradient else case


def with_upstream(case: Case, random: np.random.Generator) -> Case:
    """The case with a random gradient of the result to begin its backward pass with."""
    shape = np.sum(np.zeros(case.values.shape), axis=axes_of(case), keepdims=case.options.get("keepdim", False)).shape
    upstream = round_to(np.asarray(random.normal(1.0, 1.0, shape)), case.dtype or "float64")
    return Case(case.values, case.mask, case.options, case.dtype, upstream, case.is_strided)


def axes_of(case: Case) -> tuple[int, ...]:
    """The dimensions averaged over, none of them negative."""
    dim = case.options.get("dim")
    count = case.values.ndim
    if dim is None:
        return tuple(range(count))
    return tuple(axis % count for axis in ([dim] if isinstance(dim, int) else dim))
