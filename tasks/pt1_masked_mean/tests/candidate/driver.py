"""Calls masked_mean as asked and describes what came back.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arrays import decode_array, encode_array
from driving import serve


def make_tensor(value: Any, dtype: str | None, *, is_strided: bool) -> torch.Tensor:
    tensor = torch.from_numpy(decode_array(value))
    if dtype is not None:
        tensor = tensor.to(getattr(torch, dtype))
    if is_strided and tensor.ndim > 1:
        tensor = tensor.transpose(0, -1).contiguous().transpose(0, -1)
    return tensor


def describe_tensor(tensor: torch.Tensor) -> dict[str, Any]:
    """NumPy has no bfloat16, and every one of its values is a float32."""
    content = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "array": encode_array(np.asarray(content.numpy()))}


def call(case: dict[str, Any], function: Callable[..., object]) -> dict[str, Any]:
    values = make_tensor(case["values"], case["dtype"], is_strided=case["is_strided"])
    mask = make_tensor(case["mask"], None, is_strided=False)
    upstream = case["upstream"]
    if upstream is not None:
        values.requires_grad_()
    options = dict(case["options"])
    if isinstance(options.get("dim"), list):
        options["dim"] = tuple(options["dim"])
    try:
        result = function(values, mask, **options)
    except Exception as error:
        return {"kind": "raised", "classes": [kind.__name__ for kind in type(error).__mro__], "text": str(error)[:200]}
    if not isinstance(result, torch.Tensor):
        return {"kind": "other", "found": type(result).__name__}
    answer = {"kind": "tensor", "result": describe_tensor(result), "gradient": None}
    if upstream is not None:
        try:
            result.backward(make_tensor(upstream, case["dtype"], is_strided=False))
        except Exception as error:
            answer["gradient_error"] = f"{type(error).__name__}: {error}"[:200]
        if values.grad is not None:
            answer["gradient"] = describe_tensor(values.grad)
    return {**answer, "values": describe_tensor(values), "mask": describe_tensor(mask)}


def answer(request: dict[str, Any], load: Callable[[str], ModuleType]) -> list[dict[str, Any]]:
    function = load("masked_mean").masked_mean
    return [call(case, function) for case in request["calls"]]


torch.set_num_threads(1)
serve(answer)
