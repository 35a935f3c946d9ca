"""Log densities of a model with data as arguments of compiled code."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer.util import potential_energy

from pmcmc._chain.density import WithData
from pmcmc.adapters.numpyro._fingerprint import fingerprint
from pmcmc.adapters.numpyro._sites import Sites, seeded
from pmcmc.adapters.numpyro._start import Arguments


class _Joint:
    """The log joint density of position and data, for all data with the same structure.

    Args:
        model: NumPyro's.
        structure: of `(arguments, parameters)`.
        constants: leaves that are not data, by index.
    """

    def __init__(self, model: Any, structure: Any, constants: dict[int, Any]) -> None:
        self._model, self._structure, self._constants = model, structure, constants

    def __call__(self, position: Any, *data: jax.Array) -> jax.Array:
        left = iter(data)
        places = range(self._structure.num_leaves)
        leaves = [self._constants[i] if i in self._constants else next(left) for i in places]
        (args, kwargs), parameters = jax.tree.unflatten(self._structure, leaves)
        known = handlers.substitute(seeded(self._model), data=parameters)
        energy: jax.Array = potential_energy(known, args, kwargs, position)
        return -energy


# Kept while somebody holds them, such as the last fit of a model.
_JOINTS: weakref.WeakValueDictionary[Hashable, _Joint] = weakref.WeakValueDictionary()


def with_data(model: Callable[..., Any], arguments: Arguments, sites: Sites) -> WithData | None:
    """The log density of a model that shares compiled code with that of other data.

    Arrays and floating-point numbers among the arguments are data; everything else has to be equal.
    The result is `None` if that is unclear, or if discrete sites are summed out.
    """
    leaves, structure = jax.tree.flatten((arguments, sites.parameters))
    is_data = [type(leaf) in (np.ndarray, float) or isinstance(leaf, jax.Array) for leaf in leaves]
    is_plain = [type(leaf) is not np.ndarray or leaf.dtype != object for leaf in leaves]
    constants = {i: leaf for i, leaf in enumerate(leaves) if not is_data[i]}
    read = fingerprint(model, constants)
    if sites.discrete or not all(is_plain) or read is None:
        return None
    key = (model, read, structure, jnp.result_type(float))
    joint = _JOINTS.get(key)
    if joint is None:
        joint = _JOINTS[key] = _Joint(model, structure, constants)
    return WithData(joint, tuple(jnp.asarray(x) for x, d in zip(leaves, is_data, strict=True) if d))
