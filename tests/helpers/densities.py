"""Log densities, each as a JAX function and as an independent NumPy one with its gradient."""

import jax
import jax.numpy as jnp
import numpy as np


def start(seed, *shape):
    """A position drawn from a standard normal."""
    return np.random.default_rng(seed).normal(size=shape)


def gaussian(x):
    """Independent normals with standard deviations 1, 1/2, 1/3, ..."""
    return -0.5 * jnp.sum((x * jnp.arange(1, x.shape[-1] + 1)) ** 2)


def gaussian_numpy(x):
    precision = np.arange(1, len(x) + 1) ** 2
    return -0.5 * np.sum(precision * x**2), -precision * x


def double_well(x):
    """Two modes in the first coordinate, coupled to the others."""
    return -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * jnp.sum((x[1:] - 0.5 * x[0]) ** 2)


def double_well_numpy(x):
    rest = x[1:] - 0.5 * x[0]
    value = -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * np.sum(rest**2)
    first = -x[0] * (x[0] ** 2 - 1) + 0.5 * np.sum(rest)
    return value, np.concatenate([[first], -rest])


def _value_by_callback(x):
    return jax.pure_callback(
        lambda v: np.float64(-0.5 * np.sum(np.asarray(v) ** 2)),
        jax.ShapeDtypeStruct((), x.dtype),
        x,
        vmap_method="sequential",
    )


# A standard normal whose gradient JAX cannot differentiate in forward mode.
reverse_mode_only = jax.custom_vjp(_value_by_callback)


reverse_mode_only.defvjp(
    lambda x: (_value_by_callback(x), (x, _value_by_callback(x))),
    lambda r, c: (-r[0] * c + 0 * r[1],),
)

DENSITIES = {
    "gaussian": (gaussian, gaussian_numpy),
    "double well": (double_well, double_well_numpy),
}

_DATA = np.random.default_rng(6).normal(size=(30, 4))

_LABELS = (_DATA @ np.array([1.0, -1.0, 0.5, 0.0]) > 0).astype(float)


def logistic(x):
    # JAX remembers the dtype that an array was converted to: copies are converted anew.
    logits, labels = jnp.asarray(_DATA.copy()) @ x, jnp.asarray(_LABELS.copy())
    return jnp.sum(labels * logits - jax.nn.softplus(logits)) - 0.5 * jnp.sum(x**2)


def logistic_numpy(x):
    logits = _DATA @ x
    value = np.sum(_LABELS * logits - np.logaddexp(0.0, logits)) - 0.5 * np.sum(x**2)
    return value, _DATA.T @ (_LABELS - 1 / (1 + np.exp(-logits))) - x
