"""Peak memory of long runs that keep little: it does not grow with the number of steps.

Each case runs in a process of its own, which reports its peak at the end.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc
from benchmarks._record import print_table, write

DIM, THIN = 10, 100
LENGTHS = (10_000, 100_000, 1_000_000, 10_000_000)
MIB = 2**20
CASES: dict[str, dict[str, Any]] = {
    "all draws": {},
    f"every {THIN}th": {"thin": THIN},
    f"every {THIN}th, on disk": {"thin": THIN, "store": "run.zarr"},
    "moments": {"keep": "moments"},
}


def logdensity(x: jax.Array) -> jax.Array:
    """Independent normals."""
    return -0.5 * jnp.sum(x**2)


def run(case: str, length: int) -> None:
    """Run one case, and print its memory and time."""
    arguments = dict(CASES[case])
    with tempfile.TemporaryDirectory() as folder:
        if "store" in arguments:
            arguments["store"] = Path(folder) / arguments["store"]
        result = pmcmc.sample(
            logdensity,
            jnp.zeros(DIM),
            length,
            kernel=pmcmc.RandomWalkMetropolis(0.7),
            solver="sequential",
            progress=False,
            **arguments,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    kept = result.positions.nbytes + sum(x.nbytes for x in result.stats.values())
    print(json.dumps({"peak": peak, "kept": kept, "seconds": result.info.seconds_run}))


def measured(case: str, length: int) -> dict[str, Any]:
    """Memory and time of one case, run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.streaming", "--case", case, str(length)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run all cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--case", nargs=2, help="internal: run one case in this process")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if chosen.case is not None:
        run(chosen.case[0], int(chosen.case[1]))
        return
    rows = []
    for case in CASES:
        of_case = [measured(case, length) for length in LENGTHS]
        peaks = {
            f"T = {n:,}": round(found["peak"] / MIB)
            for n, found in zip(LENGTHS, of_case, strict=True)
        }
        last = of_case[-1]
        rows.append(
            {"kept": case}
            | {f"peak MiB, {name}": peak for name, peak in peaks.items()}
            | {"of it draws": round(last["kept"] / MIB), "seconds": float(last["seconds"])}
        )
        print(rows[-1], file=sys.stderr, flush=True)
    write("streaming-cpu", rows=rows)
    print_table(rows)


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
