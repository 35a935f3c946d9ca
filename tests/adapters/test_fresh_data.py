"""Data that change in place between two calls: the second call is of the changed data."""

import collections
import functools
import gc
import importlib
import os
import weakref
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.contrib.control_flow import scan  # noqa: E402
from numpyro.infer import HMC  # noqa: E402
from numpyro.infer.reparam import LocScaleReparam  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import MCMC, ModelKernel, from_model, sample_model  # noqa: E402

DATA = np.random.default_rng(0).normal(size=6)
POINT = {"mu": jnp.asarray(0.3)}
TINY = dict(n_steps=2, kernel=pmcmc.MALA(0.1), solver="sequential")
Pair = collections.namedtuple("Pair", "y sd")


def observe(y):
    numpyro.sample("y", dist.Normal(numpyro.sample("mu", dist.Normal(0, 1)), 1), obs=y)


def expected(y):
    """The log density at `POINT`, by SciPy."""
    return stats.norm.logpdf(0.3) + stats.norm(0.3, 1).logpdf(np.asarray(y, float)).sum()


# --- each case: a model, its argument (or none), the change, and what the data then are


def array():
    y = DATA.copy()
    return observe, [y], lambda: y.__iadd__(1), lambda: y


def dictionary():
    y = {"y": DATA.copy()}
    return (lambda d: observe(d["y"])), [y], lambda: y["y"].__iadd__(1), lambda: y["y"]


def dictionary_entry():
    y = {"y": DATA.copy()}
    return (lambda d: observe(d["y"])), [y], lambda: y.update(y=DATA + 1), lambda: y["y"]


def list_of_numbers():
    y = list(DATA)
    return (lambda y: observe(jnp.asarray(y))), [y], lambda: y.append(2.0), lambda: y


def named_tuple():
    y = DATA.copy()
    return (lambda d: observe(d.y)), [Pair(y, 1.0)], lambda: y.__iadd__(1), lambda: y


def column_replaced():
    table = pd.DataFrame({"y": DATA})

    def change():
        table["y"] = DATA + 1

    return (lambda t: observe(t["y"].to_numpy())), [table], change, lambda: table["y"]


def column_changed():
    table = pd.DataFrame({"y": DATA})

    def change():
        table.loc[:, "y"] += 1

    return (lambda t: observe(t["y"].to_numpy())), [table], change, lambda: table["y"]


def namespace():
    space = SimpleNamespace(y=DATA.copy())
    return (lambda s: observe(s.y)), [space], lambda: setattr(space, "y", DATA + 1), lambda: space.y


def dataset():
    data = xr.Dataset({"y": ("case", DATA.copy())})
    return (
        (lambda d: observe(d["y"].values)),
        [data],
        lambda: data.update(data + 1),
        lambda: data["y"].values,
    )


def rows():
    """An array of objects."""
    y = np.empty(2, object)
    y[:] = [DATA[:3].copy(), DATA[3:].copy()]
    model = lambda y: observe(jnp.concatenate(list(map(jnp.asarray, y))))  # noqa: E731
    return model, [y], lambda: y[0].__iadd__(1), lambda: np.concatenate(list(y))


def masked():
    y = np.ma.array(DATA, mask=[True] * 3 + [False] * 3)
    return (
        (lambda y: observe(np.asarray(y.compressed()))),
        [y],
        lambda: setattr(y, "mask", [False] * 6),
        y.compressed,
    )


def method():
    class Regression:
        y = DATA

        def model(self):
            observe(self.y)

    one = Regression()
    return one.model, [], lambda: setattr(one, "y", DATA + 1), lambda: one.y


def bound_in_a_partial():
    y = DATA.copy()
    return functools.partial(observe, y=y), [], lambda: y.__iadd__(1), lambda: y


def closure_over_an_array():
    y = DATA.copy()
    return (lambda: observe(y)), [], lambda: y.__iadd__(1), lambda: y


def closure_over_a_list():
    y = [DATA]
    return (
        (lambda: observe(jnp.concatenate(y))),
        [],
        lambda: y.append(DATA),
        lambda: np.concatenate(y),
    )


def default():
    y = DATA.copy()
    return (lambda y=y: observe(y)), [], lambda: y.__iadd__(1), lambda: y


MODULE_DATA = {"y": DATA}


def observe_module_data():
    observe(helper())


def helper():
    return MODULE_DATA["y"]


def module_global():
    def change():
        MODULE_DATA["y"] = MODULE_DATA["y"] + 1

    return observe_module_data, [], change, lambda: MODULE_DATA["y"]


def looked_up_by_name():
    def change():
        MODULE_DATA["y"] = MODULE_DATA["y"] + 1

    model = lambda: observe(globals()["MODULE_DATA"]["y"])  # noqa: E731
    return model, [], change, lambda: MODULE_DATA["y"]


def object_of_a_class():
    class Data:
        y = DATA

    return (lambda d: observe(d.y)), [Data()], lambda: setattr(Data, "y", DATA + 1), lambda: Data.y


CASES = [
    array,
    dictionary,
    dictionary_entry,
    list_of_numbers,
    named_tuple,
    column_replaced,
    column_changed,
    namespace,
    dataset,
    rows,
    masked,
    method,
    bound_in_a_partial,
    closure_over_an_array,
    closure_over_a_list,
    default,
    module_global,
    looked_up_by_name,
    object_of_a_class,
]
# What belongs to a class or a module does not come as an argument.
COPIED = [array, dictionary, dictionary_entry, list_of_numbers, named_tuple, column_replaced]
COPIED += [column_changed, namespace, dataset, rows, masked]


@pytest.mark.parametrize("case", CASES)
def test_second_call_is_of_the_changed_data(case):
    model, args, change, data = case()
    before = expected(data())
    first = from_model(model, *args)
    np.testing.assert_allclose(jax.jit(first.logdensity)(POINT), before, rtol=1e-6)
    change()
    assert abs(expected(data()) - before) > 0.1
    second = from_model(model, *args)
    np.testing.assert_allclose(jax.jit(second.logdensity)(POINT), expected(data()), rtol=1e-6)
    assert second.logdensity != first.logdensity
    if case in COPIED:  # traced again
        np.testing.assert_allclose(first.logdensity(POINT), before, rtol=1e-6)


@pytest.mark.parametrize("case", [masked, module_global])
def test_second_run_is_of_the_changed_data(case):
    model, args, change, data = case()
    mcmc = MCMC(
        ModelKernel(model, pmcmc.MALA(1e-12)),
        num_warmup=0,
        num_samples=1,
        solver="sequential",
        progress_bar=False,
    )

    def run():
        mcmc.run(jax.random.key(0), *args, init_params=POINT, extra_fields=["potential_energy"])
        return -mcmc.get_extra_fields()["potential_energy"][0]

    np.testing.assert_allclose(run(), expected(data()), rtol=1e-4)
    change()
    np.testing.assert_allclose(run(), expected(data()), rtol=1e-4)


def test_warm_up_of_numpyro_and_draws_are_of_the_changed_data():
    model, args, change, data = column_changed()
    kernel = HMC(model, step_size=1e-9, num_steps=1, trajectory_length=None)
    mcmc = MCMC(kernel, num_warmup=0, num_samples=1, solver="sequential", progress_bar=False)
    for act in (lambda: None, change):
        act()
        mcmc.run(jax.random.key(0), *args, init_params=POINT, extra_fields=["potential_energy"])
        potential = mcmc.get_extra_fields()["potential_energy"][0]
        np.testing.assert_allclose(-potential, expected(data()), rtol=1e-4)
        mcmc.post_warmup_state = None


@pytest.mark.parametrize("case", [array, column_changed, masked])
def test_a_result_keeps_the_data_that_it_was_made_with(case):
    model, args, change, data = case()
    before = np.asarray(data(), float).copy()
    result = sample_model(model, *args, **TINY)
    change()
    likelihood = result.log_likelihood()["y"]
    mu = result.positions["mu"][..., None]
    np.testing.assert_allclose(likelihood, stats.norm(mu, 1).logpdf(before), rtol=1e-6)
    np.testing.assert_array_equal(result.model.sites.observed["y"], before)


# --- what is shared, and for how long


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


def test_a_module_that_is_handed_on_is_read_anew(tmp_path, monkeypatch):
    (tmp_path / "settings_of_a_user.py").write_text("location = 0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    settings = importlib.import_module("settings_of_a_user")

    def helper(module):
        return module.location

    def by_helper():
        numpyro.sample("mu", dist.Normal(helper(settings), 1.0))

    def by_argument(module):
        numpyro.sample("mu", dist.Normal(module.location, 1.0))

    held = {"module": settings}

    def by_container():
        numpyro.sample("mu", dist.Normal(held["module"].location, 1.0))

    for model, arguments in ((by_helper, ()), (by_argument, (settings,)), (by_container, ())):
        for location in (0.0, 5.0):
            settings.location = location
            value = from_model(model, *arguments).logdensity({"mu": jnp.asarray(5.0)})
            np.testing.assert_allclose(value, stats.norm(location, 1).logpdf(5.0))


def test_what_an_old_result_reads_anew_is_not_what_a_new_one_reads():
    data = {"y": np.zeros(5)}

    def model():
        mu = numpyro.sample("mu", dist.Normal())
        numpyro.sample("y", dist.Normal(mu, 1.0).expand([5]), obs=data["y"])

    tiny = dict(n_steps=3, kernel=pmcmc.MALA(1e-3), solver="sequential")
    old = sample_model(model, **tiny)
    data["y"] = np.full(5, 10.0)
    old.log_likelihood()
    data["y"] = np.zeros(5)
    new = sample_model(model, **tiny)
    expected = stats.norm(new.positions["mu"][..., None], 1).logpdf(np.zeros(5))
    np.testing.assert_allclose(new.log_likelihood()["y"], expected)


def test_attributes_of_a_subclass_of_arrays_are_kept():
    class Scaled(np.ndarray):
        scale = 1.0

    y = DATA.view(Scaled)
    y.scale = 5.0

    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu * y.scale, 1.0), obs=jnp.asarray(np.asarray(y)))

    value = from_model(model, y).logdensity(POINT)
    right = stats.norm.logpdf(0.3) + stats.norm(0.3 * 5, 1).logpdf(DATA).sum()
    np.testing.assert_allclose(value, right)


def test_files_and_the_environment_are_read_anew(tmp_path, monkeypatch):
    path = tmp_path / "location.npy"

    def by_file():
        numpyro.sample("mu", dist.Normal(float(np.load(path)), 1.0))

    def by_environment():
        numpyro.sample("mu", dist.Normal(float(os.environ["LOCATION"]), 1.0))

    for model in (by_file, by_environment):
        for location in (0.0, 5.0):
            np.save(path, location)
            monkeypatch.setenv("LOCATION", str(location))
            value = jax.jit(from_model(model).logdensity)({"mu": jnp.asarray(5.0)})
            np.testing.assert_allclose(value, stats.norm(location, 1).logpdf(5.0))
