"""Which numbers others are made of, against changes of each number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("numpyro")

from pmcmc.adapters.numpyro._dependence import sources

X = jnp.arange(1.0, 7.0).reshape(3, 2)
FUNCTIONS = {
    "element": lambda x: x[1, 0],
    "row": lambda x: x[1],
    "column": lambda x: x[:, -1],
    "stride": lambda x: x[::2, 0],
    "reshape": lambda x: x.reshape(2, 3)[1],
    "ravel": lambda x: x.ravel()[2:4],
    "called": jax.jit(lambda x: (x[0] + x[2])[0]),
    "mixed": lambda x: x[0] * x[1].sum(),
    "several": lambda x: (x[0, 0], {"b": 2 * x[1]}),
    "chosen": lambda x: jnp.where(x[0, 0] > 0, x[1, 0], x[1, 1]),
}
EXACT = {"element", "row", "column", "stride", "reshape", "ravel", "several"}


def changed_by(function):
    """For each leaf of the outputs the elements of `X` that change it."""
    before = jax.tree.leaves(function(X))
    found = [set() for _ in before]
    for i in range(X.size):
        after = jax.tree.leaves(function(X.at[np.unravel_index(i, X.shape)].add(0.5)))
        for seen, old, new in zip(found, before, after, strict=True):
            seen.update({i} if (np.asarray(old) != np.asarray(new)).any() else ())
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_that_change_a_result_are_among_its_sources(name):
    got = jax.tree.leaves(sources(FUNCTIONS[name], X), is_leaf=lambda x: isinstance(x, frozenset))
    expected = changed_by(FUNCTIONS[name])
    assert all(seen <= known for seen, known in zip(expected, got, strict=True))
    if name in EXACT:
        assert got == expected


def test_arrays_that_are_closed_over_are_numbered_after_the_elements():
    first, second = jnp.ones(3), jnp.ones(4)
    found = sources(lambda x: (x[0, 1], first[1] + x[0, 0], second.sum()), X)
    assert found[0] == {1}
    assert 0 in found[1]
    assert found[1] - {0} < {6, 7}
    assert found[2] == {6, 7} - found[1]
