"""A log density with a loop inside, in the ways in which JAX can and cannot differentiate it."""

import jax
import jax.numpy as jnp
import numpy as np


def in_loop(x):
    """The density of `in_loop_numpy`, its quartic summed up in four rounds."""
    quartic = jax.lax.fori_loop(0, 4, lambda _, total: total - jnp.sum(x**4) / 16, jnp.zeros(()))
    return quartic - jnp.sum((x - 1) ** 2) / 2


def in_loop_numpy(x):
    return -np.sum(x**4) / 4 - np.sum((x - 1) ** 2) / 2, -(x**3) - (x - 1)


def in_while_loop(x):
    """The same; JAX has no reverse mode for it."""

    def goes_on(carry):
        return carry[0] < 4

    def add(carry):
        return carry[0] + 1, carry[1] - jnp.sum(x**4) / 16

    return jax.lax.while_loop(goes_on, add, (0, jnp.zeros(())))[1] - jnp.sum((x - 1) ** 2) / 2


@jax.custom_vjp
def with_reverse_rule(x):
    return in_loop(x)


with_reverse_rule.defvjp(lambda x: (in_loop(x), x), lambda x, g: (g * (-(x**3) - (x - 1)),))


@jax.custom_jvp
def with_rule(x):
    return in_loop(x)


with_rule.defjvp(lambda x, v: (in_loop(x[0]), jnp.sum((-(x[0] ** 3) - (x[0] - 1)) * v[0])))
