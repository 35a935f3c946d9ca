"""Which chains of a warm-up are sent elsewhere, and where to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.rescue import follow, rescue
from pmcmc._adaptation.stationarity import is_climbing
from pmcmc._arguments import as_task

RNG = np.random.default_rng(0)


def found(logdensity, draws):
    """What is done about chains that have seen `draws`, shape `(chain, step, D)`."""
    flat = as_task(
        logdensity, draws[0, -1], pmcmc.RandomWalkMetropolis(0.1), 1, 0, None
    ).problem.logdensity
    rows = {"positions": draws, "logdensity": np.asarray(jax.vmap(jax.vmap(flat))(draws))}
    return rescue(flat, jnp.asarray(draws[:, -1]), rows)


def normals(centers, scale=1.0, dim=2):
    return np.stack([center + scale * RNG.normal(size=(50, dim)) for center in centers])


def two_modes(log_weight):
    def logdensity(x):
        squares = jnp.stack([jnp.sum(x**2), jnp.sum((x - 30.0) ** 2) - 2 * log_weight])
        return jax.nn.logsumexp(-0.5 * squares)

    return logdensity


def test_a_mode_without_mass_is_left_and_one_with_some_is_not():
    draws = normals([0.0, 30.0, 0.0])
    moved = found(two_modes(-60.0), draws)
    assert moved.is_moved.tolist() == [False, True, False]
    np.testing.assert_array_equal(moved.positions[::2], draws[::2, -1])
    np.testing.assert_allclose(moved.positions[1], 0.0, atol=0.01)
    for log_weight in (0.0, -5.0):
        assert found(two_modes(log_weight), draws) is None


def test_a_chain_on_its_way_goes_to_the_mode_and_one_that_has_arrived_stays():
    scales = np.array([1.0, 1e-3])

    def logdensity(x):
        return -0.5 * jnp.sum((x / scales) ** 2)

    way = np.linspace(300.0, 200.0, 50)[:, None] * np.ones(2)
    arrived = normals([0.0])[0] * scales
    moved = found(logdensity, np.stack([way, arrived]))
    assert moved.is_moved.tolist() == [True, False]
    np.testing.assert_allclose(moved.positions[0] / scales, 0.0, atol=0.1)
    assert found(logdensity, np.stack([way, way])).is_moved.all()
    assert found(logdensity, way[None]).is_moved.all()
    assert found(logdensity, np.stack([arrived, arrived])) is None


def wide_and_neck():
    """Draws of two chains in a funnel, and levels: the neck looks like the place to be."""
    dim = pmcmc.targets.funnel().dim
    wide = RNG.normal(size=(50, dim))
    wide[:, 0] *= 3.0
    wide[:, 1:] *= np.exp(wide[:, :1] / 2)
    neck = RNG.normal(size=(50, dim))
    neck[:, 0] = -40.0 + 0.01 * neck[:, 0]
    neck[:, 1:] *= np.exp(-20.0)
    draws = np.stack([wide, neck])
    levels = np.asarray(jax.vmap(jax.vmap(pmcmc.targets.funnel().logdensity))(draws))
    assert levels[0].max() < levels[1].mean() - 10 * levels[1].std()
    return draws, levels


def test_no_chain_leaves_the_wide_part_of_a_funnel_for_its_neck():
    draws, _ = wide_and_neck()
    assert found(pmcmc.targets.funnel().logdensity, draws) is None


def grouped(x):
    """Groups' means, centered, their mean and log scale: without bound where all means agree."""
    means, center, log_scale = x[:-2], x[-2], x[-1]
    of_data = jnp.sum((jnp.linspace(-2, 2, len(means)) - means) ** 2)
    of_groups = jnp.sum((means - center) ** 2) * jnp.exp(-2 * log_scale)
    return -0.5 * (of_data + of_groups + center**2) - (len(means) - 1) * log_scale


def narrow_and_wide(x):
    """Two modes, the wide one with a mass of `exp(-100)` of the other's."""
    narrow = -0.5 * jnp.sum(x**2)
    wide = -0.5 * jnp.sum((x - 300.0) ** 2) / 400 - 100.0 - len(x) * jnp.log(20.0)
    return jnp.logaddexp(narrow, wide)


def test_a_lost_chain_leaves_a_wide_mode_for_one_where_another_chain_lives():
    narrow, wide = normals([0.0, 0.0])[0], 300.0 + 20.0 * RNG.normal(size=(50, 2))
    moved = found(narrow_and_wide, np.stack([narrow, wide]))
    assert moved.is_moved.tolist() == [False, True]
    np.testing.assert_allclose(moved.positions[1], 0.0, atol=0.01)


def test_a_gradient_of_zero_says_nothing_about_the_width():
    def ridge(x):  # flat in the second number, up to far away
        return -0.5 * x[0] ** 2 - 0.5 * jnp.maximum(jnp.abs(x[1]) - 1e3, 0.0) ** 2

    way = np.stack([np.linspace(300.0, 200.0, 50), np.zeros(50)], axis=1)
    np.testing.assert_allclose(found(ridge, way[None]).positions[0, 0], 0.0, atol=0.1)


def test_a_chain_on_its_way_does_not_go_to_a_neck():
    n_groups = 80
    ways = []
    for _ in range(2):
        far = np.sqrt(np.linspace(36.0, 9.0, 50))[:, None]  # so the log density rises steadily
        means = np.linspace(-2, 2, n_groups) + far * RNG.normal(size=n_groups)
        ways.append(np.concatenate([means, 0.01 * RNG.normal(size=(50, 2))], axis=1))
    draws = np.stack(ways)
    levels = np.asarray(jax.vmap(jax.vmap(grouped))(draws))
    assert is_climbing(levels, n_groups + 2).all()
    assert found(grouped, draws) is None


@pytest.mark.parametrize(
    ("log_weight", "is_moved"), [(-60.0, [False, True, False]), (-5.0, None), (0.0, None)]
)
def test_without_gradients_a_lost_chain_follows_one_that_has_seen_mass(log_weight, is_moved):
    draws = normals([0.0, 30.0, 0.0])
    levels = np.asarray(jax.vmap(jax.vmap(two_modes(log_weight)))(draws))
    moved = follow(jnp.asarray(draws[:, -1]), {"positions": draws, "logdensity": levels})
    assert (None if moved is None else moved.is_moved.tolist()) == is_moved
    if moved is not None:
        np.testing.assert_array_equal(moved.positions[::2], draws[::2, -1])
        assert any((moved.positions[1] == draws[i, -1]).all() for i in (0, 2))


def test_a_chain_in_the_wide_part_of_a_funnel_does_not_follow_one_in_its_neck():
    draws, levels = wide_and_neck()
    assert follow(jnp.asarray(draws[:, -1]), {"positions": draws, "logdensity": levels}) is None


@pytest.mark.parametrize(("log_weight", "there"), [(-60.0, 0.0), (0.0, 30.0)])
def test_a_random_walk_brings_back_a_lost_chain(log_weight, there):
    x0 = np.array([0.0, 30.0, 0.0])[:, None] * np.ones(2)
    warm = pmcmc.warmup(
        two_modes(log_weight), x0, kernel="random_walk", n_steps=400, n_chains=3,
        solver="sequential",
    )  # fmt: skip
    centers = np.array([0.0, there, 0.0])[:, None]
    assert np.abs(np.asarray(warm.state.position) - centers).max() < 5
    words = [note.words for note in warm.report.notes if note.tunes == "position"]
    assert words[:1] == (
        ["1 of 3 chains moved to where another chain found mass"] if there == 0 else []
    )


def test_a_climb_that_fails_leaves_the_chains_where_they_are():
    def logdensity(x):  # not to be differentiated
        shape = jax.ShapeDtypeStruct((), x.dtype)
        way = jax.pure_callback(lambda x: x.sum(axis=-1), shape, x, vmap_method="expand_dims")
        return -(way**2)

    assert found(logdensity, np.linspace(300.0, 200.0, 50)[None, :, None] * np.ones(2)) is None


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (np.linspace(-300, -200, 40), True),
        (np.linspace(-200, -300, 40), False),
        (np.concatenate([np.linspace(-300, -2, 5), RNG.normal(size=35)]), False),
        (RNG.normal(size=40), False),
        (np.full(40, -7.0), False),
        (np.array([-1000.0]), False),
    ],
)
def test_which_chains_climb(levels, expected):
    assert is_climbing(levels[None], 2).tolist() == [expected]


def test_a_line_through_years_is_found_from_anywhere():
    """Slope and intercept correlate by -0.9999, and the log density falls by millions."""
    years = np.arange(1952.0, 2014.0)
    warmth = 9.3 + 0.02 * (years - 1983) + 1.1 * np.sin(37 * years)

    def logdensity(x):
        rest = (warmth - x[0] - x[1] * years) * jnp.exp(-x[2])
        prior = (x[0] - 9.3) ** 2 / 1e4 + 1e3 * x[1] ** 2
        return -0.5 * jnp.sum(rest**2) - len(years) * x[2] - 0.5 * prior

    starts = np.random.default_rng(3).uniform(-2, 2, size=(4, 3))
    result = pmcmc.sample(logdensity, starts, 1000, n_chains=4, solver="sequential")
    assert result.summary()["r_hat"].max() < 1.05
    assert any("moved to a mode" in note.words for note in result.info.warmup.notes)
