"""What a store refuses, and in which words."""

import dataclasses
import io
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._running import record
from pmcmc._store.codec import NotStorableError, pack, unpack
from pmcmc._store.folder import Folder
from pmcmc.solvers import PRESETS
from pmcmc.surrogates import GaussianSurrogate
from tests.store.runs import ARGUMENTS, START, normal, sampled, wider


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "run.zarr"
    sampled(100, store=path)
    return path


def test_another_model(stored):
    with pytest.raises(ValueError, match=r"logdensity must be that of the store .* at the starts"):
        pmcmc.resume(stored, wider)


def test_another_dtype(stored):
    with jax.enable_x64(False), pytest.raises(ValueError, match="holds a chain of float64"):
        pmcmc.resume(stored, normal)


def test_another_version(stored, monkeypatch):
    monkeypatch.setattr(record, "__version__", "99.0")
    with pytest.raises(ValueError, match=r"begun with pmcmc .*differ from those of 99\.0"):
        pmcmc.resume(stored, normal)


def test_another_kernel_or_solver(stored, tmp_path):
    with pytest.raises(ValueError, match=r"kernel must be that of the store, 'mala'"):
        pmcmc.resume(stored, normal, kernel=pmcmc.MALA(0.3))
    with pytest.raises(ValueError, match="solver must be that of the store, Sequential"):
        pmcmc.resume(stored, normal, solver="quasi")
    path = tmp_path / "another.zarr"
    sampled(20, kernel=pmcmc.MALA(0.25), n_warmup=0, store=path)
    with pytest.raises(ValueError, match="kernel must be that of the store"):
        pmcmc.resume(path, normal, kernel=pmcmc.MALA(0.3))
    pmcmc.resume(path, normal, kernel=pmcmc.MALA(0.25), solver="sequential")


def test_other_noise(stored):
    with (
        jax.threefry_partitionable(False),
        pytest.raises(ValueError, match="different random numbers"),
    ):
        pmcmc.resume(stored, normal)


def test_a_run_that_somebody_else_goes_on_with(stored):
    words = r"is in use: another call of sample or resume.*resume\("
    with Folder(stored).reserved(), pytest.raises(RuntimeError, match=words):
        pmcmc.resume(stored, normal)
    assert pmcmc.resume(stored, normal).positions is not None


def test_fewer_steps(stored):
    with pytest.raises(
        ValueError, match=r"at least the 100 of the store, got 50: write n_steps=150"
    ):
        pmcmc.resume(stored, normal, n_steps=50)


def test_a_store_that_is_there_already(stored):
    with pytest.raises(ValueError, match=r"exists: write pmcmc.resume\('"):
        sampled(store=stored)


def test_no_store(tmp_path):
    with pytest.raises(ValueError, match="which holds no run"):
        pmcmc.resume(tmp_path / "nothing.zarr", normal)
    (tmp_path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group"}))
    with pytest.raises(ValueError, match="has no readable description"):
        pmcmc.resume(tmp_path, normal)


@pytest.mark.parametrize("store", [True, 5])
def test_what_is_no_path(store):
    with pytest.raises(ValueError, match=r"store must be a path, got .*write store='run.zarr'"):
        sampled(store=store)
    with pytest.raises(ValueError, match="store must be a path"):
        pmcmc.resume(store, normal)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        sampled(store=tmp_path / "file" / "run.zarr")


class Pair(NamedTuple):
    a: object
    b: object


def test_positions_of_a_users_class(tmp_path):
    def logdensity(x):
        return -0.5 * jnp.sum(x.a**2) - 0.5 * x.b**2

    with pytest.raises(ValueError, match=r"got an instance of Pair: write x0 as a dictionary"):
        pmcmc.sample(logdensity, Pair(*START.values()), 50, **ARGUMENTS, store=tmp_path / "r.zarr")
    assert not list(tmp_path.iterdir())


def test_bad_arguments_leave_no_store(tmp_path):
    with pytest.raises(ValueError, match="keep must be a function"):
        sampled(keep="mean", store=tmp_path / "r.zarr")
    with pytest.raises(ValueError, match="thin must be at most"):
        sampled(thin=300, store=tmp_path / "r.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (lambda x: x["c"], "keep could not be traced"),
        (lambda x: {}, "keep must return arrays"),
        (3, "keep must be a function"),
    ],
)
def test_what_cannot_be_kept(keep, words):
    with pytest.raises(ValueError, match=words):
        sampled(50, keep=keep)


@dataclasses.dataclass(frozen=True)
class Theirs:
    x: int = 1


def test_everything_of_ours_comes_back_bit_for_bit():
    rng = np.random.default_rng(0)
    things = [
        *(pmcmc.solvers.as_solver(name) for name in PRESETS),
        pmcmc.Auto(),
        pmcmc.HMC(np.float64(0.1), 5, inverse_mass_matrix=rng.uniform(1, 2, 3)),
        pmcmc.RandomWalkMetropolis(0.3),
        pmcmc.SurrogateHMC(GaussianSurrogate.from_metric(np.zeros(2), np.ones(2))),
        pmcmc.solvers.Outcome.BUDGET_SPENT,
        {"a": [1, (2.5, None), True], 3: np.array([np.nan, -0.0, np.inf])},
        [1e-320, float("nan"), np.float32(0.1), np.dtype("float32")],
    ]
    for thing in things:
        again = unpack(pack(thing))
        assert repr(again) == repr(thing)
        assert pack(again) == pack(thing)
    assert isinstance(unpack(pack(np.float64(1.5))), np.float64)


@pytest.mark.parametrize("thing", [lambda x: x, Theirs(), Pair(1, 2), {1, 2}, object()])
def test_nothing_of_anybody_elses(thing):
    with pytest.raises(NotStorableError):
        pack([thing])


@pytest.mark.parametrize("name", ["os:system", "pmcmc._store.folder:shutil", "pmcmc.x:y", "a:b"])
def test_reading_runs_nothing(name):
    text = json.dumps({"class": name, "fields": [["command", "true"]]})
    file = io.BytesIO()
    np.savez(file, tree=np.frombuffer(text.encode(), np.uint8))
    with pytest.raises(ValueError, match="there is no class"):
        unpack(file.getvalue())
    evil = io.BytesIO()
    np.savez(evil, tree=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpack(evil.getvalue())
