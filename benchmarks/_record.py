"""Shared by all benchmarks: timing, tables, and files of results that describe the machine."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

RESULTS = Path(__file__).parent / "results"


class Timing(NamedTuple):
    """Seconds to compile a function, and seconds of its fastest run."""

    compile_seconds: float
    run_seconds: float


def timed(function: Callable[..., Any], *arguments: Any, n_runs: int = 300) -> Timing:
    """Time a function of arrays: its compilation, and the minimum over `n_runs` runs."""
    started = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    compile_seconds = time.perf_counter() - started
    jax.block_until_ready(compiled(*arguments))
    seconds = []
    for _ in range(n_runs):
        started = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - started)
    return Timing(compile_seconds, min(seconds))


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The kind of machine and the versions that numbers depend on."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": n_cores(),
        "device_kind": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "allocator": {k: v for k, v in os.environ.items() if k.startswith("MALLOC_")},
    }


def write(name: str, **results: Any) -> None:
    """Write results, and the machine they come from, to `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **results}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows with the same keys as a Markdown table; floats get three digits."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [
        [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    for line in lines:
        print("|", " | ".join(line), "|")
