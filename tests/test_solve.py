import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import (
    PRESETS,
    Constant,
    Dense,
    Diagonal,
    Outcome,
    Recursion,
    TrajectoryGuess,
)

from .helpers.methods import SOLVERS
from .helpers.recursions import CHAOTIC, loop

_MIX = np.array([[0.5, -0.3, 0.2], [0.1, 0.6, -0.4], [-0.2, 0.3, 0.4]])


def metropolis(s, u):
    proposal = s + u
    return jnp.where(jnp.sum(jnp.cos(7 * s)) < jnp.sum(jnp.cos(5 * proposal)), proposal, s)


def metropolis_numpy(s, u):
    proposal = s + u
    return proposal if np.sum(np.cos(7 * s)) < np.sum(np.cos(5 * proposal)) else s


TANH = (lambda s, u: jnp.tanh(_MIX @ s + u), lambda s, u: np.tanh(_MIX @ s + u))
METROPOLIS = (metropolis, metropolis_numpy)


def draw(seed, n_steps):
    return 0.7 * np.random.default_rng(seed).normal(size=(n_steps, 3))


@pytest.mark.parametrize("solver", [*SOLVERS, *(name for name in PRESETS if name != "speculative")])
def test_every_solver_gives_the_states_of_the_loop(solver):
    step, step_numpy = METROPOLIS if solver in SOLVERS else TANH
    inputs, s0 = draw(0, 300), draw(100, 1)[0]
    if solver == "block":  # which needs two halves
        step, step_numpy = (lambda s, u: 0.9 * s + u,) * 2
        inputs, s0 = inputs[:, :2], s0[:2]

    solution = pmcmc.solve(step, s0, inputs, solver=SOLVERS.get(solver, solver))

    assert solution.converged
    assert solution.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS
    assert solution.sweeps <= 300 + 300 // 7 + 1
    np.testing.assert_allclose(solution.states, loop(step_numpy, s0, inputs), rtol=0, atol=1e-7)


def test_speculation_needs_a_log_density():
    with pytest.raises(ValueError, match=r"needs a log density.*write solver='quasi'"):
        pmcmc.solve(TANH[0], np.zeros(3), draw(0, 5), solver="speculative")


@pytest.mark.parametrize("recursion", [CHAOTIC, TANH])
def test_residual_is_that_of_the_returned_states_even_without_contraction(recursion):
    step, step_numpy = recursion
    inputs = draw(0, 400)
    s0 = np.array([0.1, 0.2, 0.3])
    solution = pmcmc.solve(step, s0, inputs, solver=pmcmc.ParallelNewton(window=50))
    states = np.asarray(solution.states)
    previous = np.vstack([s0, states[:-1]])
    error = np.abs(
        states - np.array([step_numpy(s, u) for s, u in zip(previous, inputs, strict=True)])
    )
    assert solution.converged
    assert solution.sweeps <= 400
    assert solution.sequential_steps == 0
    assert np.all(error <= 1.01e-12 * (1 + np.abs(states)))
    np.testing.assert_allclose(solution.residual, error.max(), rtol=0, atol=1e-15)


def test_linear_recurrence_takes_one_sweep_and_a_check():
    inputs = draw(0, 50)
    solution = pmcmc.solve(
        lambda s, u: 0.9 * s + u, np.zeros(3), inputs, solver=pmcmc.ParallelNewton(window=50)
    )
    assert solution.sweeps == 2


def test_basis_makes_a_rotated_linear_recurrence_as_easy_as_a_diagonal_one():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    matrix = basis @ np.diag([0.9, 0.5, -0.7]) @ basis.T

    def step(s, u):
        return jnp.asarray(matrix) @ s + u

    inputs = draw(0, 60)
    oracle = loop(lambda s, u: matrix @ s + u, np.ones(3), inputs)
    sweeps = {}
    for name, q in {"none": None, "eigenvectors": basis}.items():
        solver = pmcmc.ParallelNewton(basis=q, window=60)
        solution = pmcmc.solve(step, np.ones(3), inputs, solver=solver)
        np.testing.assert_allclose(solution.states, oracle, rtol=0, atol=1e-8)
        sweeps[name] = int(solution.sweeps)
    assert sweeps["eigenvectors"] == 2
    assert sweeps["none"] > 5


def test_trace_shows_the_finished_prefix_growing_and_the_residual_falling():
    step, _ = TANH
    solver = pmcmc.ParallelNewton(window=60, n_logged_sweeps=40)
    solution = pmcmc.solve(step, np.zeros(3), draw(3, 60), solver=solver)
    n = int(solution.sweeps)
    finished, residual = solution.sweep_log.finished, solution.sweep_log.residual
    assert finished.shape == residual.shape == (40,)
    assert np.all(np.diff(finished[:n]) > 0)
    assert finished[n - 1] == 60
    assert np.all(finished[n:] == -1)
    assert np.all(residual[n:] == -1)
    assert residual[n - 1] <= 1e-11 < residual[0]


def test_pytrees_and_integer_inputs():
    def step(s, u):
        return {"a": 0.5 * s["a"] + u["x"], "b": (s["b"][0] * 0.1 + s["a"][0] + u["i"],)}

    s0 = {"a": np.ones(2), "b": (np.zeros(()),)}
    inputs = {"x": draw(4, 30)[:, :2], "i": np.arange(30)}
    solution = pmcmc.solve(step, s0, inputs)
    expected = s0
    for t in range(30):
        expected = step(expected, jax.tree.map(lambda u: u[t], inputs))  # noqa: B023
        np.testing.assert_allclose(solution.states["a"][t], expected["a"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(solution.states["b"][0][t], expected["b"][0], rtol=0, atol=1e-9)


def test_works_under_jit_with_a_traced_parameter():
    inputs = draw(5, 40)

    @jax.jit
    def last(decay):
        return pmcmc.solve(lambda s, u: decay * s + u, jnp.zeros(3), inputs).states[-1]

    for decay in (0.3, 0.8):
        expected = loop(lambda s, u: decay * s + u, np.zeros(3), inputs)[-1]  # noqa: B023
        np.testing.assert_allclose(last(decay), expected, rtol=0, atol=1e-9)


def test_float32_keeps_its_dtype_and_tolerance(float32):
    step, step_numpy = TANH
    inputs = draw(6, 100).astype(np.float32)
    solution = pmcmc.solve(step, np.zeros(3, np.float32), inputs)
    assert solution.states.dtype == np.float32
    assert solution.converged
    assert solution.residual <= 2e-5
    np.testing.assert_allclose(
        solution.states, loop(step_numpy, np.zeros(3), inputs), rtol=0, atol=1e-4
    )


def test_same_function_is_traced_once():
    traces = []

    def step(s, u):
        traces.append(None)
        return 0.5 * s + u

    for seed in range(3):
        pmcmc.solve(step, draw(seed, 1)[0], draw(seed, 20))
    after_first = len(traces)
    pmcmc.solve(step, draw(9, 1)[0], draw(9, 20))
    assert len(traces) - after_first <= 1  # the check of shapes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(solver="quazi"), "solver must be one of 'auto', 'sequential', 'newton'.*'quazi'"),
        (dict(s0=np.zeros(3, int)), "s0 must be an array of floats, got dtype int64"),
        (dict(s0={}), "s0 must hold at least one number"),
        (dict(s0=np.zeros(0)), "s0 must hold at least one number"),
        (dict(step=3), "step could not be traced.*write a function"),
        (dict(step=lambda s: s), "step could not be traced"),
        (dict(inputs=(np.zeros(3), np.zeros(4))), "one common leading axis.*3.*4"),
        (dict(inputs=np.zeros((0, 3))), "at least one step"),
        (dict(inputs=np.float64(1.0)), "leading axis"),
        (dict(step=lambda s, u: s[:2]), r"step must return a state like s0.*shape=\(3,\).*\(2,\)"),
        (dict(step=lambda s, u: (s, u)), "step must return a state like s0"),
        (dict(step=lambda s, u: s.astype(np.float32)), "float64.*float32"),
        (dict(solver=pmcmc.ParallelNewton(basis="hessian")), "needs a log density"),
        (dict(solver=pmcmc.ParallelNewton(basis=np.eye(2))), r"basis must have shape \(3, 3\)"),
        (dict(solver="block"), "two equal halves.*got one of 3 numbers.*Diagonal"),
        (
            dict(solver=pmcmc.ParallelNewton(jacobian=Dense(memory_limit=100))),
            r"Dense\(\) needs about .* GiB .* write jacobian=pmcmc.solvers.Diagonal\(\)",
        ),
        (
            dict(solver=pmcmc.ParallelNewton(guess=TrajectoryGuess(np.zeros((4, 3))))),
            r"states of TrajectoryGuess must have the shapes \(5, 3\), got \(4, 3\)",
        ),
        (
            dict(solver=pmcmc.ParallelNewton(jacobian=Constant(Diagonal(), np.ones(2)))),
            r"matrix of Constant\(Diagonal\(\), matrix\) must have shape \(3,\).*got \(2,\)",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    good = dict(step=lambda s, u: s + u, s0=np.zeros(3), inputs=np.zeros((5, 3)), solver="quasi")
    solver = (good | arguments).pop("solver")
    call = {k: v for k, v in (good | arguments).items() if k != "solver"}
    with pytest.raises(ValueError, match=message):
        pmcmc.solve(**call, solver=solver)


@pytest.mark.parametrize("basis", ["hessian", "jacobian"])
def test_a_basis_that_nobody_has_found_is_no_basis(basis):
    solver = pmcmc.ParallelNewton(basis=basis)
    recursion = Recursion(lambda s: s, lambda s, u: (s + u, None), lambda s: s)
    with pytest.raises(ValueError, match=f"basis='{basis}' is found by .* write basis=None"):
        solver.run(recursion, jnp.zeros((1, 2)), jnp.zeros((1, 5, 2)), 5)


def test_blocks_need_no_basis_where_none_was_given():
    def logdensity(x):
        return -0.5 * jnp.sum(x**2)

    chains = [
        pmcmc.sample(
            logdensity, np.ones(2), 20, kernel=pmcmc.MALA(0.3), solver=solver, progress=False
        ).positions
        for solver in ("sequential", "block")
    ]
    np.testing.assert_allclose(chains[1], chains[0], rtol=0, atol=1e-9)
