"""A log density that calls back to Python, and raises there in the middle of a run."""

import logging
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import io_callback

import pmcmc
from pmcmc._util.callbacks import CallbackError, callbacks_raise


class LicenseError(Exception):
    """What only the user knows."""


class Host:
    """A standard normal on the host, which raises at its `limit`-th evaluation."""

    def __init__(self, limit, exception, call=jax.pure_callback):
        self.limit, self.exception, self.call = limit, exception, call
        self.count = 0

    def evaluate(self, position):
        self.count += 1
        if self.count >= self.limit:
            raise self.exception
        return np.float64(-0.5 * np.sum(np.asarray(position) ** 2))

    @property
    def logdensity(self):
        shape = jax.ShapeDtypeStruct((), np.float64)

        @jax.custom_jvp
        def logdensity(x):
            if self.call is io_callback:
                return io_callback(self.evaluate, shape, x)
            return self.call(self.evaluate, shape, x, vmap_method="sequential")

        @logdensity.defjvp
        def _(primals, tangents):
            return logdensity(*primals), -jnp.sum(primals[0] * tangents[0])

        return logdensity


def run(host, n_chains=1, n_steps=200, **choices):
    x0 = np.ones((n_chains, 2)) if n_chains > 1 else np.ones(2)
    kernel = pmcmc.MALA(0.1)
    return pmcmc.sample(host.logdensity, x0, n_steps, kernel=kernel, n_chains=n_chains, **choices)


@pytest.mark.parametrize("call", [jax.pure_callback, io_callback])
@pytest.mark.parametrize(("solver", "n_chains"), [("sequential", 1), ("jacobi", 1), ("quasi", 2)])
def test_the_exception_is_the_cause_and_the_place_is_named(solver, n_chains, call):
    raised = LicenseError("the server is away\nand will be for a while")
    with pytest.raises(RuntimeError, match=r"raised LicenseError: the server is away") as caught:
        run(Host(60, raised, call), n_chains, solver=solver)
    assert type(caught.value.__cause__) is LicenseError
    text = str(caught.value)
    assert "in steps 0 to 199" in text
    assert "before step 0: [[1. 1.]" in text
    assert " at position=" in text
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) < 400


def test_the_position_is_that_of_the_evaluation():
    # The loop's positions, as it evaluates them, from a run that does not fail.
    seen = []
    host = Host(10**9, None)
    evaluate = host.evaluate
    host.evaluate = lambda position: (seen.append(np.array(position)), evaluate(position))[1]
    run(host, solver="sequential", n_steps=50)
    limit = 30
    with pytest.raises(RuntimeError) as caught:
        run(Host(limit, LicenseError("away")), solver="sequential", n_steps=50)
    numbers = re.search(r"position=Array\(\[(.*?)\]", str(caught.value)).group(1).split(",")
    np.testing.assert_allclose(np.array(numbers, float), seen[limit - 1], atol=1e-7)


def test_what_was_done_before_is_named_by_its_step():
    host = Host(10**9, LicenseError("away"))
    kernel, x0 = pmcmc.MALA(0.1), np.ones(2)
    solver = pmcmc.ParallelNewton(jacobian=pmcmc.solvers.ScaledIdentity(0.0), window=4)
    whole = pmcmc.sample(host.logdensity, x0, 150, kernel=kernel, solver=solver)
    half = Host(host.count * 3 // 4, LicenseError("away"))
    with pytest.raises(RuntimeError) as caught:
        pmcmc.sample(half.logdensity, x0, 150, kernel=kernel, solver=solver)
    pattern = r"in steps (\d+) to \d+\. .* before step (\d+): \[\[(.*)\]\]"
    first, same, numbers = re.search(pattern, str(caught.value)).groups()
    assert first == same
    assert 0 < int(first) < 150
    last = whole.positions[0, int(first) - 1]
    np.testing.assert_allclose(np.array(numbers.split(), float), last, atol=1e-6)


def test_at_the_start_it_is_no_question_of_gradients():
    with pytest.raises(RuntimeError, match=r"raised LicenseError: away at position=.* at x0\."):
        run(Host(1, LicenseError("away")))


@pytest.mark.parametrize("exception", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_a_process_passes(exception):
    with pytest.raises(type(exception)):
        run(Host(60, exception), solver="sequential")


def test_a_run_after_a_failure_is_as_if_there_had_been_none():
    handlers = list(logging.getLogger("jax").handlers)
    host = Host(60, LicenseError("away"))
    logdensity, kernel = host.logdensity, pmcmc.MALA(0.1)
    choices = dict(kernel=kernel, solver="sequential")
    with pytest.raises(RuntimeError):
        pmcmc.sample(logdensity, np.ones(2), 100, **choices)
    host.limit = 10**9
    again = pmcmc.sample(logdensity, np.ones(2), 100, **choices)
    fresh = run(Host(10**9, None), solver="sequential", n_steps=100)
    np.testing.assert_array_equal(again.positions, fresh.positions)
    assert logging.getLogger("jax").handlers == handlers


def test_of_two_exceptions_of_one_class_the_one_that_ended_the_run_is_named():
    """Another thread's callback may raise while a run fails; JAX logs both."""

    def fail(message):
        def callback(x):
            raise LicenseError(message)

        shape = jax.ShapeDtypeStruct((), np.float64)
        jax.block_until_ready(jax.pure_callback(callback, shape, np.float64(0)))

    def fail_with_others_around(message, others):
        with callbacks_raise(lambda: "in step 3."):
            try:
                fail(message)
            except jax.errors.JaxRuntimeError as error:
                for other in others:
                    with pytest.raises(jax.errors.JaxRuntimeError):
                        fail(other)
                raise error from None

    for message, others in [("away", ["back", "away from home"]), ("away from home", ["away", ""])]:
        with pytest.raises(CallbackError, match=f"raised LicenseError: {message} ") as caught:
            fail_with_others_around(message, others)
        assert str(caught.value.__cause__) == message


def test_an_error_that_is_no_callback_s_stays_as_it_is():
    error = RuntimeError("INTERNAL:\nException: out of memory")

    def fail_with_another_logged():
        with callbacks_raise(lambda: "in step 3."):
            other = Exception("of another run")
            logging.getLogger("jax").error("logged besides", exc_info=other)
            raise error

    with pytest.raises(RuntimeError) as caught:
        fail_with_another_logged()
    assert caught.value is error


def test_what_jax_logs_besides_is_still_printed(caplog):
    host = Host(10**9, None)
    evaluate = host.evaluate

    def noisy(position):
        logging.getLogger("jax.somewhere").warning("something else")
        return evaluate(position)

    host.evaluate = noisy
    run(host, solver="sequential", n_steps=3)
    assert "something else" in caplog.text
