"""A polynomial with decreasing tails."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.products import product
from pmcmc.surrogates.base import Surrogate
from pmcmc.surrogates.monomials import (
    as_table,
    coefficients_of,
    degrees_of,
    derivatives,
    monomials,
    of_higher_degree,
)

_FAR = 1e6  # a radius beyond all chains; its fourth power fits into float32


class PolynomialSurrogate(Surrogate, static=("degree",)):
    """A polynomial of degree 2, 3, 4 or 6 in whitened coordinates `z = whitening @ (x - center)`.

    Beyond a radius it does not continue as a polynomial, but with a slope of -1 along the ray from
    the center. So its tail is heavier than that of any normal. `fit_polynomial` makes one.

    Args:
        degree: degree of the table, and of the polynomial unless the table was raised.
        center: shape `(D,)`.
        whitening: shape `(D, D)`.
        radius: norm of `z` up to which the polynomial is trusted.
        table: table of the coefficients, see `pmcmc.surrogates.monomials.as_table`.
        level: constant added to the polynomial, which is about 0 where the density is highest.
    """

    degree: int
    center: Any
    whitening: Any
    radius: Any
    table: Any
    level: Any = 0.0

    @classmethod
    def normal(cls, mean: Any, whitening: Any) -> "PolynomialSurrogate":
        """`-|whitening (x - mean)|^2 / 2`, with the same table shape as later fits.

        Args:
            mean: shape `(D,)`.
            whitening: shape `(D, D)`.
        """
        dim = len(mean)
        square = np.array([factors[0] == factors[1] > 0 for factors in monomials(dim, 2)])
        table = as_table(-0.5 * square, dim, 2)
        return cls(2, np.asarray(mean), np.asarray(whitening), _FAR, table).raised()

    def raised(self) -> "PolynomialSurrogate":
        """The same function, with a table of the highest degree of fits in this dimension.

        Programs are compiled for the shape of the table, so all fits share one shape.
        """
        dim = len(self.center)
        higher = max((self.degree, *degrees_of(dim)))
        if higher == self.degree:
            return self
        coefficients = coefficients_of(self.table, dim, self.degree)
        table = as_table(of_higher_degree(coefficients, dim, self.degree, higher), dim, higher)
        return dataclasses.replace(self, degree=higher, table=table)

    def __call__(self, position: jax.Array) -> jax.Array:
        """The stand-in for the log density at `(D,)`; `-inf` at positions that are not finite.

        The slope is 0 there, so it cannot turn the momentum of a lost trajectory into NaN.
        """
        z = product(jnp.asarray(self.whitening), position - self.center)
        is_number = jnp.isfinite(jnp.sum(z**2))
        z = jnp.where(is_number, z, 0.0)
        square = jnp.sum(z**2)
        is_inside = square <= self.radius**2
        norm = jnp.sqrt(jnp.where(is_inside, 1.0, square))
        beyond = jnp.where(is_inside, 0.0, norm - self.radius)
        inner = jnp.where(is_inside, z, z * (self.radius / norm))
        value = _polynomial(self.degree, jnp.asarray(self.table), inner)
        return self.level + jnp.where(is_number, value - beyond, -jnp.inf)


def _polynomial(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    """The value at `z`; its derivative costs about as much as the value itself.

    The derivative with respect to the coefficients is set to 0.
    """

    @jax.custom_jvp
    def value(table: jax.Array, z: jax.Array) -> jax.Array:
        return _even(degree, table, z) if degree % 2 == 0 else _tensor(degree, table, z)

    @value.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        slope = _slope_of_even if degree % 2 == 0 else _slope_of_tensor
        return value(*primals), product(slope(degree, *primals), tangents[1])

    result: jax.Array = value(table, z)
    return result


def _powers(z: jax.Array, degree: int) -> jax.Array:
    """All monomials up to a degree."""
    padded = jnp.concatenate([jnp.ones(1, z.dtype), z])
    factors = np.array(monomials(len(z), degree), int)
    ones = jnp.ones(len(factors), z.dtype)
    return functools.reduce(jnp.multiply, [padded[column] for column in factors.T], ones)


def _even(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    half = _powers(z, degree // 2)
    return product(half, product(table, half))


def _slope_of_even(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    half = degree // 2
    weights = 2 * product(table, _powers(z, half))
    index, times = derivatives(len(z), half)
    return product(weights[index] * times.astype(z.dtype), _powers(z, half - 1))


def _contracted(degree: int, table: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`(1, z)`, and the symmetric tensor contracted with it along all axes but one."""
    padded = jnp.concatenate([jnp.ones(1, z.dtype), z])
    for _ in range(degree - 1):
        table = product(table, padded).reshape(-1, len(padded))
    return padded, table[0]


def _tensor(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    padded, rest = _contracted(degree, table, z)
    return product(rest, padded)


def _slope_of_tensor(degree: int, table: jax.Array, z: jax.Array) -> jax.Array:
    return degree * _contracted(degree, table, z)[1][1:]
