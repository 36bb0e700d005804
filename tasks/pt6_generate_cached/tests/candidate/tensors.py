"""Tensors as JSON values, and what the code under test returned as data that the judge can read.

Every task of PyTorch whose judge reads such data holds an identical copy.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from arrays import ArrayError, decode_array, encode_array


def make_tensor(value: dict[str, Any]) -> torch.Tensor:
    """A tensor from `{"array": …}`, converted if "as" names a dtype; "order" lists its axes as they lie in memory."""
    tensor = torch.from_numpy(decode_array(value["array"]))
    if "as" in value:
        tensor = tensor.to(getattr(torch, value["as"]))
    if "order" in value:
        order: list[int] = value["order"]
        tensor = tensor.permute(order).contiguous().permute([order.index(axis) for axis in range(len(order))])
    return tensor


def describe(result: object) -> dict[str, Any]:
    """A result in JSON, with exact types: a subclass could pretend to be equal to anything."""
    if result is None:
        return {"kind": "none"}
    if type(result) in (bool, int, float, str):
        return {"kind": type(result).__name__, "value": result}
    if type(result) is list or type(result) is tuple:
        return {"kind": type(result).__name__, "items": [describe(item) for item in result]}
    if type(result) is dict and all(type(key) is str for key in result):
        return {"kind": "dict", "items": {key: describe(item) for key, item in result.items()}}
    if type(result) is torch.Tensor:
        return _describe_tensor(result)
    return {"kind": "other", "found": type(result).__name__}


def perform(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the call gives, or the classes and the text of what it raised."""
    try:
        return call()
    except Exception as error:
        return {"raised": [kind.__name__ for kind in type(error).__mro__], "message": str(error)[:300]}


def _describe_tensor(tensor: torch.Tensor) -> dict[str, Any]:
    name = str(tensor.dtype).removeprefix("torch.")
    values = tensor.detach()
    # NumPy has no bfloat16; float32 holds all its values.
    values = values.to(torch.float32) if tensor.dtype is torch.bfloat16 else values
    try:
        array = encode_array(values.cpu().contiguous().numpy())
    except (ArrayError, TypeError, RuntimeError):
        return {"kind": "other", "found": f"a tensor of dtype {name} and shape {tuple(tensor.shape)}"}
    return {"kind": "tensor", "dtype": name, "array": array, "requires_grad": tensor.requires_grad}
