import dataclasses
import os
import re
import subprocess
import sys

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._util import arviz_compat


def logdensity(x):
    return -0.5 * jnp.sum(x["slopes"] ** 2) - 0.5 * (x["scale"]["log"] - 1.0) ** 2


@pytest.fixture(scope="module")
def result():
    x0 = {"slopes": np.zeros((4, 2)), "scale": {"log": np.ones(4)}}
    return pmcmc.sample(
        logdensity, x0, 500, kernel=pmcmc.MALA(step_size=0.6), n_chains=4, solver="quasi"
    )


def test_arviz_has_the_draws_under_their_names(result):
    data = result.to_arviz()
    assert set(data.posterior.data_vars) == {"slopes", "scale.log"}
    np.testing.assert_array_equal(data.posterior["slopes"], result.positions["slopes"])
    assert data.posterior["scale.log"].dims == ("chain", "draw")
    stats = data.sample_stats
    np.testing.assert_array_equal(stats["lp"], result.stats["logdensity"])
    np.testing.assert_array_equal(stats["diverging"], result.stats["is_divergent"])
    for name in ("acceptance_rate", "is_accepted"):
        np.testing.assert_array_equal(stats[name], result.stats[name])
    assert data.posterior.attrs["inference_library"] == "pmcmc"
    assert data.posterior.attrs["converged"].tolist() == [1, 1, 1, 1]


def test_arviz_container_is_the_native_one(result):
    is_new = int(arviz.__version__.split(".")[0]) >= 1
    assert type(result.to_arviz()).__name__ == ("DataTree" if is_new else "InferenceData")


def test_arviz_data_can_be_saved(result, tmp_path):
    path = tmp_path / "draws.nc"
    result.to_arviz().to_netcdf(path)
    assert path.stat().st_size > 0


def test_summary_is_arviz_s_table(result):
    table = result.summary()
    assert list(table.index) == ["scale.log", "slopes[0]", "slopes[1]"] or set(table.index) == {
        "scale.log",
        "slopes[0]",
        "slopes[1]",
    }
    assert float(table.loc["scale.log", "mean"]) == pytest.approx(1.0, abs=0.2)
    assert (table["ess_bulk"].astype(float) > 100).all()


def test_one_chain_has_a_table_without_log_records(caplog):
    def summarized(n_steps):
        one = pmcmc.sample(
            lambda x: -0.5 * x**2, 0.0, n_steps, kernel=pmcmc.MALA(0.6), solver="sequential"
        )
        caplog.clear()
        table = one.summary()
        return table, [record for record in caplog.records if record.name.startswith("arviz")]

    logger = arviz_compat._logger(arviz)
    filters = logger.filters[:]
    logger.addHandler(caplog.handler)
    try:
        table, records = summarized(201)  # ArviZ does not repeat a record of the same shape
        assert float(table.loc["x", "ess_bulk"]) > 10
        assert np.isnan(float(table.loc["x", "r_hat"]))
        assert records == []
        _, records = summarized(3)  # too few draws for any estimate
        assert records or int(arviz.__version__.split(".")[0]) >= 1
    finally:
        logger.removeHandler(caplog.handler)
    assert logger.filters == filters


@pytest.mark.parametrize(
    ("x0", "names"),
    [
        (np.zeros(2), {"x"}),
        (0.0, {"x"}),
        ((np.zeros(2), 0.0), {"x.0", "x.1"}),
        ({"a": (0.0, 1.0)}, {"a.0", "a.1"}),
    ],
)
def test_names_of_positions(x0, names):
    assert set(few_draws(x0).to_arviz().posterior.data_vars) == names


def test_repr_tells_what_matters(result):
    text = repr(result)
    assert "4 x 500 draws (chain x draw) of 3 numbers, float64" in text
    assert "MALA(step_size=0.6), mean acceptance 0." in text
    assert "0 divergent" in text
    assert "ParallelNewton" in text
    assert "work per step" in text
    assert re.search(r"mixing      R-hat at most 1\.0\d\d$", text, flags=re.MULTILINE)
    assert "same as the loop's within tolerance: residual" in text
    assert "compile" in text
    assert max(map(len, text.splitlines())) <= 120


def test_repr_says_whether_chains_agree(result):
    apart = np.arange(4.0)[:, None]
    moved = jax.tree.map(lambda x: x + apart.reshape(4, *[1] * (x.ndim - 1)), result.positions)
    text = repr(dataclasses.replace(result, positions=moved))
    assert re.search(r"R-hat at most \d\.\d{3}: the chains do not agree; see pmcmc.diag", text)
    few = np.random.default_rng(0).normal(size=(4, 20, 20))  # independent, and above 1.05
    short = jax.tree.map(lambda x: x[:, :20], result.stats)
    text = repr(dataclasses.replace(result, positions=few, stats=short))
    assert re.search(r"R-hat at most 1\.[1-9]\d\d$", text, flags=re.MULTILINE)
    first = jax.tree.map(lambda x: x[:1], (moved, result.stats))
    alone = dataclasses.replace(result, positions=first[0], stats=first[1])
    assert "R-hat of its halves at most 1.0" in repr(alone)
    wide = dataclasses.replace(
        result, positions={"x": np.zeros((4, 500, 3000)), "e": np.ones((4, 500, 0))}
    )
    assert "R-hat at most 1.000" in repr(wide)


def test_sampling_runs_without_arviz():
    code = """
import sys
sys.modules["arviz"] = None
import numpy as np, jax.numpy as jnp, pmcmc
result = pmcmc.sample(lambda x: -jnp.sum(x**2), np.zeros(2, np.float32), 5, solver="quasi")
print(result)
try:
    result.summary()
except ImportError as error:
    print(error)
"""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    assert "pmcmc.Result: 1 x 5 draws" in out
    assert "installed with pmcmc by default but cannot be imported here" in out
    assert "pip install 'arviz>=0.22'" in out


def few_draws(x0):
    def logdensity(x):
        return -sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(x))

    return pmcmc.sample(logdensity, x0, 8, kernel=pmcmc.MALA(step_size=0.1))


@pytest.fixture(scope="module")
def odd():
    """Names that netCDF does not allow, and names of ArviZ's own axes."""
    x0 = {"a/b": np.zeros(3), "chain": 0.0, "draw": np.zeros((3, 2)), "w": np.zeros((2, 3))}
    return few_draws(x0 | {"w_dim_0": 0.0})


@pytest.mark.parametrize("x0", [{"a.b": 0.0, "a": {"b": 0.0}}, {"a/b": 0.0, "a.b": 0.0}])
def test_two_variables_of_one_name_are_refused(x0):
    with pytest.raises(ValueError, match=r"ArviZ cannot hold two variables .* 'a\.b'"):
        few_draws(x0).to_arviz()


def test_names_that_are_taken_get_an_underscore_and_slashes_become_dots(odd, tmp_path):
    data = odd.to_arviz()
    path = tmp_path / "draws.nc"
    data.to_netcdf(path)
    back = arviz.from_netcdf(path)
    expected = {
        "a.b": ("a/b", ("a.b_dim_0",)),
        "chain_": ("chain", ()),
        "draw_": ("draw", ("draw__dim_0", "draw__dim_1")),
        "w": ("w", ("w_dim_0_", "w_dim_1")),
        "w_dim_0": ("w_dim_0", ()),
    }
    for posterior in (data.posterior, back.posterior):
        assert set(posterior.data_vars) == set(expected)
        for name, (key, dims) in expected.items():
            assert posterior[name].dims == ("chain", "draw", *dims)
            np.testing.assert_array_equal(posterior[name], odd.positions[key])
    assert "a.b[2]" in odd.summary().index
    back.close()


def test_axes_and_coordinates_are_named_as_told(odd):
    dims = {"a/b": ["school"], "chain_": [], "w": [None, "school"], "draw": ["school", None]}
    data = odd.to_arviz(dims=dims, coords={"school": ["x", "y", "z"]})
    posterior = data.posterior
    assert posterior["w"].dims == ("chain", "draw", "w_dim_0_", "school")
    np.testing.assert_array_equal(posterior["a.b"].sel(school="y"), odd.positions["a/b"][:, :, 1])
    np.testing.assert_array_equal(
        posterior["draw_"].sel(school="z"), odd.positions["draw"][:, :, 2]
    )
    whole = few_draws(np.zeros(2)).to_arviz(
        dims={"x": ["side"]}, coords={"side": ["left", "right"]}
    )
    assert whole.posterior["x"].sel(side="left").dims == ("chain", "draw")


BAD_NAMES = {
    "unknown variable": (dict(dims={"b": ["g"]}), "names of variables, which are a/b.* got 'b'"),
    "too few": (dict(dims={"w": ["g"]}), r"dims must have 2 names for 'w'.* got \['g'\]"),
    "too many": (dict(dims={"chain": ["g"]}), r"dims must have 0 names for 'chain_'.*: \[\]"),
    "a string": (dict(dims={"w": "ab"}), "dims must have a list of names for 'w', got 'ab'"),
    "own axis": (dict(dims={"a/b": ["draw"]}), "other names for 'a.b', got 'draw', which is the"),
    "a variable": (dict(dims={"a/b": ["w"]}), "got 'w', which is the name of a variable"),
    "twice": (dict(dims={"w": ["g", "g"]}), "which is the name of another axis of it"),
    "two lengths": (dict(dims={"w": ["g", "h"], "a/b": ["g"]}), "an axis of 3, not 2: write 'g_'"),
    "unknown axis": (dict(coords={"g": [1]}), "coords must have names of axes, which are .*'g'"),
    "other length": (
        dict(dims={"a/b": ["g"]}, coords={"g": [1, 2]}),
        r"coords must have 3 values for 'g'.* got 2: write coords=\{'g': range\(3\)\}",
    ),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names_that_do_not_fit_are_refused(odd, case):
    arguments, message = BAD_NAMES[case]
    with pytest.raises(ValueError, match=message):
        odd.to_arviz(**arguments)
