import re
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from .helpers.densities import reverse_mode_only


def normal(x):
    return -0.5 * jnp.sum(x**2)


class Unhashable:
    __hash__ = None

    def __call__(self, x):
        return normal(x)


def by_callback(x):
    return jax.pure_callback(
        lambda v: np.float64(-np.sum(v**2)), jax.ShapeDtypeStruct((), x.dtype), x
    )


GOOD = dict(logdensity=normal, x0=np.zeros(2), n_steps=10, kernel=pmcmc.MALA(step_size=0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(logdensity=3.0), "logdensity must be a function of the position, got 3.0"),
        (dict(logdensity=Unhashable()), "logdensity must be hashable.*write"),
        (dict(logdensity=lambda x: -(x**2)), r"real scalar, got shape \(2,\).*jnp.sum"),
        (dict(logdensity=lambda x: (normal(x), x)), "one scalar, got tuple"),
        (dict(logdensity=lambda x: normal(x) * 1j), "real scalar.*complex128"),
        (dict(logdensity=lambda x: 1), "real scalar.*int"),
        (dict(logdensity=lambda x: None), "one scalar, got NoneType"),
        (dict(logdensity=lambda x: float(np.sum(x))), "could not be traced.*jax.numpy"),
        (dict(logdensity=lambda x: normal(x) if x[0] > 0 else 0.0), "could not be traced.*where"),
        (dict(logdensity=lambda x, y: normal(x)), "could not be traced.*one argument"),
        (dict(logdensity=by_callback), "no gradient that JAX can compute.*MALA needs one.*scan"),
        (dict(logdensity=lambda x: jnp.log(-jnp.sum(x**2) - 1)), "finite at x0, got nan"),
        (dict(logdensity=lambda x: jnp.log(jnp.sum(x**2))), "finite at x0, got -inf.*support"),
        (dict(logdensity=lambda x: -jnp.sqrt(jnp.sum(x**2))), "logdensity_grad must be finite"),
        (dict(x0=np.zeros(2, int)), "x0 must be an array of float.*int64.*1.0 instead of 1"),
        (dict(x0={"a": 1}), r"x0\['a'\] must be an array of float"),
        (dict(x0=np.zeros(0)), "x0 must hold at least one number"),
        (dict(x0={}), "x0 must hold at least one number"),
        (dict(x0=None), "x0 must hold at least one number"),
        (dict(x0=np.array([0.0, np.nan])), "x0 must be finite, got 1 entries"),
        (dict(x0="start"), "x0 must be an array of float32 or float64, got 'start'"),
        (dict(x0=np.zeros(2, np.float16)), "float32 or float64.*float16"),
        (dict(x0=np.zeros(2), n_chains=4), r"x0 must have a leading axis of n_chains=4.*\(2,\)"),
        (dict(x0=0.0, n_chains=2), r"leading axis of n_chains=2.*\(\)"),
        (dict(n_steps=0), "n_steps must be a positive integer, got 0"),
        (dict(n_steps=-3), "n_steps must be a positive integer, got -3"),
        (dict(n_steps=10.0), "n_steps must be a positive integer, got 10.0: write e.g. n_steps=10"),
        (dict(n_steps="10"), "n_steps must be a positive integer, got '10'"),
        (dict(n_steps=True), "n_steps must be a positive integer, got True"),
        (dict(n_chains=0), "n_chains must be a positive integer"),
        (dict(n_warmup=-1), "n_warmup must be an integer of at least 0"),
        (dict(thin=0), "thin must be a positive integer"),
        (dict(thin=11), "thin must be at most n_steps=10, got 11"),
        (dict(solver="quazi"), "solver must be one of 'auto', 'sequential', 'newton'"),
        (dict(solver=pmcmc.ParallelNewton), "or an instance such as"),
        (dict(kernel="mela"), "kernel must be None, one of 'mala'.*'mela'"),
        (dict(kernel=pmcmc.MALA), "or an instance such as"),
        (dict(kernel="NUTS"), "write kernel='hmc', or pass the result of pmcmc.burn_in"),
        (dict(kernel=None, n_warmup=0), "n_warmup=0 leaves the step size.*untuned"),
        (dict(rng_key="seed"), "rng_key must be one key or an integer"),
        (dict(rng_key=jax.random.split(jax.random.key(0))), r"rng_key must be one key"),
        (dict(rng_key=2**70), "integer below"),
        (dict(rng_key=np.zeros(3, np.uint32)), "rng_key of shape"),
        (dict(x0=jax.random.key(0)), "x0 must be an array of float32 or float64"),
        (dict(n_steps=2**40), "n_steps must be at most"),
        (dict(rng_key=1.5), "rng_key must be one key or an integer .*got 1.5"),
        (dict(solver=pmcmc.ParallelNewton(basis=np.eye(3))), r"basis must have shape \(2, 2\)"),
    ],
)
def test_bad_arguments_are_named_with_what_to_write(arguments, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        pmcmc.sample(**(GOOD | arguments))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Module:
    """A function in the manner of Equinox: a pytree with arrays and functions for leaves."""

    weight: jax.Array
    activation: Callable

    def __call__(self, x, u=0.0):
        return -0.5 * jnp.sum(self.activation(self.weight * x) ** 2) + u


def test_the_remedy_for_modules_works():
    module = Module(jnp.ones(2), jnp.tanh)
    calls = {
        "logdensity": lambda f: pmcmc.sample(f, np.ones(2), 5, kernel=pmcmc.MALA(0.1)),
        "step": lambda f: pmcmc.solve(f, 0.0, np.ones(5)),
        "draw": lambda f: pmcmc.RandomWalkMetropolis(0.1, draw=f),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"{name} must be hashable.*got an instance of Modu"):
            call(module)
        call(lambda *args: module(*args))  # noqa: PLW0108
    for diagnostic in (
        pmcmc.diagnostics.lyapunov_exponent,
        pmcmc.diagnostics.jacobian_mismatch,
    ):
        with pytest.raises(ValueError, match=r"step must be hashable.*give that one function"):
            diagnostic(module, 0.0, np.ones(5))


def test_functions_among_the_leaves_of_a_start_are_to_stay_out_of_it():
    module = Module(np.ones(2), jnp.tanh)
    with pytest.raises(ValueError, match=r"x0\.activation must be .*equinox\.partition"):
        pmcmc.sample(lambda m: m(1.0), module, 5, kernel=pmcmc.MALA(0.1))
    arrays = Module(module.weight, None)  # what equinox.partition returns
    result = pmcmc.sample(
        lambda x: Module(x.weight, jnp.tanh)(1.0), arrays, 5, kernel=pmcmc.MALA(0.1),
        solver="sequential",
    )  # fmt: skip
    assert result.positions.weight.shape == (1, 5, 2)


def vector(x):
    return -0.5 * jnp.sum(x**2, axis=-1)


def product(x):
    return -0.5 * x["a"] @ jnp.eye(3) @ x["a"]


STARTS = np.random.default_rng(0).normal(size=(4, 3))
METRIC = np.array([0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("logdensity", "x0", "kernel"),
    [
        (normal, STARTS, pmcmc.MALA(0.1, METRIC)),
        (normal, STARTS, pmcmc.HMC(0.1, 3, np.diag(METRIC))),
        (vector, STARTS, pmcmc.MALA(0.1)),
        (vector, STARTS, "random_walk"),
        (product, {"a": STARTS}, None),
        (None, STARTS[:, 0], pmcmc.CustomKernel(lambda x, u: 0.5 * x, lambda key, x: x.reshape())),
        (normal, STARTS[:, 0], pmcmc.RandomWalkMetropolis(0.1, np.ones(1))),
    ],
)
def test_a_forgotten_number_of_chains_is_named(logdensity, x0, kernel):
    with pytest.raises(ValueError, match=r"x0 seems to hold 4 starts.*Write n_chains=4\."):
        pmcmc.sample(logdensity, x0, 10, kernel=kernel)


def test_going_on_from_final_states_without_n_chains():
    choices = dict(solver="sequential", n_warmup=60)
    first = pmcmc.sample(normal, STARTS, 5, n_chains=4, **choices)
    for call in (pmcmc.sample, pmcmc.warmup, pmcmc.burn_in, pmcmc.plan):
        with pytest.raises(ValueError, match="n_chains=4"):
            call(normal, first.final_state.position, kernel=first.info.kernel, n_steps=10)


def test_a_number_of_chains_is_proposed_only_where_it_helps():
    for kernel in (pmcmc.MALA(0.1, np.ones(5)), pmcmc.MALA(0.1, np.ones(12))):
        with pytest.raises(ValueError, match="inverse_mass_matrix must have shape") as caught:
            pmcmc.sample(normal, np.zeros((2, 3)), 10, kernel=kernel)
        assert "n_chains" not in str(caught.value)
    with pytest.raises(ValueError, match="finite at x0, got nan") as caught:
        pmcmc.sample(lambda x: jnp.log(jnp.sum(x)), -np.ones(3), 10, kernel=pmcmc.MALA(0.1))
    assert "n_chains" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "scale", "logdensity", "message"),
    [
        (np.float32, "1.0e+25", normal, "finite at x0, got -inf"),  # its square is no number
        (np.float64, "1.0e+200", normal, "finite at x0, got -inf"),
        (np.float32, "1.0e+25", lambda x: normal(x / 1e25), "does not cross"),
        (np.float64, "1.0e+25", lambda x: normal(x / 1e25), "does not cross"),
        (np.float64, "1.0e-25", lambda x: normal(x / 1e-25), "does not cross"),
    ],
)
def test_scales_at_which_nothing_moves_are_named(dtype, scale, logdensity, message):
    with pytest.raises(ValueError, match=f"{message}.* is {re.escape(scale)}.*in units"):
        pmcmc.sample(logdensity, np.full(2, scale, dtype), 5, n_warmup=20, solver="sequential")


def test_the_chain_that_cannot_start_is_named():
    def logdensity(x):
        return jnp.log(x[0])

    with pytest.raises(ValueError, match="got nan for chain 1"):
        pmcmc.sample(logdensity, np.array([[1.0], [-1.0]]), 10, n_chains=2)


def test_what_cannot_be_differentiated_twice_is_referred_to_the_loop():
    logdensity = reverse_mode_only
    sequential = pmcmc.sample(**(GOOD | dict(logdensity=logdensity, solver="sequential")))
    assert np.isfinite(sequential.positions).all()
    jacobi = pmcmc.sample(**(GOOD | dict(logdensity=logdensity, solver="jacobi")))
    np.testing.assert_allclose(jacobi.positions, sequential.positions, rtol=1e-10)
    with pytest.raises(ValueError, match=r"(?s)forward mode.*write solver='sequential'"):
        pmcmc.sample(**(GOOD | dict(logdensity=logdensity, solver="quasi")))


@jax.custom_vjp
def calls_itself(x):
    """A normal whose forward rule calls the function itself, which hides that it has no jvp."""
    return -0.5 * jnp.sum(x**2)


calls_itself.defvjp(lambda x: (calls_itself(x), x), lambda x, cotangent: (-cotangent * x,))


@pytest.mark.parametrize("solver", ["quasi", pmcmc.ParallelNewton(basis=None)])
def test_a_rule_that_calls_its_own_function_is_seen_through(solver):
    arguments = GOOD | dict(logdensity=calls_itself)
    with pytest.raises(ValueError, match=r"(?s)forward mode.*write solver='sequential'"):
        pmcmc.sample(**(arguments | dict(solver=solver)))


def test_sample_cannot_be_traced():
    with pytest.raises(ValueError, match=r"call sample outside of jax\.jit"):
        jax.jit(lambda x: pmcmc.sample(**(GOOD | dict(x0=x))).positions)(np.zeros(2))


def test_numbers_that_do_not_fit_float32_are_named(float32):
    with pytest.raises(ValueError, match=r"x0 overflows float32, got numbers up to 1e[+]300"):
        pmcmc.sample(**(GOOD | dict(x0=np.array([1e300, 0.0]))))
    with pytest.raises(ValueError, match="step_size must be a positive finite number"):
        pmcmc.sample(**(GOOD | dict(kernel=pmcmc.MALA(step_size=1e-50))))
