"""A polynomial, with tails that go down."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.surrogates.base import Surrogate


class PolynomialSurrogate(Surrogate, static=("degree", "is_coarse")):
    """A polynomial of degree 2, 3 or 4 in whitened coordinates `z = whitening @ (x - center)`.

    Beyond a radius it goes on along the ray through the center with a slope of -1: heavier than any
    normal target, and never the bare polynomial. `fit_polynomial` makes one.

    Args:
        degree: of the polynomial.
        center: shape `(D,)`.
        whitening: shape `(D, D)`.
        radius: up to which the polynomial is trusted, a norm of `z`.
        table: of the coefficients, see `pmcmc.surrogates.monomials.as_table`.
        level: what is added to the polynomial, which is about 0 where the density is highest.
        is_coarse: whether the polynomial is evaluated in float32, whatever the position: nearly
            twice as fast, and far closer to the fit than that is to the log density.
    """

    degree: int
    center: Any
    whitening: Any
    radius: Any
    table: Any
    level: Any = 0.0
    is_coarse: bool = False

    def __call__(self, position: jax.Array) -> jax.Array:
        """The stand-in for the log density at `(D,)`; `-inf` at positions that are not finite."""
        dtype = jnp.float32 if self.is_coarse else position.dtype
        whitening, radius, table = (
            jnp.asarray(leaf).astype(dtype) for leaf in (self.whitening, self.radius, self.table)
        )
        z = whitening @ (position - self.center).astype(dtype)
        square = jnp.sum(z**2)
        is_inside = square <= radius**2
        norm = jnp.sqrt(jnp.where(is_inside, 1.0, square))
        beyond = jnp.where(is_inside, 0.0, norm - radius)
        inner = jnp.where(is_inside, z, z * (radius / norm))
        is_number = jnp.isfinite(square)
        value = _polynomial(self.degree, table, jnp.where(is_number, inner, 0.0))
        return self.level + jnp.where(is_number, value - beyond, -jnp.inf).astype(position.dtype)

    def coarse(self) -> "PolynomialSurrogate":
        return dataclasses.replace(self, is_coarse=True)


def _polynomial(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    """The value at `z`, whose derivative costs about as much as the value itself."""

    @jax.custom_jvp
    def value(table: jax.Array, z: jax.Array) -> jax.Array:
        return _quartic(table, z) if degree == 4 else _tensor(degree, table, z)

    @value.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        slope = _slope_of_quartic if degree == 4 else _slope_of_tensor
        along = slope(degree, *primals) @ tangents[1]
        return value(*primals), along + value(tangents[0], primals[1])

    result: jax.Array = value(table, z)
    return result


def _contracted(degree: int, table: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`(1, z)`, and the symmetric tensor contracted with all but one of them."""
    padded = jnp.concatenate([jnp.ones(1, z.dtype), z])
    for _ in range(degree - 1):
        table = (table @ padded).reshape(-1, len(padded))
    return padded, table[0]


def _tensor(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    padded, rest = _contracted(degree, table, z)
    return rest @ padded


def _slope_of_tensor(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    return degree * _contracted(degree, table, z)[1][1:]


def _halves(z: jax.Array) -> tuple[Any, Any, Any, jax.Array]:
    """Matrices that pick factors of pairs, the factors, and all monomials up to degree 2."""
    dim = len(z)
    left, right = (np.eye(dim)[rows].astype(z.dtype) for rows in np.triu_indices(dim))
    a, b = left @ z, right @ z
    return (left, right), a, b, jnp.concatenate([jnp.ones(1, z.dtype), z, a * b])


def _quartic(table: jax.Array, z: jax.Array) -> jax.Array:
    half = _halves(z)[-1]
    return half @ (table @ half)


def _slope_of_quartic(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    (left, right), a, b, half = _halves(z)
    slope = 2 * (table @ half)
    of_pairs = slope[1 + len(z) :]
    return slope[1 : 1 + len(z)] + (of_pairs * b) @ left + (of_pairs * a) @ right
