"""What a model reads from modules, files and the environment is read anew."""

import importlib
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402

from pmcmc.adapters.numpyro import from_model  # noqa: E402


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
