"""Log densities that are Python functions, for workers to import."""

import os
import pathlib
import time

import numpy as np


def normal(x):
    return float(-0.5 * np.sum((x["a"] - 1.0) ** 2) - 2.0 * x["b"] ** 2)


def normal_and_gradient(x):
    return normal(x), {"a": 1.0 - x["a"], "b": -4.0 * x["b"]}


def sleepy(x):
    time.sleep(0.02)
    return normal(x)


def marked(folder, n_failures, act):
    """`normal`, but the first so many calls beyond the mode fail; a file counts each."""

    def function(x):
        if x["a"][0] > 1.0:
            n = len(list(pathlib.Path(folder).iterdir()))
            if n < n_failures:
                (pathlib.Path(folder) / f"{n}-{time.monotonic_ns()}").touch()
                act()
        return normal(x)

    return function


def fail():
    raise OSError("no license for the simulator")


def die():
    os._exit(3)


def hang():
    time.sleep(30)
