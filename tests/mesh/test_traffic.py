"""What sweeps of a window on several devices tell one another, read off the compiled program."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import pmcmc
from pmcmc import solvers
from pmcmc.solvers import Recursion

N_DEVICES = 8
_COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(-start)?\("
)


def numbers_in_loops(solver, dim, length):
    """Numbers that come out of collectives in the loop of the sweeps, of one chain."""
    step = Recursion(lambda s: s, lambda s, u: (jnp.tanh(s[::-1] + u), None), lambda s: s)
    step = step._replace(is_chain=True, time_axis="time")
    mesh = Mesh(np.array(jax.devices()[:N_DEVICES]), ("time",))
    whole = PartitionSpec()
    spread = jax.shard_map(
        lambda s0, inputs: solver.run(step, s0, inputs, length),
        mesh=mesh,
        in_specs=whole,
        out_specs=whole,
        check_vma=False,
    )
    given = (jnp.zeros((1, dim)), jnp.zeros((1, length, dim)))
    text = jax.jit(spread).lower(*given).compile().as_text()
    computations = re.split(r"\n\n", text)
    of_loops = [part for part in computations if not part.lstrip().startswith("ENTRY")]
    return sum(map(_numbers, of_loops)), sum(map(_numbers, computations))


def _numbers(computation):
    total = 0
    for shapes, *_ in _COLLECTIVE.findall(computation):
        for sizes in re.findall(r"\[([\d,]*)\]", shapes):
            total += math.prod(int(n) for n in sizes.split(",") if n)
    return total


STRUCTURES = {
    "diagonal": (solvers.Diagonal(), None),
    "dense": (solvers.Dense(), None),
    "filter": (solvers.Diagonal(), solvers.ELK()),
}


def newton(name, window):
    jacobian, damping = STRUCTURES[name]
    return pmcmc.ParallelNewton(jacobian=jacobian, damping=damping, basis=None, window=window)


@pytest.mark.parametrize("name", STRUCTURES)
def test_what_a_sweep_moves_depends_on_devices_and_dimension_only(name):
    dim, (small, _), (large, everything) = (
        5,
        *(
            numbers_in_loops(newton(name, window), 5, length)
            for window, length in ((64, 128), (256, 1024))
        ),
    )
    assert 0 < small == large
    # Of each device: a row, its map, and a few numbers of each coordinate.
    of_map = {"diagonal": 2 * dim, "dense": dim * dim + dim, "filter": 5 * dim}[name]
    assert large <= N_DEVICES * (of_map + 12 * dim + 16)
    assert everything > 1024 * dim  # the chain itself, once, at the end
