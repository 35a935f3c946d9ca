"""What the adapter reads of BlackJAX beyond its documentation is what it is taken for.

Checked on BlackJAX 1.2.0, 1.3, 1.5 and 1.7.1. Where a newer one fails here, mend
`pmcmc/adapters/blackjax/_compat.py` and add it there to `CHECKED`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

blackjax = pytest.importorskip("blackjax")

from pmcmc.adapters.blackjax import _compat  # noqa: E402

HINT = (
    f"BlackJAX {blackjax.__version__} differs from those that the adapter was checked on "
    f"({', '.join(_compat.CHECKED)}): mend pmcmc/adapters/blackjax/_compat.py"
)
X0 = jnp.array([0.5, -1.0])


def logdensity(x):
    return -jnp.sum(x**2)


ALGORITHMS = {
    "mala": lambda: blackjax.mala(logdensity, 0.1),
    "hmc": lambda: blackjax.hmc(logdensity, 0.1, jnp.ones(2), 2),
    "nuts": lambda: blackjax.nuts(logdensity, 0.1, jnp.ones(2)),
    "barker": lambda: blackjax.barker_proposal(logdensity, 0.1),
    "random walk": lambda: blackjax.additive_step_random_walk(logdensity, lambda key, x: x),
    "slice": lambda: blackjax.elliptical_slice(logdensity, mean=jnp.zeros(2), cov=jnp.eye(2)),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_states_have_the_functions_of_the_position_by_these_names(name):
    state = ALGORITHMS[name]().init(X0)
    has_gradient = name in ("mala", "hmc", "nuts", "barker")
    expected = {"position", "logdensity"} | ({"logdensity_grad"} if has_gradient else set())
    assert set(_compat.fields_of(state)) == expected, HINT
    np.testing.assert_allclose(getattr(state, _compat.LOGDENSITY), -1.25, err_msg=HINT)
    if has_gradient:
        gradient = getattr(state, _compat.GRADIENT)
        np.testing.assert_allclose(gradient, -2 * np.array([0.5, -1.0]), err_msg=HINT)
    assert _compat.is_slice_state(state) == (name == "slice"), HINT


def test_what_is_no_named_tuple_has_no_fields():
    assert _compat.fields_of(X0) == _compat.fields_of({"position": X0}) == ()


def test_algorithms_have_init_and_step():
    state, info = ALGORITHMS["random walk"]().step(
        jax.random.key(0), ALGORITHMS["random walk"]().init(X0)
    )
    assert hasattr(state, "_replace"), HINT
    assert hasattr(info, "_asdict"), HINT
