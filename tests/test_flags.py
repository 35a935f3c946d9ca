"""Flags of JAX x front doors x solvers: always the loop's result.

`pytest tests/test_flags.py -m '' -rA` prints the whole table, a row a line.
"""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

blackjax = pytest.importorskip("blackjax")
numpyro = pytest.importorskip("numpyro")

from pmcmc.adapters import blackjax as of_blackjax  # noqa: E402
from pmcmc.adapters import numpyro as of_numpyro  # noqa: E402

N, N_WARMUP, N_CHAINS = 30, 50, 2
SOLVERS = ("sequential", "quasi", "auto")
THREEFRY = "threefry2x32"

# Of each flag: whether float64 is on, the implementation of keys, and what is switched on besides.
FLAGS = {
    "x64": (True, THREEFRY, contextlib.nullcontext),
    "x32": (False, THREEFRY, contextlib.nullcontext),
    "debug_nans": (True, THREEFRY, lambda: jax.debug_nans(True)),
    "debug_infs": (True, THREEFRY, lambda: jax.debug_infs(True)),
    "strict promotion": (True, THREEFRY, lambda: jax.numpy_dtype_promotion("strict")),
    "strict promotion, x32": (False, THREEFRY, lambda: jax.numpy_dtype_promotion("strict")),
    "enable_checks": (True, THREEFRY, lambda: jax.enable_checks(True)),
    "debug_key_reuse": (True, THREEFRY, lambda: jax.debug_key_reuse(True)),
    "rbg": (True, "rbg", contextlib.nullcontext),
    "unsafe_rbg": (True, "unsafe_rbg", contextlib.nullcontext),
}


def normal(x):
    return -0.5 * jnp.sum(x**2)


def starts():
    return jnp.array([[1.0, -0.5], [0.2, 2.0]])


def key():
    return jax.random.key(3)


# --- front doors: from a solver to numbers that must not depend on it.


def sample_instance(solver):
    kernel = pmcmc.MALA(step_size=0.4)
    result = pmcmc.sample(
        normal, starts(), N, kernel=kernel, solver=solver, n_chains=N_CHAINS, rng_key=key()
    )
    assert result.info.converged.all()
    return result.positions


def sample_tuned(solver):
    result = pmcmc.sample(
        normal, starts()[0], N, kernel="mala", solver=solver, n_warmup=N_WARMUP, rng_key=key()
    )
    assert result.info.converged.all()
    return result.positions


def sample_algorithm(solver):
    kernel = of_blackjax.from_algorithm(blackjax.mala(normal, 0.4))
    result = pmcmc.sample(
        normal, starts(), N, kernel=kernel, solver=solver, n_chains=N_CHAINS, rng_key=key()
    )
    return result.positions


def warmup(solver):
    ready = pmcmc.warmup(normal, starts()[0], n_steps=N_WARMUP, solver=solver, rng_key=key())
    return ready.state.position


def burn_in(solver):
    choices = dict(n_steps=N_WARMUP, max_rounds=1, n_chains=N_CHAINS)
    return pmcmc.burn_in(normal, starts(), solver=solver, rng_key=key(), **choices).position


def plan(solver):
    chosen = pmcmc.plan(normal, starts()[0], kernel=pmcmc.MALA(0.4), rng_key=key())
    assert chosen.reason
    return np.zeros(1)  # only that there is a choice


def solve(solver):
    inputs = jnp.sin(jnp.arange(N, dtype=float))
    solution = pmcmc.solve(lambda s, u: 0.5 * jnp.tanh(s) + u, jnp.zeros(2), inputs, solver=solver)
    assert solution.converged
    return solution.states


def model():
    x = numpyro.sample("x", numpyro.distributions.Normal(0.0, 1.0))
    numpyro.sample("y", numpyro.distributions.Normal(x, 1.0), obs=0.7)


def sample_model(solver):
    result = of_numpyro.sample_model(
        model, n_steps=N, kernel=pmcmc.MALA(0.4), solver=solver, rng_key=key()
    )
    return result.positions["x"]


def run_inference_algorithm(solver):
    _, (states, _) = of_blackjax.run_inference_algorithm(
        key(), blackjax.mala(normal, 0.4), N, initial_position=starts()[0], solver=solver
    )
    return states.position


def chains_by_vmap(solver):
    algorithm = blackjax.mala(normal, 0.4)

    def chain(chain_key, start):
        return of_blackjax.run_inference_algorithm(
            chain_key, algorithm, N, initial_position=start, solver=solver
        )[1][0].position

    return jax.vmap(chain)(jax.random.split(key(), N_CHAINS), starts())


DOORS = (
    sample_instance,
    sample_tuned,
    sample_algorithm,
    warmup,
    burn_in,
    plan,
    solve,
    sample_model,
    run_inference_algorithm,
    chains_by_vmap,
)


# --- what the loop gives without a flag; where there is one, a plain loop, a key at a time.


def loop_of_sample(make_step):
    """Positions by a loop: `make_step(start)` gives a state and `(key, state) -> state`."""
    rows = []
    for chain, start in enumerate(starts()):
        state, step = make_step(start)
        chain_key = jax.random.fold_in(key(), chain)
        for t in range(N):
            state = step(jax.random.fold_in(chain_key, t), state)
            rows.append(state.position)
    return np.reshape(rows, (N_CHAINS, N, 2))


def loop_of_mala(start):
    kernel = pmcmc.MALA(step_size=0.4)

    @jax.jit
    def step(step_key, state):
        return kernel.transition(normal, state, kernel.draw_noise(step_key, start))[0]

    return kernel.init(normal, start), step


def loop_of_algorithm(start):
    algorithm = blackjax.mala(normal, 0.4)
    return algorithm.init(start), jax.jit(lambda key, state: algorithm.step(key, state)[0])


def loop_of_blackjax(rng_key, start):
    algorithm = blackjax.mala(normal, 0.4)
    return blackjax.util.run_inference_algorithm(rng_key, algorithm, N, None, start)[1][0].position


def loops_of_blackjax():
    return np.stack(list(map(loop_of_blackjax, jax.random.split(key(), N_CHAINS), starts())))


def loop_of_solve():
    state, states = np.zeros(2), []
    for u in np.sin(np.arange(N, dtype=float)):
        state = 0.5 * np.tanh(state) + u
        states.append(state)
    return np.array(states)


LOOPS = {
    sample_instance: lambda: loop_of_sample(loop_of_mala),
    sample_algorithm: lambda: loop_of_sample(loop_of_algorithm),
    run_inference_algorithm: lambda: loop_of_blackjax(key(), starts()[0]),
    chains_by_vmap: loops_of_blackjax,
    solve: loop_of_solve,
}


@functools.cache
def reference(door, x64, implementation):
    with jax.enable_x64(x64), jax.default_prng_impl(implementation):
        loop = LOOPS.get(door, lambda: door("sequential"))
        return np.asarray(loop())


def rows():
    """All rows of the table; a few quick ones run by default."""
    quick = {
        ("x32", sample_instance, "quasi"),
        ("debug_nans", sample_instance, "quasi"),
        ("debug_nans", run_inference_algorithm, "quasi"),
        ("debug_nans", chains_by_vmap, "sequential"),
        ("strict promotion", sample_instance, "quasi"),
        ("strict promotion", solve, "quasi"),
        ("strict promotion, x32", sample_instance, "quasi"),
        ("strict promotion", sample_tuned, "auto"),
        ("enable_checks", sample_instance, "auto"),
        ("debug_key_reuse", sample_instance, "quasi"),
        ("debug_key_reuse", sample_model, "sequential"),
        ("rbg", sample_instance, "quasi"),
        ("rbg", sample_algorithm, "sequential"),
        ("unsafe_rbg", sample_instance, "sequential"),
    }
    for flag in FLAGS:
        for door in DOORS:
            for solver in ("auto",) if door is plan else SOLVERS:
                marks = () if (flag, door, solver) in quick else pytest.mark.slow
                name = f"{flag} | {door.__name__} | {solver}"
                yield pytest.param(flag, door, solver, id=name, marks=marks)


@pytest.mark.parametrize(("flag", "door", "solver"), list(rows()))
def test_flags_do_not_change_the_result(flag, door, solver):
    x64, implementation, switched_on = FLAGS[flag]
    expected = reference(door, x64, implementation)
    with jax.enable_x64(x64), jax.default_prng_impl(implementation), switched_on():
        got = np.asarray(door(solver))
    assert got.dtype == expected.dtype or door is solve
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8 if x64 else 1e-3)
