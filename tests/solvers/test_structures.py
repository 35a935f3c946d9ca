"""Structures against dense matrices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import (
    Clip,
    Constant,
    Dense,
    DenseBlocks,
    Diagonal,
    DiagonalBlocks,
    Differences,
    Identity,
    Lagged,
    Permutation,
    Recursion,
    Scale,
    ScaledIdentity,
    Structure,
    Zero,
)
from pmcmc.solvers.newton.coordinates import Coordinates

from ..helpers.recursions import loop

JACOBIAN = np.random.default_rng(0).normal(size=(4, 4))
BASIS = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
HALF_BASIS = np.linalg.qr(np.random.default_rng(2).normal(size=(2, 2)))[0]


def step(s):
    return jnp.asarray(JACOBIAN) @ s + 1.0, jnp.sum(s)


def to_dense(structure, matrix, dim=4):
    return np.stack([structure.apply(matrix, e) for e in np.eye(dim)], axis=1)


def linearize(structure, coordinates=None, seed=0):
    state = jnp.array([0.1, 0.2, 0.3, 0.4])
    coordinates = coordinates or Coordinates.of(None)
    value, aux, matrix = structure.linearize(step, state, coordinates, jax.random.key(seed))
    np.testing.assert_allclose(value, JACOBIAN @ state + 1.0, rtol=1e-14)
    np.testing.assert_allclose(aux, 1.0)
    return matrix


def blocks_of(dense):
    """The diagonals of the four blocks, as a dense matrix."""
    mask = np.tile(np.eye(2, dtype=bool), (2, 2))
    return np.where(mask, dense, 0.0)


@pytest.mark.parametrize(
    ("structure", "basis", "expected"),
    [
        (Dense(), None, JACOBIAN),
        (Dense(), BASIS, BASIS.T @ JACOBIAN @ BASIS),
        (Diagonal(None), None, np.diag(np.diag(JACOBIAN))),
        (Diagonal(None), BASIS, np.diag(np.diag(BASIS.T @ JACOBIAN @ BASIS))),
        (DiagonalBlocks(None), None, blocks_of(JACOBIAN)),
        (
            DiagonalBlocks(None),
            HALF_BASIS,
            blocks_of(np.kron(np.eye(2), HALF_BASIS.T) @ JACOBIAN @ np.kron(np.eye(2), HALF_BASIS)),
        ),
        (DenseBlocks(2, n_probes=None), None, JACOBIAN * np.kron(np.eye(2), np.ones((2, 2)))),
        (ScaledIdentity(0.7), None, 0.7 * np.eye(4)),
        (Identity(), None, np.eye(4)),
        (Zero(), None, np.zeros((4, 4))),
        (Constant(Dense(), 2 * JACOBIAN), None, 2 * JACOBIAN),
        (Lagged(Dense(), every=4), None, JACOBIAN),
    ],
)
def test_exact_structures_are_parts_of_the_jacobian(structure, basis, expected):
    matrix = linearize(structure, Coordinates.of(None if basis is None else jnp.asarray(basis)))
    np.testing.assert_allclose(to_dense(structure, matrix), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("one", "four", "exact"),
    [
        (Diagonal(1), Diagonal(4), np.diag(np.diag(JACOBIAN))),
        (DiagonalBlocks(1), DiagonalBlocks(4), blocks_of(JACOBIAN)),
        (ScaledIdentity(), None, np.trace(JACOBIAN) / 4 * np.eye(4)),
    ],
)
def test_probes_are_unbiased_and_more_of_them_vary_less(one, four, exact):
    n = 1000
    keys = jax.random.split(jax.random.key(0), n)
    state = jnp.zeros(4)

    def estimates(structure):
        matrices = jax.vmap(
            lambda key: structure.linearize(step, state, Coordinates.of(None), key)[2]
        )(keys)
        return np.stack([to_dense(structure, matrix) for matrix in matrices])

    of_one = estimates(one)
    sd = of_one.std(axis=0)
    # Five standard errors; an estimate of no variance has to be exact.
    assert np.all(np.abs(of_one.mean(axis=0) - exact) <= 5 * sd / np.sqrt(n) + 1e-12)
    assert sd.max() > 0.1
    if four is not None:
        np.testing.assert_allclose(estimates(four).std(axis=0), sd / 2, atol=0.1 * sd.max())


@pytest.mark.parametrize(
    "structure",
    [
        Dense(),
        Diagonal(),
        DiagonalBlocks(),
        DenseBlocks(2),
        ScaledIdentity(),
        Lagged(DiagonalBlocks()),
    ],
)
def test_algebra_is_that_of_dense_matrices(structure):
    first, second = linearize(structure, seed=1), linearize(structure, seed=2)
    first, second = (jax.tree.map(lambda x: 1.7 * x, m) for m in (first, second))
    if isinstance(structure, Diagonal | ScaledIdentity | DiagonalBlocks):
        second = jax.tree.map(lambda x: x + 0.3, second)
    dense = {id(m): to_dense(structure, m) for m in (first, second)}
    a, b = dense[id(first)], dense[id(second)]
    vector = np.arange(1.0, 5.0)

    def assert_is(matrix, expected):
        np.testing.assert_allclose(to_dense(structure, matrix), expected, rtol=1e-12, atol=1e-12)

    np.testing.assert_allclose(structure.apply(first, vector), a @ vector, rtol=1e-12)
    assert_is(structure.compose(second, first), b @ a)
    assert_is(structure.transpose(first), a.T)
    assert_is(structure.add(first, second), a + b)
    assert_is(structure.identity_like(first), np.eye(4))
    assert_is(structure.resolvent(first), np.linalg.inv(np.eye(4) + a))
    clipped = to_dense(structure, structure.clip(first, 0.5))
    assert np.linalg.norm(a, ord=2) > 0.5
    np.testing.assert_allclose(np.linalg.norm(clipped, ord=2), 0.5, rtol=1e-12)
    assert_is(structure.clip(first, 1e3), a)
    zero = jax.tree.map(jnp.zeros_like, first)
    assert_is(structure.clip(zero, 0.5), np.zeros((4, 4)))


def test_one_probe_is_exact_where_nothing_couples_the_blocks():
    coupled = np.kron(np.eye(3), JACOBIAN[:2, :2])

    def step(s):
        return jnp.asarray(coupled) @ s, None

    matrix = DenseBlocks(2).linearize(step, jnp.ones(6), Coordinates.of(None), jax.random.key(0))[2]
    np.testing.assert_allclose(to_dense(DenseBlocks(2), matrix, 6), coupled, atol=1e-14)


def test_permutations_multiply_as_their_matrices_do():
    structure = Permutation(lambda s, u: u)
    orders = [np.array([2, 0, 3, 1]), np.array([1, 2, 0, 3])]
    first, second = (
        structure.linearize_at(
            lambda s, u: (s[u], None), jnp.ones(4), order, Coordinates.of(None), None
        )[2]
        for order in orders
    )
    a, b = (np.eye(4)[order] for order in orders)
    np.testing.assert_array_equal(to_dense(structure, first), a)
    np.testing.assert_array_equal(to_dense(structure, structure.compose(second, first)), b @ a)
    half = Lagged(structure).times(first, 0.5)
    np.testing.assert_array_equal(to_dense(structure, half), 0.5 * a)
    np.testing.assert_array_equal(to_dense(structure, structure.compose(second, half)), 0.5 * b @ a)
    np.testing.assert_array_equal(to_dense(structure, structure.clip(first, 0.2)), 0.2 * a)


def test_what_wraps_a_held_structure_holds_it_too():
    held = Differences(Lagged(Diagonal(), every=3))
    assert held.every == 3
    assert held.products(10) == Diagonal().products(10) / 3


def test_a_word_in_a_group_takes_one_sweep_and_a_check():
    rng = np.random.default_rng(0)
    words = np.array([rng.permutation(5) for _ in range(60)])

    def move(s, u):
        return s[u]

    start = np.arange(5.0)
    sweeps = {}
    for name, jacobian in {"exact": Permutation(_order), "none": Zero()}.items():
        solver = pmcmc.ParallelNewton(jacobian=jacobian, window=60, fallback=None)
        found = pmcmc.solve(move, start, words, solver=solver)
        np.testing.assert_array_equal(found.states, loop(lambda s, u: s[u], start, words))
        sweeps[name] = int(found.sweeps)
    assert sweeps == {"exact": 2, "none": 60}


def _order(s, u):
    return u


def test_one_factor_a_step_is_the_identity_scaled():
    rng = np.random.default_rng(0)
    factors, noise = rng.uniform(size=40), rng.normal(size=(40, 3))
    inputs = {"factor": factors, "noise": noise}
    solver = _newton(ScaledIdentity(1.0))
    exact = dataclasses.replace(solver, damping=Scale(k=1 - factors))

    def step(s, u):
        return u["factor"] * s + u["noise"]

    found = pmcmc.solve(step, np.zeros(3), inputs, solver=exact)
    np.testing.assert_allclose(found.states, loop(step, np.zeros(3), inputs), atol=1e-12)
    assert found.sweeps == 2
    assert pmcmc.solve(step, np.zeros(3), inputs, solver=solver).sweeps > 2


def test_dense_says_how_much_memory_it_would_need():
    # 4 copies of 100 matrices of 1,000 x 1,000 numbers of 8 bytes
    with pytest.raises(ValueError, match=r"about 2.98 GiB for a window of 100 states.*at most 67"):
        Dense().check(100, 1000, 8)
    Dense().check(67, 1000, 8)
    with pytest.raises(ValueError, match=r"Dense.*write jacobian=pmcmc\.solvers\.Diagonal"):
        Lagged(Dense()).check(1, 10**5, 8)


def test_held_matrices_are_estimated_in_every_few_sweeps_only():
    # Newton's method with old matrices converges, but not quadratically.
    def step(s, u):
        return jnp.sin(s) + u

    inputs = np.random.default_rng(3).normal(size=(40, 1))
    sweeps = [
        int(pmcmc.solve(step, np.zeros(1), inputs, solver=_newton(jacobian)).sweeps)
        for jacobian in (Dense(), Lagged(Dense(), every=1), Lagged(Dense(), every=4))
    ]
    assert sweeps[0] == sweeps[1] < sweeps[2] < 40


def _newton(jacobian):
    return pmcmc.ParallelNewton(jacobian=jacobian, window=40, fallback=None)


def test_automatic_windows_fit_the_memory_of_the_matrices():
    # 4 copies of 4 x 4 numbers of 8 bytes a state: 512 bytes, of which 10 states fit.
    solver = pmcmc.ParallelNewton(jacobian=Dense(memory_limit=5120), fallback=None)
    recursion = Recursion(lambda s: s, lambda s, u: (0.5 * s + u, None), lambda s: s)
    inputs = jnp.ones((1, 100, 4))
    found = jax.jit(lambda u: solver.run(recursion, jnp.zeros((1, 4)), u, 100))(inputs)
    assert found.evaluations[0] == 10 * found.sweeps[0]


class RowSums(Structure):
    """A structure as a user would write one: diagonal, with the row sums of the Jacobian."""

    def linearize(self, step, state, coordinates, rng_key):
        value, sums, aux = jax.jvp(step, (state,), (jnp.ones_like(state),), has_aux=True)
        return value, aux, sums

    def compose(self, later, earlier):
        return later * earlier

    def apply(self, matrix, vector):
        return matrix * vector


def test_three_methods_make_a_structure():
    inputs = np.random.default_rng(4).normal(size=(50, 2))
    oracle = loop(lambda s, u: 0.9 * s + u, np.zeros(2), inputs)

    def run(damping):
        solver = pmcmc.ParallelNewton(jacobian=RowSums(), damping=damping, window=50)
        return pmcmc.solve(lambda s, u: 0.9 * s + u, np.zeros(2), inputs, solver=solver)

    found = run(None)
    np.testing.assert_allclose(found.states, oracle, atol=1e-10)
    assert found.sweeps == 2
    np.testing.assert_allclose(run(Scale(0.5)).states, oracle, atol=1e-10)
    with pytest.raises(TypeError, match=r"RowSums has no method 'clip'.*write damping=None"):
        run(Clip())
