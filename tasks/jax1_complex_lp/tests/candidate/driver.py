"""Calls the functions of complex_lp as asked and describes what came back.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
# Compiling takes most of the time, and what is compiled here runs only for moments.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arrays import decode_array, encode_array
from driving import serve


def describe(result: object) -> dict[str, Any]:
    """The result with its exact types, parameters and gradients as dictionaries of arrays."""
    if isinstance(result, jax.Array):
        return {"kind": "jax", "array": encode_array(np.asarray(result))}
    if isinstance(result, np.ndarray):
        return {"kind": "numpy", "array": encode_array(result)}
    if type(result) is float:
        return {"kind": "float", "value": result}
    if type(result) is dict:
        return {"kind": "dict", "items": {str(key): describe(value) for key, value in result.items()}}
    return {"kind": "other", "found": f"{type(result).__name__} {str(result)[:100]}"}


@functools.cache
def prepare(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """The function as it is to be called. JAX compiles a prepared one once for each set of shapes."""
    match mode:
        case "plain":
            return function
        case "jit":
            return jax.jit(function)
        case _:
            return jax.jit(jax.value_and_grad(function))


def call(request: dict[str, Any], module: ModuleType) -> dict[str, Any]:
    function: Callable[..., Any] = getattr(module, request["function"])
    arrays = [decode_array(argument) for argument in request["arrays"]]
    try:
        if request["function"] == "train":
            return describe(function(*arrays, **request["options"]))
        parameters = {name: jnp.asarray(decode_array(value)) for name, value in request["parameters"].items()}
        if request["function"].startswith("filtered"):
            return describe(function(parameters, *arrays))
        result = prepare(function, request["mode"])(parameters, *map(jnp.asarray, arrays))
        return describe({"value": result[0], **result[1]} if request["mode"] == "gradient" else result)
    except Exception as error:
        return {"kind": "raised", "found": f"{type(error).__name__}: {error}"[:300]}


def answer(request: dict[str, Any], load: Callable[[str], ModuleType]) -> list[dict[str, Any]]:
    module = load("complex_lp")
    return [call(one, module) for one in request["calls"]]


serve(answer)
