"""Recurrent networks of the literature."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Step = Callable[[jax.Array, Any], jax.Array]


def orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def gru_weights(size: int, n_inputs: int, seed: int, dtype: Any = np.float32) -> dict[str, Any]:
    """Untrained weights: inputs by the inverse root of their number, recurrent ones orthogonal."""
    rng = np.random.default_rng(seed)
    of_inputs = rng.normal(size=(3, size, n_inputs)) / np.sqrt(n_inputs)
    of_state = np.stack([orthogonal(rng, size) for _ in range(3)])
    weights = {"inputs": of_inputs, "state": of_state, "bias": np.zeros((3, size))}
    return {name: jnp.asarray(leaf, dtype) for name, leaf in weights.items()}


def gru(weights: dict[str, Any], s: jax.Array, u: jax.Array) -> jax.Array:
    """The gated recurrent unit of Cho et al. (2014), reset gate after the product."""
    of_inputs = jnp.einsum("gij,j->gi", weights["inputs"], u) + weights["bias"]
    of_state = jnp.einsum("gij,j->gi", weights["state"], s)
    reset, update = jax.nn.sigmoid(of_inputs[:2] + of_state[:2])
    candidate = jnp.tanh(of_inputs[2] + reset * of_state[2])
    return (1 - update) * candidate + update * s


def autoregressive(weights: dict[str, Any], s: jax.Array, noise: jax.Array) -> jax.Array:
    """A GRU fed its own output: the last number of the state is mean plus noise, by the units."""
    units = gru(weights["gru"], s[:-1], s[-1:])
    mean, spread = weights["read"] @ units + weights["offset"]
    return jnp.append(units, mean + jnp.exp(spread) * noise)


def autoregressive_weights(size: int, n_rounds: int = 1500, length: int = 200) -> dict[str, Any]:
    """Weights trained to predict the next number of a noisy sine, by maximum likelihood."""
    t = np.arange(10 * length)
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * t / 50) + 0.1 * rng.normal(size=t.size)
    rows = jnp.asarray(wave.reshape(10, length))
    weights = {
        "gru": gru_weights(size, 1, seed=1, dtype=np.float64),
        "read": jnp.asarray(rng.normal(size=(2, size)) / np.sqrt(size)),
        "offset": jnp.array([0.0, -1.0]),
    }

    def loss(weights: Any) -> jax.Array:
        def of_row(row: jax.Array) -> jax.Array:
            def step(units: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
                units = gru(weights["gru"], units, x[None])
                return units, weights["read"] @ units + weights["offset"]

            mean, spread = jax.lax.scan(step, jnp.zeros(size), row[:-1])[1].T
            return jnp.mean(0.5 * ((row[1:] - mean) / jnp.exp(spread)) ** 2 + spread)

        return jnp.mean(jax.vmap(of_row)(rows))

    return adam(loss, weights, n_rounds, rate=0.01)[0]


def adam(
    loss: Callable[[Any], jax.Array], weights: Any, n_rounds: int, rate: float
) -> tuple[Any, jax.Array]:
    """Weights after rounds of Adam (Kingma and Ba, 2015), and the loss in each."""

    def body(carry: Any, i: jax.Array) -> tuple[Any, jax.Array]:
        weights, first, second = carry
        value, gradient = jax.value_and_grad(loss)(weights)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, gradient)
        scale = rate * jnp.sqrt(1 - 0.999 ** (i + 1)) / (1 - 0.9 ** (i + 1))
        weights = jax.tree.map(
            lambda w, m, v: w - (scale * m / (jnp.sqrt(v) + 1e-8)).astype(w.dtype),
            weights, first, second,
        )  # fmt: skip
        return (weights, first, second), value

    zeros = jax.tree.map(jnp.zeros_like, weights)
    run = jax.jit(lambda w: jax.lax.scan(body, (w, zeros, zeros), jnp.arange(float(n_rounds))))
    (weights, _, _), losses = run(weights)
    return weights, losses


def mean_field(gain: float, size: int, seed: int) -> Step:
    """`s' = W tanh(s) + u` with independent normal weights of variance `gain**2 / size`."""
    rng = np.random.default_rng(seed)
    matrix = gain / np.sqrt(size) * rng.normal(size=(size, size))
    np.fill_diagonal(matrix, 0.0)
    return lambda s, u: jnp.asarray(matrix) @ jnp.tanh(s) + u


def waves(length: int, size: int, seed: int) -> np.ndarray:
    """A slow small sine for each unit, shape `(length, size)`."""
    rng = np.random.default_rng(seed)
    height, pace = rng.uniform(0, 0.2, size), rng.uniform(0.5, 3.0, size)
    phase = rng.uniform(0, 2 * np.pi, size)
    return np.asarray(height * np.sin(pace * np.arange(length)[:, None] + phase))
