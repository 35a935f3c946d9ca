"""Runs that end at any moment, and are taken up again: the chain is that of a run without a store.

A kill is imitated by failing from one renaming of a file on, which is how zarr puts each file in
its place. `benchmarks/interruptions.py` kills processes.
"""

import errno
import itertools
import pathlib
import shutil
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation import rounds
from pmcmc._running import steps
from pmcmc._store import journal, storage
from tests.store.runs import ARGUMENTS, START, assert_same, normal, sampled


class Killed(BaseException):
    pass


@pytest.fixture
def often(monkeypatch):
    """Everything is written down at once."""
    monkeypatch.setattr(journal, "_WRITE_SECONDS", 0.0)
    monkeypatch.setattr(storage, "_COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(steps, "_LEAST_STEPS", 25)


@pytest.fixture
def files(monkeypatch):
    """Count the files that are put in place; from number `files.last` on none is."""
    replace = pathlib.Path.replace

    class Files:
        n, last, error = 0, 10**9, Killed

    def counted(self, target):
        Files.n += 1
        if Files.n > Files.last:
            raise Files.error
        return replace(self, target)

    monkeypatch.setattr(pathlib.Path, "replace", counted)
    return Files


def killed_after(files, n, call):
    files.n, files.last = 0, n
    with pytest.raises(BaseException):  # noqa: B017, PT011 (the kill, or an error it led to)
        call()
    files.last = 10**9


def test_any_moment(path, expected, files, often):
    def run():
        if not path.exists():
            return sampled(store=path)
        return pmcmc.resume(path, normal)

    files.n = 0
    sampled(store=path.with_name("whole.zarr"))
    n_files = files.n
    assert n_files > 200
    for n in np.random.default_rng(0).integers(1, n_files, 5):
        killed_after(files, n, run)
        assert_same(run(), expected)
        shutil.rmtree(path)


def test_many_kills_of_one_run(path, expected, files, often):
    n_kills, n = 0, 50
    while True:
        try:
            files.n, files.last = 0, n
            result = pmcmc.resume(path, normal) if path.exists() else sampled(store=path)
        except BaseException:
            n_kills, n = n_kills + 1, n + 10
            continue
        break
    assert n_kills >= 5
    assert_same(result, expected)


def test_segments_that_share_a_file(path, expected, files, often, monkeypatch):
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)  # a second at each look
    monkeypatch.setattr(journal, "time", clock)
    monkeypatch.setattr(journal, "_WRITE_SECONDS", 3.0)
    killed_after(files, 20, lambda: sampled(store=path))
    assert len(list((path / "pmcmc").glob("journal_*"))) > 1
    assert_same(pmcmc.resume(path, normal), expected)


def test_a_warm_up_takes_no_step_twice(path, files, often, monkeypatch):
    from pmcmc._chain.runner import Runner

    advance, taken = Runner.advance, []

    def counted(self, kernel, positions, rng_key, first_step, n_steps):
        taken.append(n_steps)
        return advance(self, kernel, positions, rng_key, first_step, n_steps)

    monkeypatch.setattr(Runner, "advance", counted)
    sampled(store=path.with_name("whole.zarr"))
    whole, taken[:] = sum(taken), []
    killed_after(files, 60, lambda: sampled(store=path))
    pmcmc.resume(path, normal)
    # One segment was computed and not written.
    assert whole <= sum(taken) <= whole + 25


@pytest.mark.filterwarnings("ignore:kernel='surrogate_hmc' found.*have not settled")
@pytest.mark.parametrize("arrived", [True, False])
def test_surrogate_hmc(path, files, often, arrived, monkeypatch):
    monkeypatch.setattr(rounds, "have_arrived", lambda *_: arrived)
    arguments = dict(kernel="surrogate_hmc", n_warmup=400, rng_key=1)
    expected = sampled(100, **arguments)
    fits = [note for note in expected.info.warmup.notes if note.tunes == "surrogate"]
    assert len(fits) == (3 if arrived else 6)
    for n in (150, 150):
        killed_after(
            files,
            n,
            lambda: (
                pmcmc.resume(path, normal)
                if path.exists()
                else sampled(100, **arguments, store=path)
            ),
        )
    assert_same(pmcmc.resume(path, normal), expected)


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing"])
def test_damage_to_the_last_file_loses_that_file(path, expected, damage, often):
    sampled(store=path)
    folder = path / "posterior" / "b" / "c" / "0"
    last = max(folder.iterdir(), key=lambda file: int(file.name))
    data = bytearray(last.read_bytes())
    if damage == "missing":
        last.unlink()
    elif damage == "truncated":
        last.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        last.write_bytes(data)
    assert_same(pmcmc.resume(path, normal), expected)


def test_damage_in_the_middle_is_computed_again(path, expected, often):
    sampled(store=path)
    (path / "sample_stats" / "lp" / "c" / "0" / "3").unlink()
    assert_same(pmcmc.resume(path, normal), expected)


def test_a_damaged_checkpoint(path, expected, often):
    sampled(store=path)
    name = max(entry.name for entry in (path / "pmcmc").glob("checkpoint_*"))
    (path / "pmcmc" / name / "c" / "0").write_bytes(b"no checkpoint")
    assert_same(pmcmc.resume(path, normal), expected)


def test_a_full_disk_keeps_what_was_written(path, expected, files, often):
    files.error = OSError(errno.ENOSPC, "No space left on device")
    files.n, files.last = 0, 250
    with pytest.raises(RuntimeError, match=r"store .* could not be written \(OSError.*No space"):
        sampled(store=path)
    files.last = 10**9
    assert list((path / "pmcmc").glob("checkpoint_*"))
    assert_same(pmcmc.resume(path, normal), expected)


def test_nothing_is_written_after_a_gap(path, expected, often, monkeypatch):
    write, calls = storage.Storage._write, []

    def fails_once(self, *arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, *arguments)

    monkeypatch.setattr(storage.Storage, "_write", fails_once)
    with pytest.raises(RuntimeError, match="could not be written") as caught:
        sampled(store=path)
    assert len(calls) == 1
    assert not hasattr(caught.value, "__notes__")  # not all steps that were taken are on disk
    assert_same(pmcmc.resume(path, normal), expected)


def test_a_guess_of_the_whole_chain_is_stored_with_the_run(path, expected, often, files):
    guess = pmcmc.solvers.TrajectoryGuess(expected.positions)
    solver = pmcmc.ParallelNewton(guess=guess, window=32)
    run = pmcmc.sample(
        normal, START, 200, kernel=pmcmc.MALA(0.3), n_chains=2, solver=solver, rng_key=3
    )
    killed_after(
        files,
        150,
        lambda: pmcmc.sample(
            normal,
            START,
            200,
            kernel=pmcmc.MALA(0.3),
            n_chains=2,
            solver=solver,
            rng_key=3,
            store=path,
        ),
    )
    assert list((path / "pmcmc").glob("checkpoint_*"))
    for _ in range(2):  # the rest, and then the finished run
        found = pmcmc.resume(path, normal)
        np.testing.assert_allclose(found.positions["a"], run.positions["a"], rtol=0, atol=1e-10)


def test_ctrl_c_before_the_first_moments(path, often, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "_after", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sampled(keep="moments", store=path)


def test_ctrl_c_returns_what_is_finished(path, expected, often, monkeypatch):
    after, calls = steps._after, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return after(*arguments)

    monkeypatch.setattr(steps, "_after", interrupted)
    with pytest.warns(UserWarning, match=r"Ctrl-C; 75 of 200 steps are in .*run.zarr'"):
        result = sampled(store=path)
    assert result.info.n_steps == 75
    np.testing.assert_array_equal(result.positions["b"], expected.positions["b"][:, :75])
    assert_same(pmcmc.resume(path, normal), expected)


def test_an_error_of_the_users_loses_nothing(path, often):
    n_left = [300]

    def host(x):
        n_left[0] -= 1
        if n_left[0] == 0:
            raise OSError("the simulator is gone")
        return -0.5 * np.sum(np.asarray(x) ** 2)

    def logdensity(x):
        shape = jax.ShapeDtypeStruct((), x["b"].dtype)
        flat = jnp.concatenate([x["a"], x["b"][None]])
        return jax.pure_callback(host, shape, flat, vmap_method="sequential")

    arguments = ARGUMENTS | dict(kernel=pmcmc.RandomWalkMetropolis(0.5), n_warmup=0)
    with pytest.raises(RuntimeError, match="the simulator is gone") as error:
        pmcmc.sample(logdensity, START, 200, **arguments, store=path)
    n_done = int(error.value.__notes__[0].split(" of 200 steps are in")[0])
    assert n_done >= 100
    assert (path / "pmcmc" / f"checkpoint_{n_done:012}").exists()
    assert pmcmc.resume(path, logdensity).positions["b"].shape == (2, 200)


def test_ctrl_c_before_the_first_draw_is_ctrl_c(path, often, monkeypatch):
    after, calls = steps._after, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return after(*arguments)

    monkeypatch.setattr(steps, "_after", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sampled(thin=100, store=path)
    assert_same(pmcmc.resume(path, normal), sampled(thin=100))
