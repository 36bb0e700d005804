"""A right solution: adds in a loop.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

import jax
import jax.numpy


def total(numbers: jax.Array) -> jax.Array:
    result = jax.numpy.zeros((), dtype=jax.numpy.int32)
    for number in numbers:
        result = result + number
    return result
