import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from .helpers.densities import DENSITIES, double_well, double_well_numpy, start
from .helpers.kernels import mala_loop, noise_of
from .helpers.methods import SOLVERS


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("density", "dim"),
    [
        ("gaussian", 1),
        ("double well", 5),
        pytest.param("gaussian", 5, marks=pytest.mark.slow),
        pytest.param("double well", 1, marks=pytest.mark.slow),
    ],
)
def test_every_solver_gives_the_chain_of_a_plain_loop(density, dim, solver):
    logdensity, logdensity_numpy = DENSITIES[density]
    kernel = pmcmc.MALA(step_size=0.4 / dim)
    for n_steps in (1, 2, 25, 1000) if dim == 5 else (25,):
        for seed in range(2):
            x0 = start(seed, dim)
            noise = noise_of(kernel, jax.random.key(seed), 0, min(n_steps, 200), dim)
            positions, decisions, rates = mala_loop(logdensity_numpy, x0, kernel.step_size, noise)
            result = pmcmc.sample(
                logdensity, x0, n_steps, kernel=kernel, solver=SOLVERS[solver], rng_key=seed
            )
            assert result.positions.shape == (1, n_steps, dim)
            assert result.info.converged.all()
            got = jax.tree.map(lambda x: x[0, :200], (result.positions, result.stats))
            np.testing.assert_array_equal(got[1]["is_accepted"], decisions)
            np.testing.assert_allclose(got[0], positions, rtol=0, atol=1e-6)
            np.testing.assert_allclose(got[1]["acceptance_rate"], rates, rtol=0, atol=1e-6)


def test_scan_of_the_kernel_is_the_same_chain():
    kernel = pmcmc.MALA(step_size=0.2)
    x0 = start(0, 3)
    key = jax.random.key(7)

    def step(state, t):
        noise = kernel.draw_noise(jax.random.fold_in(jax.random.fold_in(key, 0), t), x0)
        state, info = kernel.transition(double_well, state, noise)
        return state, (state.position, info.is_accepted)

    _, (positions, decisions) = jax.lax.scan(
        step, kernel.init(double_well, jnp.asarray(x0)), jnp.arange(500)
    )
    for solver in ("sequential", "quasi"):
        result = pmcmc.sample(double_well, x0, 500, kernel=kernel, solver=solver, rng_key=key)
        np.testing.assert_array_equal(result.stats["is_accepted"][0], decisions)
        # A residual of 1e-10 grows where the chain is locally expansive.
        np.testing.assert_allclose(result.positions[0], positions, rtol=0, atol=1e-7)


def test_chains_have_their_own_noise_and_do_not_see_each_other():
    kernel = pmcmc.MALA(step_size=0.2)
    x0 = start(1, 3, 4)
    result = pmcmc.sample(
        double_well, x0, 60, kernel=kernel, n_chains=3, solver="quasi", rng_key=11
    )
    assert result.positions.shape == (3, 60, 4)
    for chain in range(3):
        noise = noise_of(kernel, jax.random.key(11), chain, 60, 4)
        positions, decisions, _ = mala_loop(double_well_numpy, x0[chain], 0.2, noise)
        np.testing.assert_array_equal(result.stats["is_accepted"][chain], decisions)
        np.testing.assert_allclose(result.positions[chain], positions, rtol=0, atol=1e-8)


def test_segments_do_not_change_the_chain():
    kernel = pmcmc.MALA(step_size=0.1)
    x0 = start(2, 4)
    loop = pmcmc.sample(double_well, x0, 1100, kernel=kernel, solver="sequential")
    solver = pmcmc.ParallelNewton(window=16)  # segments of 256 steps, which do not divide 1,100
    result = pmcmc.sample(double_well, x0, 1100, kernel=kernel, solver=solver)
    np.testing.assert_array_equal(result.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(result.positions, loop.positions, rtol=0, atol=1e-8)


def test_pytrees_keep_structure_shapes_and_dtypes():
    def logdensity(x):
        return -0.5 * jnp.sum(x["weights"] ** 2) - jnp.sum((x["rest"][0] - 1.0) ** 2)

    x0 = {"rest": (np.float32(0.5),), "weights": np.zeros((2, 3))}
    result = pmcmc.sample(logdensity, x0, 30, kernel=pmcmc.MALA(step_size=0.1), solver="quasi")
    assert result.positions["weights"].shape == (1, 30, 2, 3)
    assert result.positions["rest"][0].shape == (1, 30)
    assert result.positions["rest"][0].dtype == np.float32
    flat = pmcmc.sample(
        lambda x: -0.5 * jnp.sum(x[1:] ** 2) - (x[0] - 1.0) ** 2,
        np.concatenate([[0.5], np.zeros(6)]),
        30,
        kernel=pmcmc.MALA(step_size=0.1),
    )
    np.testing.assert_allclose(
        result.positions["weights"].reshape(30, 6), flat.positions[0, :, 1:], rtol=0, atol=1e-5
    )


def test_float32(float32):
    kernel = pmcmc.MALA(step_size=0.1)
    x0 = start(5, 4).astype(np.float32)
    result = pmcmc.sample(double_well, x0, 500, kernel=kernel, solver="quasi")
    assert result.positions.dtype == np.float32
    assert result.info.dtype == np.float32
    assert result.info.atol == result.info.rtol == 1e-5
    assert result.info.converged.all()
    assert result.info.residual <= 1e-5 * (1 + np.abs(result.positions).max())
    # Every state is the transition of the one before it, decision included.
    noise = noise_of(kernel, jax.random.key(0), 0, 500, 4)
    states = jax.vmap(lambda x: kernel.init(double_well, x))(
        jnp.concatenate([x0[None], result.positions[0, :-1]])
    )
    states, info = jax.vmap(lambda s, u: kernel.transition(double_well, s, u))(states, noise)
    np.testing.assert_array_equal(info.is_accepted, result.stats["is_accepted"][0])
    error = np.abs(states.position - result.positions[0])
    assert np.all(error <= 1.1 * (1e-5 + 1e-5 * np.abs(result.positions[0])))


def test_keys_of_every_kind_and_noise_that_depends_on_them():
    def run(rng_key):
        return pmcmc.sample(
            double_well, start(6, 2), 20, kernel=pmcmc.MALA(step_size=0.2), rng_key=rng_key
        ).positions

    np.testing.assert_array_equal(run(3), run(jax.random.key(3)))
    np.testing.assert_array_equal(run(3), run(jax.random.PRNGKey(3)))
    np.testing.assert_array_equal(run(3), run(np.int64(3)))
    assert not np.array_equal(run(3), run(4))


def test_thinning_keeps_every_kth_step():
    kernel = pmcmc.MALA(step_size=0.1)
    solver = pmcmc.ParallelNewton(window=4)  # segments of 64 steps, which 7 does not divide
    every, thinned = (
        pmcmc.sample(double_well, start(7, 2), 200, kernel=kernel, solver=solver, thin=thin)
        for thin in (1, 7)
    )
    np.testing.assert_array_equal(thinned.positions, every.positions[:, 6::7])
    np.testing.assert_array_equal(thinned.stats["logdensity"], every.stats["logdensity"][:, 6::7])
    assert thinned.info.n_steps == 200


def test_final_state_goes_on():
    kernel = pmcmc.MALA(step_size=0.2)
    x0 = {"a": start(8, 2, 3)}

    def logdensity(x):
        return double_well(x["a"])

    first = pmcmc.sample(logdensity, x0, 40, kernel=kernel, n_chains=2, solver="quasi")
    state = first.final_state
    np.testing.assert_array_equal(state.position["a"], first.positions["a"][:, -1])
    np.testing.assert_allclose(state.logdensity, first.stats["logdensity"][:, -1], atol=1e-8)
    grad = jax.vmap(jax.grad(logdensity))(state.position)
    np.testing.assert_allclose(state.logdensity_grad["a"], grad["a"], atol=1e-12)
    more = pmcmc.sample(logdensity, state.position, 5, kernel=kernel, n_chains=2, rng_key=1)
    assert more.positions["a"].shape == (2, 5, 3)
    one = pmcmc.sample(double_well, start(8, 3), 5, kernel=kernel).final_state
    assert one.position.shape == (3,)
    assert one.logdensity.shape == ()


def test_nan_proposals_are_rejected_and_counted():
    def logdensity(x):
        return jnp.where(x[0] > 1.0, jnp.nan, -0.5 * jnp.sum(x**2))

    for solver in ("sequential", "quasi"):
        result = pmcmc.sample(
            logdensity, np.zeros(2), 400, kernel=pmcmc.MALA(step_size=0.5), solver=solver
        )
        stats = result.stats
        assert np.isfinite(result.positions).all()
        assert np.isfinite(stats["logdensity"]).all()
        assert (result.positions[..., 0] <= 1.0).all()
        assert 10 < stats["is_divergent"].sum() < 300
        assert not stats["is_accepted"][stats["is_divergent"]].any()
        assert (stats["acceptance_rate"][stats["is_divergent"]] == 0).all()
        assert f"{stats['is_divergent'].sum()} divergent" in repr(result)


def test_leaving_the_support_is_an_ordinary_rejection():
    def logdensity(x):
        return jnp.where(x[0] > 0, -x[0], -jnp.inf)

    result = pmcmc.sample(
        logdensity, np.ones(1), 300, kernel=pmcmc.MALA(step_size=0.5), solver="quasi"
    )
    assert (result.positions > 0).all()
    assert result.stats["is_accepted"].mean() < 0.95
    assert not result.stats["is_divergent"].any()


@pytest.mark.slow
def test_basis_of_the_hessian_takes_fewer_sweeps_on_a_correlated_target():
    rotation = np.linalg.qr(start(9, 6, 6))[0]
    precision = rotation @ np.diag([1.0, 2, 5, 10, 20, 40]) @ rotation.T

    def logdensity(x):
        return -0.5 * x @ jnp.asarray(precision) @ x

    sweeps = {}
    for basis in ("hessian", "auto", None):
        solver = pmcmc.ParallelNewton(basis=basis, window=100)
        result = pmcmc.sample(
            logdensity, start(9, 6), 100, kernel=pmcmc.MALA(step_size=0.03), solver=solver
        )
        assert result.info.converged.all()
        sweeps[basis] = result.info.sweeps[0]
    assert sweeps["hessian"] == sweeps["auto"] < sweeps[None] / 2


def test_auto_takes_the_loop_on_a_cpu():
    result = pmcmc.sample(double_well, start(0, 2), 10, kernel=pmcmc.MALA(step_size=0.1))
    expected = pmcmc.Sequential if jax.default_backend() == "cpu" else pmcmc.ParallelNewton
    assert isinstance(result.info.solver, expected)


def test_infinite_gradients_are_rejected_and_counted():
    def logdensity(x):
        return jnp.sum(-jnp.sqrt(jnp.abs(x)) - 0.5 * x**2)

    kernel = pmcmc.MALA(step_size=0.5)
    state = kernel.init(logdensity, jnp.ones(1))
    to_zero = -(1 + 0.5 * state.logdensity_grad)  # the noise that proposes exactly 0
    noise = pmcmc.kernels.MALANoise(to_zero, jnp.float64(0.5))
    state, info = kernel.transition(logdensity, state, noise)
    assert state.position == 1.0
    assert info.is_divergent
