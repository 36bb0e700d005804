"""A wrong solution: leaves out the last number.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

import jax


def total(numbers: jax.Array) -> jax.Array:
    return numbers[:-1].sum()
