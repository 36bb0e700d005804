"""Arrays as JSON values, on both sides of a candidate's pipe.

Tasks that send arrays hold two identical copies: this one for the driver and one beside the judge. The
bytes travel as they are, so NaN, infinities, negative zero and every last bit arrive. Both sides use
NumPy only; a driver turns tensors into NumPy arrays and back.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

DTYPES = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
DIMENSIONS_MAX = 8
BYTES_MAX = 8 * 1024 * 1024


class ArrayError(ValueError):
    """A value that is no array as `encode_array` writes it, or an array that JSON has no form for here."""


def encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """`{"dtype": "float32", "shape": [2, 3], "data": base64 of little-endian bytes in C order}`.

    Raises ArrayError for a dtype outside DTYPES and for more than BYTES_MAX bytes or DIMENSIONS_MAX dimensions.
    """
    name = array.dtype.name
    if name not in DTYPES or array.ndim > DIMENSIONS_MAX or array.nbytes > BYTES_MAX:
        raise ArrayError(f"an array of dtype {name} and shape {array.shape} cannot be sent")
    content = array.astype(_on_the_wire(name), copy=False).tobytes(order="C")
    return {"dtype": name, "shape": list(array.shape), "data": base64.b64encode(content).decode("ascii")}


def decode_array(value: object) -> np.ndarray[Any, Any]:
    """The array that `encode_array` was given: writable, contiguous, of its own memory.

    Raises ArrayError for anything else, whoever made it: missing or further keys, other types, a length
    that does not fit, truth values other than 0 and 1.
    """
    if type(value) is not dict or value.keys() != {"dtype", "shape", "data"}:
        raise ArrayError("expected an array, found something else")
    name, shape, data = value["dtype"], value["shape"], value["data"]
    if type(name) is not str or name not in DTYPES:
        raise ArrayError(f"expected a dtype of {', '.join(DTYPES)}, found {str(name)[:40]!r}")
    if type(shape) is not list or len(shape) > DIMENSIONS_MAX or not all(_is_length(length) for length in shape):
        raise ArrayError(f"expected a shape, found {str(shape)[:80]}")
    if type(data) is not str:
        raise ArrayError("expected base64 text")
    dtype = _on_the_wire(name)
    size = math.prod(shape) * dtype.itemsize
    if size > BYTES_MAX or len(data) != 4 * -(-size // 3):
        raise ArrayError(f"the data of an array of shape {shape} do not have its length")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArrayError(f"the data of an array are not base64: {error}") from error
    if len(content) != size:
        raise ArrayError(f"the data of an array of shape {shape} do not have its length")
    if name == "bool" and content.strip(b"\x00\x01"):
        raise ArrayError("an array of truth values holds other bytes than 0 and 1")
    return np.frombuffer(content, dtype=dtype).astype(name).reshape(shape)


def _on_the_wire(name: str) -> np.dtype[Any]:
    return np.dtype(name).newbyteorder("<")


def _is_length(length: object) -> bool:
    return type(length) is int and 0 <= length <= BYTES_MAX
