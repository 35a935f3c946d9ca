"""Runs of NumPyro models that end and go on."""

import jax
import numpy as np
import pytest

pytest.importorskip("numpyro")
pytest.importorskip("zarr")

import pmcmc
from pmcmc.adapters.numpyro import resume_model, sample_model

from .models import MODELS, eight_schools

SIGMA = MODELS["eight schools"][1][0]
Y = MODELS["eight schools"][2]["y"]
GIVEN = {"y": Y, "kernel": pmcmc.RandomWalkMetropolis(0.1), "n_chains": 2}


def test_a_longer_chain_is_that_of_one_run(tmp_path):
    store = tmp_path / "run.zarr"
    sample_model(eight_schools, SIGMA, n_steps=60, store=store, **GIVEN)
    longer = resume_model(store, eight_schools, SIGMA, y=Y, n_steps=100)
    alone = sample_model(eight_schools, SIGMA, n_steps=100, **GIVEN)
    assert set(longer.positions) == {"mu", "tau", "z", "theta"}
    for site, draws in alone.positions.items():
        np.testing.assert_allclose(longer.positions[site], draws, rtol=1e-12)
    with pytest.raises(ValueError, match=r"logdensity must be that of the store"):
        resume_model(store, eight_schools, SIGMA, y=Y + 1)


def test_a_model_on_a_mesh():
    mesh = jax.make_mesh((2, 4), ("chain", "time"))
    alone = sample_model(eight_schools, SIGMA, n_steps=60, solver="sequential", **GIVEN)
    spread = sample_model(eight_schools, SIGMA, n_steps=60, mesh=mesh, **GIVEN)
    np.testing.assert_allclose(spread.positions["theta"], alone.positions["theta"], rtol=1e-9)
    assert spread.info.sweeps.all()
