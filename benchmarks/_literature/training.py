"""A GRU trained to tell slow waves from fast ones, with gradients through `solve`."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._literature.networks import adam, gru, gru_weights
from pmcmc import ParallelNewton, solve
from pmcmc.solvers import Diagonal

SIZE, N_SEQUENCES, N_ROUNDS, PERIODS = 4, 16, 150, (40, 25)


def waves(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy waves `(sequence, T, 1)` of one of two periods, and which one."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N_SEQUENCES) % 2
    periods = np.where(labels, *PERIODS)[:, None]
    phase = rng.uniform(0, 2 * np.pi, (N_SEQUENCES, 1))
    rows = np.sin(2 * np.pi * np.arange(length) / periods + phase)
    return (rows + 0.3 * rng.normal(size=rows.shape))[..., None], labels


def logit(weights: dict[str, Any], inputs: jax.Array, solver: Any) -> jax.Array:
    """Of one sequence, from the mean of the squared states."""
    states = solve(
        lambda s, u: gru(weights["gru"], s, u), jnp.zeros(SIZE), inputs, solver=solver
    ).states
    return weights["read"] @ jnp.mean(states**2, axis=0) + weights["offset"]


def row(length: int) -> dict[str, Any]:
    """Loss and accuracy after training by quasi sweeps, and its gradient beside the loop's."""
    quasi = ParallelNewton(jacobian=Diagonal(n_probes=None), window=length, atol=1e-6, rtol=1e-6)
    inputs, labels = waves(length, seed=0)
    held_out, their_labels = waves(length, seed=1)
    weights = {
        "gru": gru_weights(SIZE, 1, seed=2, dtype=np.float64),
        "read": jnp.zeros(SIZE), "offset": jnp.zeros(()),
    }  # fmt: skip

    def loss(weights: Any, solver: Any = quasi) -> jax.Array:
        scores = jax.vmap(lambda u: logit(weights, u, solver))(jnp.asarray(inputs))
        return jnp.mean(jax.nn.softplus(jnp.where(labels, -scores, scores)))

    trained, losses = adam(loss, weights, N_ROUNDS, rate=0.03)
    seconds = {}
    gradients = {}
    for name, solver in (("quasi", quasi), ("loop", "sequential")):
        gradient = jax.jit(jax.grad(lambda w, solver=solver: loss(w, solver)))
        jax.block_until_ready(gradient(trained))
        started = time.perf_counter()
        gradients[name] = jax.block_until_ready(gradient(trained))
        seconds[name] = time.perf_counter() - started
    pairs = [*zip(*map(jax.tree.leaves, (gradients["quasi"], gradients["loop"])), strict=True)]
    apart = max(float(jnp.max(jnp.abs(x - y))) for x, y in pairs)
    largest = max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(gradients["loop"]))
    scores = jax.vmap(lambda u: logit(trained, u, "sequential"))(jnp.asarray(held_out))
    sweeps = solve(
        lambda s, u: gru(trained["gru"], s, u),
        jnp.zeros(SIZE),
        jnp.asarray(inputs[0]),
        solver=quasi,
    ).sweeps
    found = {
        "experiment": "GRU training", "case": f"{N_SEQUENCES} sequences", "D": SIZE, "T": length,
        "method": "quasi", "sweeps": int(sweeps), "published": "2.5 times faster a step (GPU)",
        "first loss": float(losses[0]), "last loss": float(losses[-1]),
        "held-out accuracy": float(np.mean((np.asarray(scores) > 0) == their_labels)),
        "gradient, relative difference": apart / largest,
        "seconds": seconds["quasi"], "loop, seconds": seconds["loop"],
    }  # fmt: skip
    print(found, flush=True)
    return found
