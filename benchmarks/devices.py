"""One chain of a slow density on several devices, the rows of its windows shared among them.

The devices are parts of this CPU. Steps a sweep are the same on any device; seconds are measured
for as many devices as there are cores.
"""

import argparse
import sys
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._record import n_cores, print_table, write

N_STEPS, N_WARMUP = 2_000, 2_000
DEVICES = (1, 2, 4, 8)
ROWS = 32  # of a window, on each device
KERNELS = ("random_walk", "surrogate_hmc")


def run(target: Any, kernel: Any, start: Any, n_devices: int) -> pmcmc.Result:
    """The chain on so many devices; of 0, the loop."""
    given: dict[str, Any] = {"kernel": kernel, "progress": False}
    if n_devices == 0:
        given["solver"] = "sequential"
    else:
        given["solver"] = pmcmc.Speculative(window=ROWS * n_devices)
    if n_devices > 1:
        devices = np.array(jax.devices()[:n_devices])
        given["mesh"] = jax.sharding.Mesh(devices, ("time",))
    for _ in range(2):  # the first one compiles
        result = pmcmc.sample(target.logdensity, start, N_STEPS, **given)
    return result


def main() -> None:
    """Kernels and numbers of devices."""
    argparse.ArgumentParser(prog="python -m benchmarks.devices", description=__doc__).parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", max(DEVICES))
    target = pmcmc.targets.seir_age_groups()
    rows = []
    for name in KERNELS:
        tuned = pmcmc.warmup(
            target.logdensity, target.initial_position, kernel=name, n_steps=N_WARMUP
        )
        loop = run(target, tuned.kernel, tuned.state.position, 0)
        alone = None
        for n_devices in DEVICES:
            result = run(target, tuned.kernel, tuned.state.position, n_devices)
            assert np.array_equal(result.stats["is_accepted"], loop.stats["is_accepted"])
            seconds = result.info.seconds_run
            alone = alone or seconds
            row: dict[str, Any] = {
                "kernel": name,
                "devices": n_devices,
                "window": ROWS * n_devices,
                "steps/sweep": N_STEPS / int(result.info.sweeps[0]),
            }
            if n_devices <= n_cores():
                row |= {
                    "ms/step": 1e3 * seconds / N_STEPS,
                    "one device / this": alone / seconds,
                    "loop / this": loop.info.seconds_run / seconds,
                }
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    write("devices-cpu", rows=rows)
    print_table(rows)


if __name__ == "__main__":
    main()
