"""Three ways to evaluate an affine recurrence `y_t = A_t y_{t-1} + b_t`.

They are: in order (`affine_scan` on a CPU), in blocks (two levels), and in rounds
(`lax.associative_scan`). The latter two multiply matrices to shorten the sequence, which does not
pay off on a CPU. This is why the package goes in order there. Run this benchmark on a CPU.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks._record import print_table, timed, write
from pmcmc.solvers import Dense, Diagonal, Structure
from pmcmc.solvers.newton.scan import affine_scan, is_in_order

CASES = [
    *((Diagonal(), *size) for size in [(64, 31), (512, 31), (1024, 50), (64, 1000), (4096, 10)]),
    *((Dense(), *size) for size in [(64, 31), (512, 31), (64, 4), (1024, 2)]),
]  # structure, window, dimension
N_BLOCKS = (4, 8, 16, 32)


def rounds_scan(structure: Structure, matrices: jax.Array, offsets: jax.Array) -> jax.Array:
    """Compose affine maps in about `2 log2(W)` rounds."""
    combine = jax.vmap(partial(compose, structure))
    return lax.associative_scan(combine, (matrices, offsets))[1]


def blocked_scan(
    n_blocks: int, structure: Structure, matrices: jax.Array, offsets: jax.Array
) -> jax.Array:
    """Compose in order inside all blocks at once, scan over their ends, and combine the two."""

    def split(rows: jax.Array) -> jax.Array:  # (step, block, ...)
        return jnp.swapaxes(rows.reshape(n_blocks, -1, *rows.shape[1:]), 0, 1)

    def step(before: Any, row: Any) -> tuple[Any, Any]:
        after = jax.vmap(partial(compose, structure))(before, row)
        return after, after

    steps = split(matrices), split(offsets)
    first = jax.tree.map(lambda leaf: leaf[0], steps)
    later = jax.tree.map(lambda leaf: leaf[1:], steps)
    ends, inside = lax.scan(step, first, later)
    products, vectors = jax.tree.map(
        lambda row, rows: jnp.concatenate([row[None], rows]), first, inside
    )
    starts = jnp.roll(affine_scan(structure, *ends), 1, axis=0).at[0].set(0.0)
    apply = jax.vmap(jax.vmap(structure.apply), in_axes=(0, None))
    return jnp.swapaxes(vectors + apply(products, starts), 0, 1).reshape(offsets.shape)


def compose(structure: Structure, earlier: Any, later: Any) -> Any:
    """The affine map `earlier`, then the affine map `later`."""
    (matrix_1, offset_1), (matrix_2, offset_2) = earlier, later
    product = structure.compose(matrix_2, matrix_1)
    return product, structure.apply(matrix_2, offset_1) + offset_2


WAYS: dict[str, Callable[..., jax.Array]] = {
    "in order": affine_scan,
    **{f"{n} blocks": partial(blocked_scan, n) for n in N_BLOCKS},
    "in rounds": rounds_scan,
}


def recurrence(structure: Structure, window: int, dim: int) -> tuple[jax.Array, jax.Array]:
    """Random matrices that contract, and standard normal offsets."""
    draw = np.random.default_rng(0)
    if isinstance(structure, Dense):
        matrices = draw.normal(size=(window, dim, dim)) / (3 * dim**0.5)
    else:
        matrices = draw.uniform(-1.0, 1.0, size=(window, dim))
    return jnp.asarray(matrices), jnp.asarray(draw.normal(size=(window, dim)))


def measure(structure: Structure, window: int, dim: int) -> list[dict[str, Any]]:
    """One row per way; all of them have to give the same numbers."""
    arguments = recurrence(structure, window, dim)
    expected = affine_scan(structure, *arguments)
    rows: list[dict[str, Any]] = []
    for name, way in WAYS.items():
        function = partial(way, structure)
        np.testing.assert_allclose(function(*arguments), expected, rtol=1e-10, atol=1e-12)
        timing = timed(function, *arguments)
        microseconds = 1e6 * timing.run_seconds
        rows.append(
            {
                "structure": type(structure).__name__,
                "window": window,
                "dimension": dim,
                "way": name,
                "compile seconds": timing.compile_seconds,
                "run microseconds": microseconds,
                "ratio": microseconds / rows[0]["run microseconds"] if rows else 1.0,
            }
        )
    return rows


def main() -> None:
    """Measure all cases, in float64."""
    jax.config.update("jax_enable_x64", True)
    assert is_in_order(), "run it on a CPU: JAX_PLATFORMS=cpu"
    rows = [row for case in CASES for row in measure(*case)]
    print_table(rows)
    write("scans-cpu", dtype="float64", rows=rows)


if __name__ == "__main__":
    main()
