"""One chain of a slow density on several devices, which share the rows of its windows.

JAX splits this CPU into as many devices as it has cores. The window is always the same.
"""

import argparse
import functools
import sys
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._record import n_cores, print_table, write

N_STEPS, N_WARMUP, WINDOW = 2_000, 2_000, 64
CASES = (
    ("random_walk", pmcmc.targets.seir_age_groups),
    ("surrogate_hmc", functools.partial(pmcmc.targets.lotka_volterra, steps_per_year=1000)),
)


def run(target: Any, kernel: Any, start: Any, n_devices: int) -> pmcmc.Result:
    """The chain on this many devices; 0 means the loop."""
    given: dict[str, Any] = {"kernel": kernel, "progress": False}
    if n_devices == 0:
        given["solver"] = "sequential"
    else:
        given["solver"] = pmcmc.Speculative(window=WINDOW)
    if n_devices > 1:
        devices = np.array(jax.devices()[:n_devices])
        given["mesh"] = jax.sharding.Mesh(devices, ("time",))
    for _ in range(2):  # the first run compiles
        result = pmcmc.sample(target.logdensity, start, N_STEPS, **given)
    return result


def main() -> None:
    """Run all cases, on one device and on all."""
    argparse.ArgumentParser(prog="python -m benchmarks.devices", description=__doc__).parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", n_cores())
    rows = []
    for name, make in CASES:
        target = make()
        tuned = pmcmc.warmup(
            target.logdensity, target.initial_position, kernel=name, n_steps=N_WARMUP
        )
        loop = run(target, tuned.kernel, tuned.state.position, 0)
        alone = None
        for n_devices in (1, n_cores()):
            result = run(target, tuned.kernel, tuned.state.position, n_devices)
            assert np.array_equal(result.stats["is_accepted"], loop.stats["is_accepted"])
            seconds, sweeps = result.info.seconds_run, int(result.info.sweeps[0])
            alone = alone or seconds
            row = {
                "kernel": name,
                "target": target.name,
                "devices": n_devices,
                "steps/sweep": N_STEPS / sweeps,
                "ms/sweep": 1e3 * seconds / sweeps,
                "one device / this": alone / seconds,
                "loop / this": loop.info.seconds_run / seconds,
            }
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    write("devices-cpu", window=WINDOW, rows=rows)
    print_table(rows)


if __name__ == "__main__":
    main()
