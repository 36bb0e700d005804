"""Compares an array a candidate sent with the one expected.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from typing import Any

import numpy as np
from arrays import decode_array
from checking import CheckFailed


def expect_array(
    found: object, wanted: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any] | float, *, dtype: str, subject: str
) -> None:
    """Raises CheckFailed unless it is an array of that dtype and shape whose errors are allowed.

    NaN must meet NaN, and an infinity the same one.
    """
    array = decode_array(found)
    if array.dtype.name != dtype:
        raise CheckFailed(f"{subject}: expected the dtype {dtype}, found {array.dtype.name}")
    if array.shape != wanted.shape:
        raise CheckFailed(f"{subject}: expected the shape {wanted.shape}, found {array.shape}")
    precise = array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
    with np.errstate(invalid="ignore"):
        is_right = (precise == wanted) | (np.isnan(precise) & np.isnan(wanted)) | (np.abs(precise - wanted) <= allowed)
    if not np.all(is_right):
        place = tuple(int(index) for index in np.argwhere(~is_right)[0])
        wrong = f"{int(np.sum(~is_right))} of {wanted.size} elements are wrong"
        raise CheckFailed(f"{subject}: {wrong}; at {place} expected {wanted[place]}, found {precise[place]}")
