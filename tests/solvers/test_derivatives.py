"""Derivatives against those of a plain `lax.scan`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import pmcmc
from pmcmc.solvers import (
    ELK,
    Diagonal,
    DiagonalBlocks,
    GivenDiagonal,
    Lagged,
    Permutation,
    RandomGuess,
    ScaledIdentity,
)

MIX = np.random.default_rng(0).normal(size=(4, 4)) * 0.4
INPUTS = np.random.default_rng(1).normal(size=(90, 4))
COUNTS = jnp.arange(90)  # integers among the inputs have no derivative

SOLVERS = {
    "sequential": "sequential",
    "quasi": "quasi",
    "blocks": pmcmc.ParallelNewton(jacobian=DiagonalBlocks(), window=17),
    "elk, held, random guess": pmcmc.ParallelNewton(
        jacobian=Lagged(Diagonal(), every=2), damping=ELK(), guess=RandomGuess()
    ),
    "jacobi, in need of steps": pmcmc.ParallelNewton(jacobian=ScaledIdentity(0.0), max_sweeps=2),
}


def objective(states_of):
    def value(theta, s0, inputs):
        scale = jnp.array([2, 1, 2, 1])  # an integer closed over

        def step(s, u):
            x, i = u
            return jnp.tanh(theta * (jnp.asarray(MIX) @ s) / scale + x * jnp.where(i % 2, 1.0, 0.5))

        return jnp.sum(jnp.sin(states_of(step, s0, (inputs, COUNTS))[::7]) ** 2)

    return value


def scanned(step, s0, inputs):
    return lax.scan(lambda s, u: (step(s, u),) * 2, s0, inputs)[1]


def solved(solver):
    return objective(lambda step, s0, inputs: pmcmc.solve(step, s0, inputs, solver=solver).states)


LOOP = objective(scanned)
AT = (0.9, np.linspace(-1, 1, 4), INPUTS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_gradients_and_tangents_are_those_of_the_loop(solver):
    value = solved(SOLVERS[solver])
    gradients = jax.grad(value, argnums=(0, 1, 2))(*AT)
    for got, expected in zip(gradients, jax.grad(LOOP, argnums=(0, 1, 2))(*AT), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)
    tangents = (1.0, np.ones(4), np.cos(INPUTS))
    np.testing.assert_allclose(
        jax.jvp(value, AT, tangents)[1], jax.jvp(LOOP, AT, tangents)[1], rtol=1e-9
    )


def elementwise(s, u):
    return jnp.tanh(0.8 * s + u["x"])


def shuffled(s, u):
    return s[u["order"]] + u["x"]


@pytest.mark.parametrize(
    ("step", "jacobian"),
    [
        (elementwise, GivenDiagonal(lambda s, u: 0.8 * (1 - elementwise(s, u) ** 2))),
        (elementwise, Lagged(GivenDiagonal(lambda s, u: 0.8 * (1 - elementwise(s, u) ** 2)))),
        (shuffled, Permutation(lambda s, u: u["order"])),
    ],
)
def test_structures_that_know_the_states_are_not_asked_about_tangents(step, jacobian):
    orders = np.array([np.random.default_rng(i).permutation(4) for i in range(30)])
    solver = pmcmc.ParallelNewton(jacobian=jacobian, window=30)

    def value(states_of, x):
        states = states_of(step, jnp.ones(4), {"x": x, "order": orders})
        return jnp.sum(jnp.cos(states[::3]))

    of_loop, of_sweeps = (
        jax.grad(lambda x, states_of=states_of: value(states_of, x))(0.1 * INPUTS[:30])
        for states_of in (scanned, lambda *a: pmcmc.solve(*a, solver=solver).states)
    )
    np.testing.assert_allclose(of_sweeps, of_loop, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_derivatives_of_derivatives_under_jit_and_vmap():
    value = solved("quasi")
    expected = jax.grad(LOOP)(*AT)
    np.testing.assert_allclose(jax.grad(jax.jit(value))(*AT), expected, rtol=1e-9)
    thetas = jnp.array([0.5, 0.9])
    along = jax.jit(jax.vmap(jax.grad(value), (0, None, None)))(thetas, *AT[1:])
    np.testing.assert_allclose(along[1], expected, rtol=1e-9)
    np.testing.assert_allclose(jax.hessian(value)(*AT), jax.hessian(LOOP)(*AT), rtol=1e-8)


def test_a_guess_that_is_right_has_a_derivative_too():
    def last(theta):
        step = lambda s, u: 0.9 * s + theta * u  # noqa: E731
        return pmcmc.solve(step, jnp.zeros(1), jnp.ones((50, 1))).states[-1, 0]

    for theta in (0.0, 1.0):  # at 0 the first guess solves the recursion
        expected = (1 - 0.9**50) / 0.1
        np.testing.assert_allclose(jax.grad(last)(theta), expected, rtol=1e-10)
        np.testing.assert_allclose(jax.jvp(last, (theta,), (1.0,))[1], expected, rtol=1e-10)


def test_what_is_no_solution_has_no_derivative():
    solver = pmcmc.ParallelNewton(max_sweeps=2, fallback=None, window=90)
    value, gradient = jax.value_and_grad(solved(solver))(*AT)
    assert np.isfinite(value)
    assert np.isnan(gradient)


def test_derivatives_along_a_chain_of_accepted_and_rejected_steps():
    def positions(scale, solver):
        def logdensity(x):
            return -0.5 * jnp.sum((x / scale) ** 2)

        def step(x, noise):
            kernel = pmcmc.MALA(step_size=0.8)
            return kernel.transition(logdensity, kernel.init(logdensity, x), noise)[0].position

        noise = jax.vmap(pmcmc.MALA(step_size=0.8).draw_noise, (0, None))(
            jax.random.split(jax.random.key(3), 100), jnp.zeros(2)
        )
        if solver is None:
            return jnp.mean(scanned(step, jnp.ones(2), noise) ** 2)
        return jnp.mean(pmcmc.solve(step, jnp.ones(2), noise, solver=solver).states ** 2)

    expected = jax.grad(positions)(1.3, None)
    assert abs(expected) > 0.01
    np.testing.assert_allclose(jax.grad(positions)(1.3, "quasi"), expected, rtol=1e-8)


def test_cotangents_that_die_out_take_few_sweeps():
    counts = []

    class Counting(pmcmc.ParallelNewton):
        def run(self, *arguments):
            found = super().run(*arguments)
            jax.debug.callback(lambda n: counts.append(int(n)), found.sweeps[0], ordered=True)
            return found

    def last(theta):
        step = lambda s, u: jnp.tanh(theta * (jnp.asarray(MIX) @ s) + u)  # noqa: E731
        return jnp.sum(pmcmc.solve(step, jnp.zeros(4), inputs, solver=solver).states[-1])

    def last_of_loop(theta):
        step = lambda s, u: jnp.tanh(theta * (jnp.asarray(MIX) @ s) + u)  # noqa: E731
        return jnp.sum(scanned(step, jnp.zeros(4), inputs)[-1])

    solver = Counting(jacobian=pmcmc.solvers.Dense(), window=64)
    inputs = np.random.default_rng(2).normal(size=(320, 4))
    np.testing.assert_allclose(jax.grad(last)(0.6), jax.grad(last_of_loop)(0.6), rtol=1e-9)
    jax.effects_barrier()
    assert len(counts) == 2
    assert counts[1] <= 15  # two a window; 320 where steps that decay were the measure


def test_derivatives_of_nothing_are_zero():
    def last(theta):
        step = lambda s, u: 0.9 * s + 0 * theta * u  # noqa: E731
        return pmcmc.solve(step, jnp.zeros(1), jnp.ones((20, 1))).states[-1, 0]

    assert jax.grad(last)(1.0) == 0.0
    assert jax.jvp(last, (1.0,), (0.0,))[1] == 0.0
