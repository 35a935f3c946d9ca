"""A run on disk that is killed again and again, and the same run without kills.

Each process continues the run where the last process was killed, and is killed at a random moment
itself: in the warm-up, during sampling, or in the middle of a write. The chain has to be the same
as in a run without kills, decision for decision.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._record import print_table, write

TARGET, KERNEL = "sir", "surrogate_hmc"
N_WARMUP, N_STEPS, N_CHAINS, THIN = 2_000, 5_000_000, 2, 20
LONGEST = 9.0  # seconds from the first look at the store to a kill


def run(path: Path) -> pmcmc.Result:
    """Start the run, or continue it."""
    target = getattr(pmcmc.targets, TARGET)()
    print("begins", flush=True)
    if path.exists():
        return pmcmc.resume(path, target.logdensity, progress=False)
    starts = np.stack([np.asarray(target.initial_position)] * N_CHAINS)
    return pmcmc.sample(
        target.logdensity,
        starts,
        N_STEPS,
        kernel=KERNEL,
        n_chains=N_CHAINS,
        n_warmup=N_WARMUP,
        thin=THIN,
        chain_method="parallel",
        gradient_mode="reverse",
        store=path,
        progress=False,
    )


def killed(path: Path, seconds: float) -> bool:
    """Kill a process after this many seconds; return whether it was still running."""
    command = [sys.executable, "-m", "benchmarks.interruptions", "--child", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def stage(path: Path) -> str:
    """The stage that a run has reached."""
    records = [entry.name for entry in (path / "pmcmc").glob("*")] if path.exists() else []
    checkpoints = [name for name in records if name.startswith("checkpoint_")]
    if checkpoints:
        return "sampling"
    return "warm-up" if records and "tuned" not in records else "between" if records else "start"


def main() -> None:
    """Kill a run many times, and compare it with a run without kills."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interruptions", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--child", type=Path, help="internal: the run of one process")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if chosen.child is not None:
        # Keep compiled code between processes, or most would be killed while they compile.
        jax.config.update("jax_compilation_cache_dir", str(chosen.child.with_name("programs")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        run(chosen.child)
        return
    rng = np.random.default_rng(0)
    kills: list[dict[str, Any]] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "killed.zarr"
        while len(kills) < chosen.kills:
            seconds = float(rng.uniform(0.0, LONGEST))
            before = stage(path)
            if not killed(path, seconds):
                break  # the run was already finished
            kills.append({"after_seconds": seconds, "from": before, "to": stage(path)})
        result = run(path)
        alone = run(Path(folder) / "alone.zarr")
    same = result.stats["is_accepted"] == alone.stats["is_accepted"]
    row = {
        "target": TARGET,
        "kernel": KERNEL,
        "chains x (warm-up + steps)": f"{N_CHAINS} x ({N_WARMUP:,} + {N_STEPS:,})",
        "every": THIN,
        "kills": len(kills),
        "in start or warm-up": sum(kill["to"] in ("start", "warm-up") for kill in kills),
        "while sampling": sum(kill["to"] in ("between", "sampling") for kill in kills),
        "draws whose decision differs": int((~same).sum()),
        "largest difference": float(np.abs(result.positions - alone.positions).max()),
    }
    write("interruptions", row=row, kills=kills, seconds=time.perf_counter() - started)
    print_table([row])


if __name__ == "__main__":
    main()
