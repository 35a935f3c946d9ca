"""Orthogonal bases that make Jacobians nearly diagonal."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.keys import internal_key
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures import Dense
from pmcmc.solvers.recursion import Recursion

PILOT_STEPS = 64


def eigenbasis(matrix: jax.Array) -> jax.Array:
    """Eigenvectors of the symmetric part, in columns; unit vectors where it is not finite.

    The eigenvectors of the matrix itself may be complex, and their inverse ill-conditioned.
    """
    basis = jnp.linalg.eigh((matrix + matrix.T) / 2)[1]
    return jnp.where(jnp.all(jnp.isfinite(basis)), basis, jnp.eye(len(matrix), dtype=basis.dtype))


def jacobian_basis(recursion: Recursion, s0: jax.Array, inputs: Any, n_parts: int) -> jax.Array:
    """Eigenbasis of the Jacobian, averaged over the first steps of a loop.

    Args:
        recursion: the map of one step.
        s0: start, shape `(D,)`.
        inputs: pytree with a leading axis of at least one step; the first 64 are used.
        n_parts: number of equal parts of the state that share the basis, whose Jacobians are
            averaged too.

    Returns:
        Orthogonal matrix, shape `(D / n_parts, D / n_parts)`.
    """
    pilot = jax.tree.map(lambda u: u[:PILOT_STEPS], inputs)
    dim = s0.shape[0]

    def advance(carry: tuple[jax.Array, jax.Array], u: Any) -> tuple[Any, None]:
        state, total = carry
        state, _, jacobian = Dense().linearize(
            lambda s: recursion.step(s, u), state, Coordinates.of(None), internal_key(0)
        )
        return (state, total + jacobian), None

    (_, total), _ = lax.scan(advance, (s0, jnp.zeros((dim, dim), s0.dtype)), pilot)
    blocks = total.reshape(n_parts, dim // n_parts, n_parts, dim // n_parts)
    return eigenbasis(jnp.trace(blocks, axis1=0, axis2=2))
