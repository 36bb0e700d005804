import jax


def total(numbers: jax.Array) -> jax.Array:
    raise NotImplementedError
