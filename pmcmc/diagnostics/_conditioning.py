"""How well conditioned the evaluation of a recursion is, in the theory's terms.

Formulas are those of Gonzalez, Kozachkov, Zoltowski, Clarkson and Linderman, *Predictability
Enables Parallelization of Nonlinear State Space Models* (2025), and of Gonzalez's thesis (2026).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._solve import FlatStep, Step, prepare
from pmcmc._util.programs import jit_of_function
from pmcmc.diagnostics._exponent import lyapunov_exponent
from pmcmc.diagnostics._mismatch import inverse_norm, rows_of_products, top_singular_value
from pmcmc.solvers import Dense


class Conditioning(NamedTuple):
    """What the theory says about `T` steps of a chain; `r(s)_t = s_t - f(s_{t-1})` is the residual.

    Args:
        exponent: largest Lyapunov exponent, per step.
        overshoot: `a`, the smallest number with `|A_{t+k} ... A_{t+1}| <= a exp(k exponent)` for
            all `t` and `k`, in spectral norms: how far perturbations grow before they follow the
            exponent. At least 1.
        undershoot: `b`, the largest number with `|A_{t+k} ... A_{t+1}| >= b exp(k exponent)`, at
            most 1.
        smallest: smallest singular value of the Jacobian of the residual, whose square is the
            Polyak-Lojasiewicz constant; `pl_bounds` bounds it by the numbers above.
        largest: its largest singular value.
        condition_number: the ratio of the two.
        curvature: largest Frobenius norm of the second derivative of a step along the chain, an
            upper bound there on how fast its Jacobian changes.
        basin_radius: `2 smallest**2 / curvature`. If the norm of the residual is below this,
            Newton's method shrinks it in every sweep, quadratically, provided that the second
            derivatives on the way are no larger than along the chain. Infinite for affine steps.
        horizon: `1 / exponent`, the number of steps in which a small perturbation grows by a factor
            of `e`; infinite if perturbations do not grow.
    """

    exponent: jax.Array
    overshoot: jax.Array
    undershoot: jax.Array
    smallest: jax.Array
    largest: jax.Array
    condition_number: jax.Array
    curvature: jax.Array
    basin_radius: jax.Array
    horizon: jax.Array


def conditioning(step: Step, s0: Any, inputs: Any) -> Conditioning:
    """Numbers from the theory for a recursion, along the loop's chain.

    Power iteration finds the singular values without the matrix of the whole chain. It takes `O(T
    D**3)` memory, and `O(T**2 D**3)` time for `overshoot` and `undershoot`, which consider all
    stretches, so cut long chains.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.

    Raises:
        ValueError: an argument cannot be used.
    """
    f, flat = prepare(step, s0, inputs)
    return _conditioning(f, flat, inputs, lyapunov_exponent(step, s0, inputs))


@jit_of_function()
def _conditioning(f: FlatStep, s0: jax.Array, inputs: Any, exponent: jax.Array) -> Conditioning:
    inputs = jax.tree.map(jnp.asarray, inputs)
    states = lax.scan(lambda s, u: (f(s, u),) * 2, s0, inputs)[1]
    previous = jnp.concatenate([s0[None], states[:-1]])
    jacobians = jax.vmap(jax.jacfwd(f))(previous, inputs)
    curvatures = jax.vmap(jax.jacfwd(jax.jacfwd(f)))(previous, inputs)
    curvature = jnp.max(jnp.sqrt(jnp.sum(curvatures**2, axis=(1, 2, 3))))
    # The start is known, so the first row of the residual has no earlier state.
    inner = jacobians.at[0].set(0.0)
    overshoot, undershoot = _shoots(inner, exponent)
    gains = jnp.broadcast_to(jnp.eye(s0.size, dtype=s0.dtype), jacobians.shape)
    smallest = 1 / inverse_norm(inner, gains)
    largest = _largest(inner)
    return Conditioning(
        exponent=exponent,
        overshoot=overshoot,
        undershoot=undershoot,
        smallest=smallest,
        largest=largest,
        condition_number=largest / smallest,
        curvature=curvature,
        basin_radius=jnp.where(curvature > 0, 2 * smallest**2 / curvature, jnp.inf),
        horizon=jnp.where(exponent > 0, 1 / exponent, jnp.inf),
    )


def _shoots(jacobians: jax.Array, exponent: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The largest and the smallest norm of `A_{t+k} ... A_{t+1} exp(-k exponent)`, with 1 for k=0.

    In every round, the product that starts with step `t` gets one more factor.
    """
    length = jacobians.shape[0]
    scaled = jacobians * jnp.exp(-exponent)
    first = jnp.arange(length)

    def body(k: jax.Array, loop: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        products, most, least = loop
        later = scaled[jnp.minimum(first + k, length - 1)]
        products = jax.vmap(Dense().compose)(later, products)
        norms = jnp.linalg.norm(products, ord=2, axis=(1, 2))
        # The first row has no earlier state.
        is_stretch = (first > 0) & (first + k < length)
        most = jnp.maximum(most, jnp.max(jnp.where(is_stretch, norms, 0.0)))
        least = jnp.minimum(least, jnp.min(jnp.where(is_stretch, norms, jnp.inf)))
        return products, most, least

    units = jnp.broadcast_to(jnp.eye(jacobians.shape[1], dtype=scaled.dtype), scaled.shape)
    one = jnp.ones((), scaled.dtype)
    _, most, least = lax.fori_loop(0, length, body, (units, one, one))
    return most, least


def _largest(jacobians: jax.Array) -> jax.Array:
    """Spectral norm of the block bidiagonal matrix with identities and `-A_t` below."""
    transposed = jnp.roll(jnp.swapaxes(jacobians, 1, 2), -1, axis=0).at[-1].set(0.0)

    def forward(vectors: jax.Array) -> jax.Array:
        return vectors - rows_of_products(jacobians, jnp.roll(vectors, 1, axis=0))

    def backward(vectors: jax.Array) -> jax.Array:
        return vectors - rows_of_products(transposed, jnp.roll(vectors, -1, axis=0))

    return top_singular_value(forward, backward, jacobians.shape[:2], jacobians.dtype)
