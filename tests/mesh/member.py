"""One of two processes of a run: `python member.py NUMBER PORT STORE WHAT OUT`."""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

X0 = 0.1 * np.random.default_rng(0).normal(size=(4, 3))
N_STEPS, N_WARMUP = 60_000, 300


def bent(x):
    return -0.5 * jnp.sum(x**2 * jnp.array([1.0, 2.0, 3.0])) - 0.1 * jnp.sum(x) ** 4


def main(number, port, store, what, out):
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(f"localhost:{port}", 2, int(number), heartbeat_timeout_seconds=10)
    import pmcmc

    mesh = jax.make_mesh((2, 2), ("chain", "time"))
    if what == "sample":
        result = pmcmc.sample(
            bent,
            X0,
            N_STEPS,
            kernel="random_walk",
            n_warmup=N_WARMUP,
            n_chains=4,
            mesh=mesh,
            store=store,
        )
    else:
        result = pmcmc.resume(store, bent, mesh=mesh)
    np.save(pathlib.Path(out) / f"{number}.npy", result.positions)
    assert result.info.device == "mesh of cpu: chain=2, time=2"


if __name__ == "__main__":
    main(*sys.argv[1:])
