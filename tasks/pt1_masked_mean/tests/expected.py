"""What masked_mean must give, in float64, with the error that is allowed.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import numpy as np
from cases import Array, Case, axes_of

# As the instruction gives them. A float32 sum of at most 1,000 random terms, in any order, errs by less than
# 1e-5 of the mean size; half types round the mean once (2^-11 and 2^-8), or the terms too, which adds as much
# again. The smallest wrong differences tested: 1e-8 added to a count in float64, one element too many or too
# few in 1,001 in float16 (where an overflow is the point) and in 66 in float32.
TOLERANCES = {"float64": 1e-12, "float32": 1e-5, "float16": 2.0**-9, "bfloat16": 2.0**-6}


def expected_mean(case: Case) -> tuple[Array, Array]:
    """The means and the error allowed for each of them."""
    selected, counts = _select(case)
    keepdim = case.options.get("keepdim", False)
    divisor = np.maximum(counts, 1).reshape(np.sum(selected, axis=axes_of(case), keepdims=keepdim).shape)
    means = np.sum(selected, axis=axes_of(case), keepdims=keepdim) / divisor
    sizes = np.sum(np.abs(selected), axis=axes_of(case), keepdims=keepdim) / divisor
    return np.asarray(means), np.asarray(TOLERANCES[case.dtype or ""] * np.nan_to_num(sizes))


def expected_gradient(case: Case) -> tuple[Array, Array]:
    """The gradient with respect to the values and the error allowed for each element; none where it is zero."""
    assert case.upstream is not None
    _, counts = _select(case)
    mask = np.broadcast_to(case.mask, case.values.shape)
    gradient = np.where(mask, case.upstream.reshape(counts.shape) / np.maximum(counts, 1), 0.0)
    return gradient, TOLERANCES[case.dtype or ""] * np.abs(gradient)


def _select(case: Case) -> tuple[Array, Array]:
    """The values with 0 for those not selected, and each group's count with its dimensions kept."""
    mask = np.broadcast_to(case.mask, case.values.shape)
    counts = np.asarray(np.sum(mask, axis=axes_of(case), keepdims=True))
    return np.where(mask, case.values, 0.0), counts
