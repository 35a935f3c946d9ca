"""What the adapter reads of NumPyro beyond its documentation is what it is taken for.

Checked on NumPyro 0.19.0, 0.20.1, 0.21.0 and 0.22.0. Where a newer one fails here, mend
`pmcmc/adapters/numpyro/_compat.py` and add it there to `CHECKED`.
"""

import jax.numpy as jnp
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro import handlers  # noqa: E402
from numpyro.contrib.control_flow import cond, scan  # noqa: E402
from numpyro.infer import HMC, NUTS, init_to_median, init_to_uniform, init_to_value  # noqa: E402
from numpyro.infer.hmc import HMCState  # noqa: E402
from numpyro.primitives import Messenger  # noqa: E402

from pmcmc.adapters.numpyro import _compat  # noqa: E402

HINT = (
    f"NumPyro {numpyro.__version__} differs from those that the adapter was checked on "
    f"({', '.join(_compat.CHECKED)}): mend pmcmc/adapters/numpyro/_compat.py"
)


def model():
    numpyro.sample("x", dist.Normal())


def potential(z):
    return jnp.sum(z**2)


def kinetic(matrix, r):
    return 0.0


READ = [
    (_compat.potential_of, HMC(potential_fn=potential), potential),
    (_compat.potential_of, HMC(model), None),
    (_compat.is_euclidean, NUTS(model), True),
    (_compat.is_euclidean, NUTS(model, kinetic_fn=kinetic), False),
    (_compat.is_forward_mode, HMC(model), False),
    (_compat.is_forward_mode, HMC(model, forward_mode_differentiation=True), True),
    (_compat.trajectory_of, HMC(model, trajectory_length=3.0), (3.0, None)),
    (_compat.trajectory_of, HMC(model, num_steps=7, trajectory_length=None), (None, 7)),
    (_compat.values_of, init_to_value(values={"x": 1.0}), {"x": 1.0}),
    (_compat.values_of, init_to_value, None),
    (_compat.values_of, init_to_median, None),
    (_compat.values_of, init_to_median(num_samples=3), None),
    (_compat.values_of, init_to_uniform, None),
]


@pytest.mark.parametrize(("read", "given", "expected"), READ)
def test_settings_are_those_that_were_given(read, given, expected):
    try:
        found = read(given)
    except RuntimeError as error:
        pytest.fail(f"{HINT} ({error.__cause__})")
    assert found == expected, HINT


class Messages(Messenger):
    """Keeps the messages of a model to the handlers around it."""

    def __init__(self, fn):
        super().__init__(fn)
        self.seen = []

    def process_message(self, msg):
        self.seen.append((msg["type"], _compat.loop_of(msg), msg["args"]))
        if _compat.loop_of(msg):
            self.conditions = _compat.pop_conditions(msg)
            assert _compat.pop_conditions(msg) == []


def body(carry, x):
    return carry, numpyro.sample("y", dist.Normal())


def branch(x):
    numpyro.sample("y", dist.Normal())
    return x


LOOPS = {
    "scan": (lambda: scan(body, 0.0, jnp.zeros(2)), [body]),
    "cond": (lambda: cond(jnp.array(True), branch, branch, 1.0), [True, branch, branch, 1.0]),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_messages_of_loops_are_told_apart(kind):
    loop, first = LOOPS[kind]
    data = {"y": jnp.zeros(2) if kind == "scan" else 0.0}

    def conditioned():
        numpyro.sample("x", dist.Normal())
        with handlers.condition(data=data):
            loop()

    messages = Messages(handlers.seed(conditioned, 0))
    messages()
    loops = [args for _, found, args in messages.seen if found == kind]
    assert len(loops) == 1, HINT
    assert [found for _, found, _ in messages.seen if found] == [kind], HINT
    assert list(loops[0][: len(first)]) == first, HINT
    assert messages.conditions == [data], HINT


def test_states_have_the_fields_that_are_read_and_replaced():
    read = {"i", "z", "z_grad", "potential_energy", "trajectory_length", "rng_key", "adapt_state"}
    assert read <= set(HMCState._fields), HINT


@pytest.mark.parametrize(
    "read",
    [_compat.potential_of, _compat.is_euclidean, _compat.is_forward_mode, _compat.trajectory_of],
)
def test_what_a_release_has_dropped_is_told(read):
    with pytest.raises(
        RuntimeError, match=r"does not support NumPyro .*\(.* has no attribute '_.*pip"
    ):
        read(object())
