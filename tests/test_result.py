import os
import subprocess
import sys

import arviz
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc


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
    import jax

    def flat(x):
        return -sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(x))

    result = pmcmc.sample(flat, x0, 8, kernel=pmcmc.MALA(step_size=0.1))
    assert set(result.to_arviz().posterior.data_vars) == names


def test_repr_tells_what_matters(result):
    text = repr(result)
    assert "4 x 500 draws (chain x draw) of 3 numbers, float64" in text
    assert "MALA(step_size=0.6), mean acceptance 0." in text
    assert "0 divergent" in text
    assert "ParallelNewton" in text
    assert "work per step" in text
    assert "same as the loop's within tolerance: residual" in text
    assert "compile" in text
    assert max(map(len, text.splitlines())) <= 120


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
    assert "pip install arviz" in out


@pytest.mark.parametrize("x0", [{"a.b": 0.0, "a": {"b": 0.0}}, {"chain": 0.0}])
def test_names_that_arviz_cannot_hold_are_refused(x0):
    import jax

    result = pmcmc.sample(
        lambda x: -sum(leaf**2 for leaf in jax.tree.leaves(x)),
        x0,
        8,
        kernel=pmcmc.MALA(step_size=0.1),
    )
    with pytest.raises(ValueError, match="ArviZ cannot hold a variable of the name"):
        result.to_arviz()
