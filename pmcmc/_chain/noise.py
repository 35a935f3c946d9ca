"""The noise of a chain: a function of key, chain and step."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.keys import check_no_keys, map_with_keys
from pmcmc._util.programs import jit_of_kinds
from pmcmc.kernels import Kernel

_NOISE_BLOCK = 64


def draw_noise(
    kernel: Kernel,
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: jax.Array,
    n_steps: int | jax.Array,
    length: int,
    first_chain: int | jax.Array = 0,
) -> Any:
    """Noise of the steps from `first_step` on, leading axes `(chain, length)`.

    Chains are numbered from `first_chain` on.

    The noise of step `t` of chain `c` is drawn with `fold_in(fold_in(rng_key, c), t)`. Rows are
    drawn in blocks, only as far as `n_steps`.

    Raises:
        ValueError: the noise contains keys, which cannot be used in batches.
    """
    n_chains = positions.shape[0]
    block = min(_NOISE_BLOCK, length)
    chains = jnp.uint32(first_chain) + jnp.arange(n_chains, dtype=jnp.uint32)

    def draw(chain_key: jax.Array, step: jax.Array) -> Any:
        return kernel.draw_noise(jax.random.fold_in(chain_key, step), positions[0])

    def draw_block(steps: jax.Array) -> Any:
        def of_chain(chain: jax.Array) -> Any:
            chain_key = jax.random.fold_in(rng_key, chain)
            return map_with_keys(rng_key, lambda step: draw(chain_key, step), steps)

        return map_with_keys(rng_key, of_chain, chains)

    def body(i: jax.Array, store: Any) -> Any:
        start = jnp.minimum(i * block, length - block).astype(jnp.int32)
        steps = first_step + (start + jnp.arange(block, dtype=jnp.int32)).astype(jnp.uint32)
        return jax.tree.map(
            lambda out, new: lax.dynamic_update_slice_in_dim(out, new, start, 1),
            store,
            draw_block(steps),
        )

    row = jax.eval_shape(draw, rng_key, first_step)
    check_no_keys(row)
    store = jax.tree.map(lambda x: jnp.zeros((n_chains, length, *x.shape), x.dtype), row)
    return lax.fori_loop(0, -(-n_steps // block), body, store)


# Its own program: drawing often takes longer to compile than the chain does, and one program serves
# all log densities and solvers. At the default level LLVM takes 60 % longer, for programs that are
# no faster. A user may have chosen less than that for all programs.
_IS_LESS = jax.config.read("jax_disable_most_optimizations")
NOISE_OPTIONS = {} if _IS_LESS else {"xla_backend_optimization_level": 2}
chain_noise = jit_of_kinds(5, compiler_options=NOISE_OPTIONS)(draw_noise)
