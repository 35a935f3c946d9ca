"""Which models share a function, and for how long they are kept."""

import gc
import os
import weakref
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.contrib.control_flow import scan  # noqa: E402
from numpyro.infer.reparam import LocScaleReparam  # noqa: E402

from pmcmc.adapters.numpyro import from_model, sample_model  # noqa: E402

from .changing_data import (  # noqa: E402
    DATA,
    POINT,
    TINY,
    array,
    default,
    dictionary,
    expected,
    list_of_numbers,
    module_global,
    named_tuple,
    observe,
)


@pytest.mark.parametrize(
    "case", [array, dictionary, list_of_numbers, named_tuple, default, module_global]
)
def test_equal_data_share_one_function(case):
    model, args, change, _ = case()
    first = from_model(model, *args)
    assert from_model(model, *args).logdensity is first.logdensity
    change()
    assert from_model(model, *args).logdensity is not first.logdensity


def test_copies_of_equal_data_and_handlers_share_one_function():
    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        x = numpyro.sample("x", dist.Normal(mu, 2))
        numpyro.sample("y", dist.Normal(x, 1), obs=y)

    handled = numpyro.handlers.reparam(model, config={"x": LocScaleReparam(0)})
    first = from_model(handled, DATA.copy())
    assert from_model(handled, DATA.copy()).logdensity is first.logdensity
    handled.config = {"x": LocScaleReparam(0.5)}
    assert from_model(handled, DATA.copy()).logdensity is not first.logdensity


def test_a_start_changed_by_its_user_is_not_seen_by_others():
    first = from_model(observe, DATA)
    first.initial_position["mu"] = 100.0
    assert abs(from_model(observe, DATA).initial_position["mu"]) <= 2


def test_numbers_that_are_equal_but_not_the_same_are_told_apart():
    def model(y):
        numpyro.deterministic("sign", jnp.copysign(1.0, y))
        observe(DATA)

    for y in (0.0, -0.0):
        assert from_model(model, y).constrain(POINT)["sign"] == np.copysign(1, y)
    typed = [from_model(observe, y).logdensity for y in (1, 1.0, True)]
    assert len(set(typed)) == 3


def test_arguments_that_cannot_be_copied_are_used_as_they_are():
    lock = SimpleNamespace(y=DATA, lines=(line for line in "abc"))
    model = from_model(lambda space: observe(space.y), lock)
    np.testing.assert_allclose(model.logdensity(POINT), expected(DATA), rtol=1e-6)


def test_models_and_their_data_go_when_nobody_holds_them():
    """All but the last ones."""

    class Data:
        y = DATA

    references = []
    for shift in range(4):
        y, data = DATA + shift, Data()

        def model(y, data, shift=shift):
            numpyro.deterministic("shifted", numpyro.sample("mu", dist.Normal(0, 1)) + shift)
            numpyro.sample("y", dist.Normal(shift, 1), obs=y)

        bound = from_model(model, y, None if shift else data)
        bound.initial_positions(jax.random.key(0), 2)
        bound.constrain_draws({"mu": np.zeros((1, 2))})
        bound.log_likelihood_draws({"mu": np.zeros((1, 2))})
        references += [weakref.ref(bound), weakref.ref(model), weakref.ref(bound.logdensity)]
    del bound, model, y, data
    gc.collect()
    assert [reference() is None for reference in references] == [True] * 6 + [False] * 6


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no figures of memory")
def test_fits_of_fresh_models_take_no_memory():
    """A loop in a model, run step by step, would leave its program behind: 9 MB a model."""

    def fit(index):
        def model(y):
            def step(before, y):
                y = numpyro.sample("y", dist.Normal(a * before + 0 * index, 1), obs=y)
                return y, None

            a = numpyro.sample("a", dist.Normal(0, 1))
            scan(step, jnp.zeros(()), y)

        sample_model(model, DATA + index, **TINY)

    def resident():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for index in range(10):
        fit(index)
    before = resident()
    for index in range(25):
        fit(index)
    assert (resident() - before) / 25 < 2e6
