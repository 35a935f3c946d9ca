"""Names of axes and variables of models in ArviZ, against its own converter."""

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.handlers import scope  # noqa: E402
from numpyro.infer import NUTS  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import sample_model  # noqa: E402


def vectors(name, size, **infer):
    return numpyro.sample(name, dist.Normal().expand([size]).to_event(1), infer=infer)


def as_long_as_the_event():
    with numpyro.plate("school", 3):
        numpyro.deterministic("twice", 2 * vectors("b", 3))


def other_length_than_the_event():
    with numpyro.plate("school", 3):
        numpyro.deterministic("twice", 2 * vectors("b", 4))


def nested():
    with numpyro.plate("column", 5, dim=-1), numpyro.plate("row", 4, dim=-2):
        z = vectors("z", 2)
        numpyro.deterministic("moved", z + 1)
        numpyro.deterministic("mean", z.mean(axis=-1))


def nested_and_square():
    with numpyro.plate("row", 3, dim=-2), numpyro.plate("column", 3, dim=-1):
        numpyro.deterministic("moved", vectors("z", 3) + 1)


def of_one():
    with numpyro.plate("one", 1):
        numpyro.deterministic("moved", vectors("z", 3) + 1)


def outside():
    with numpyro.plate("school", 3):
        z = numpyro.sample("z", dist.Normal())
    numpyro.deterministic("moved", z + 1)
    matrix = numpyro.sample("matrix", dist.Normal().expand([3, 3]).to_event(2))
    numpyro.deterministic("sum", matrix + 1)


def matrices_of_vectors():
    with numpyro.plate("school", 2):
        w = numpyro.sample("w", dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2)))
        numpyro.deterministic("outer", w[..., None] * w[..., None, :])
        numpyro.sample("y", dist.Normal(w, 1).to_event(1), obs=np.zeros((2, 2)))


def of_one_column():
    with numpyro.plate("row", 3, dim=-2):
        with numpyro.plate("column", 2, dim=-1):
            w = numpyro.sample("w", dist.Normal())
        numpyro.deterministic("first", w[:, 0])


def with_names_of_events():
    with numpyro.plate("school", 3):
        b = vectors("b", 3, event_dims=["time"])
        numpyro.sample("y", dist.Normal(b, 1).to_event(1), obs=np.zeros((3, 3)))


MODELS = [
    as_long_as_the_event,
    other_length_than_the_event,
    nested,
    nested_and_square,
    of_one,
    outside,
    matrices_of_vectors,
    of_one_column,
    with_names_of_events,
]


def few_draws(model):
    return sample_model(model, n_steps=2, kernel=pmcmc.MALA(0.1), solver="sequential")


def named_axes(group):
    """Names of axes; of one without a name, ArviZ 1.x counts those alone and 0.23 all."""
    is_old = int(arviz.__version__.split(".")[0]) < 1
    return {
        name: [dim if is_old or not dim.startswith(f"{name}_dim_") else "" for dim in values.dims]
        for name, values in group.data_vars.items()
    }


@pytest.mark.parametrize("model", MODELS)
def test_axes_have_the_names_that_arviz_gives_them(model):
    data = few_draws(model).to_arviz(log_likelihood=True)
    theirs = numpyro.infer.MCMC(NUTS(model), num_warmup=0, num_samples=2, progress_bar=False)
    theirs.run(jax.random.key(0))
    expected = arviz.from_numpyro(theirs)
    for group in ("posterior", "observed_data", "log_likelihood"):
        if hasattr(expected, group):
            assert named_axes(getattr(data, group)) == named_axes(getattr(expected, group))


def test_plates_that_have_no_axis_of_a_value_leave_the_other_ones_theirs():
    def model():
        with numpyro.plate("row", 4, dim=-2), numpyro.plate("column", 5, dim=-1):
            z = numpyro.sample("z", dist.Normal())
            numpyro.deterministic("of_columns", z.mean(axis=0))
            numpyro.deterministic("vector_of_columns", z[0][:, None] * jnp.ones(2))
            numpyro.deterministic("stacked", jnp.stack([z, z]))
            numpyro.deterministic("of_rows", z[:, 0])
            numpyro.deterministic("same", jnp.float_(1.0))
            numpyro.sample("y", dist.Normal(z, 1), obs=np.zeros(5))

    result = few_draws(model)
    data = result.to_arviz(log_likelihood=True)
    dims = {name: variable.dims[2:] for name, variable in data.posterior.data_vars.items()}
    assert dims == {
        "z": ("row", "column"),
        "of_columns": ("column",),
        "vector_of_columns": ("column", "vector_of_columns_dim_1"),
        "stacked": ("stacked_dim_0", "row", "column"),
        "of_rows": ("row",),
        "same": (),
    }
    assert data.observed_data["y"].dims == ("column",)
    assert data.log_likelihood["y"].dims == ("chain", "draw", "row", "column")
    column = data.posterior["of_columns"].sel(column=3)
    np.testing.assert_array_equal(column, result.positions["of_columns"][..., 3])


def taken():
    """Names of ArviZ's axes, of variables, of two lengths and with slashes."""
    numpyro.sample("chain", dist.Normal())
    with numpyro.plate("draw", 3):
        z = numpyro.sample("z", dist.Normal())
    with numpyro.plate("inner.z", 2):
        numpyro.sample("w", dist.Normal())
    with scope(prefix="inner"), numpyro.plate("school", 2):
        numpyro.sample("z", dist.Normal())
    with numpyro.plate("inner.school", 4):
        numpyro.sample("v", dist.Normal())
    numpyro.sample("obs/y", dist.Normal(z.sum(), 1), obs=0.5)


def test_names_that_are_taken_or_have_slashes_can_be_saved(tmp_path):
    result = few_draws(taken)
    data = result.to_arviz(log_likelihood=True, coords={"inner.school": ["a", "b"]})
    path = tmp_path / "draws.nc"
    data.to_netcdf(path)
    back = arviz.from_netcdf(path)
    expected = {
        "chain_": ("chain", ()),
        "z": ("z", ("draw_",)),
        "w": ("w", ("inner.z_",)),
        "inner.z": ("inner/z", ("inner.school",)),
        "v": ("v", ("inner.school_",)),
    }
    for posterior in (data.posterior, back.posterior):
        assert set(posterior.data_vars) == set(expected)
        for name, (site, dims) in expected.items():
            assert posterior[name].dims == ("chain", "draw", *dims)
            np.testing.assert_array_equal(posterior[name], result.positions[site])
    assert list(back.posterior["inner.school"].values) == ["a", "b"]
    assert list(back.observed_data.data_vars) == list(back.log_likelihood.data_vars) == ["obs.y"]
    back.close()
    named = result.to_arviz(dims={"inner/z": ["school"], "v": ["school_"]})
    assert named.posterior["inner.z"].dims[2:] == ("school",)
