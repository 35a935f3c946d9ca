"""Meshes of the devices that a process was given."""

import jax


def of_chains():
    return jax.make_mesh((8,), ("chain",))


def of_time():
    return jax.make_mesh((8,), ("time",))


def both():
    return jax.make_mesh((2, 4), ("chain", "time"))


MESHES = {"chain": of_chains, "time": of_time, "chain and time": both}
