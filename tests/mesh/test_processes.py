"""Two processes of `jax.distributed` on this machine, one of which is killed in the middle."""

import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np

import pmcmc

from . import member

_SECONDS_TO_NOTICE = 60  # that a process died: 10 of heartbeats, and room for a busy machine
_SECONDS_TO_BEGIN = 240  # or to end: not a speed, but a bound on waiting for what may never come


def start(store, what, out):
    """Two processes."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    arguments = [str(port), str(store), what, str(out)]
    processes = []
    for number in (0, 1):
        with (pathlib.Path(out) / f"{what}{number}.txt").open("w") as errors:
            command = [sys.executable, member.__file__, str(number), *arguments]
            processes.append(subprocess.Popen(command, env=environment, stderr=errors))
    return processes


def test_one_of_two_processes_dies_and_both_go_on_from_the_store(tmp_path):
    store = tmp_path / "run.zarr"
    first, second = start(store, "sample", tmp_path)
    deadline = time.monotonic() + _SECONDS_TO_BEGIN
    while not list(store.glob("pmcmc/checkpoint_*")):
        assert first.poll() is None, (tmp_path / "sample0.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second.kill()
    second.wait()
    assert first.wait(_SECONDS_TO_NOTICE) != 0
    assert "pmcmc.resume(" in (tmp_path / "sample0.txt").read_text()
    assert not list(tmp_path.glob("*.npy"))

    processes = start(store, "resume", tmp_path)
    codes = [process.wait(_SECONDS_TO_BEGIN) for process in processes]
    assert codes == [0, 0], (tmp_path / "resume0.txt").read_text()
    alone = pmcmc.sample(
        member.bent,
        member.X0,
        member.N_STEPS,
        kernel="random_walk",
        n_warmup=member.N_WARMUP,
        n_chains=4,
        solver="sequential",
    )
    for number in (0, 1):
        found = np.load(tmp_path / f"{number}.npy")
        np.testing.assert_allclose(found, alone.positions, atol=1e-9)

    processes = start(store, "sample", tmp_path)  # the store exists already: nobody waits
    assert all(process.wait(_SECONDS_TO_BEGIN) != 0 for process in processes)
    assert "ValueError: store must be a new folder" in (tmp_path / "sample0.txt").read_text()
    assert "cannot be used by the first process: Val" in (tmp_path / "sample1.txt").read_text()
