"""Gradients in reverse and in forward mode beside closed forms, and what JAX cannot do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.gradients import gradients_at
from pmcmc._arguments import as_task
from pmcmc._chain.basis import _hessian_at_mode

from ..helpers.kernels import mala_loop, noise_of
from ..helpers.loops import in_loop, in_loop_numpy, in_while_loop, with_reverse_rule

KERNEL = pmcmc.MALA(step_size=0.15)
START = np.array([0.5, -0.8])


def run(logdensity, n_steps=40, **options):
    options = dict(kernel=KERNEL, solver="sequential", rng_key=3) | options
    return pmcmc.sample(logdensity, START, n_steps, **options)


def expected(n_steps=40):
    noise = noise_of(KERNEL, jax.random.key(3), 0, n_steps, 2)
    return mala_loop(in_loop_numpy, START, KERNEL.step_size, noise)[0]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("solver", ["sequential", "newton"])
def test_either_way_gives_the_chain_of_a_plain_loop(mode, solver):
    result = run(in_loop, gradient_mode=mode, solver=solver)
    assert (result.info.gradient_mode, result.info.gradient_seconds) == (mode, {})
    assert result.info.converged.all()
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        result.final_state.logdensity_grad, in_loop_numpy(result.positions[0, -1])[1], atol=1e-10
    )


def test_forward_mode_where_there_is_no_other():
    result = run(in_while_loop, solver="newton")
    assert result.info.gradient_mode == "forward"
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-7)
    logdensity = as_task(in_while_loop, START, KERNEL, 1, 0).problem.logdensity
    np.testing.assert_allclose(gradients_at(logdensity, START[None])[0], in_loop_numpy(START)[1])
    hessian = _hessian_at_mode(logdensity, START)
    root = 0.6823278038280193  # of x**3 + x - 1, where the mode is
    np.testing.assert_allclose(hessian, -(3 * root**2 + 1) * np.eye(2), rtol=1e-3, atol=1e-8)


def test_reverse_mode_where_there_is_no_other():
    result = run(with_reverse_rule)
    assert result.info.gradient_mode == "reverse"
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-10)


def test_float32(float32):
    task = as_task(
        in_loop, START.astype(np.float32), KERNEL, 1, 0, n_steps=1, gradient_mode="forward"
    )
    value, grad = task.problem.logdensity.value_and_grad(task.problem.positions[0])
    assert (value.dtype, grad.dtype) == (jnp.float32, jnp.float32)
    np.testing.assert_allclose(grad, in_loop_numpy(START)[1], rtol=1e-5)


@pytest.mark.parametrize("call", [pmcmc.sample, pmcmc.warmup, pmcmc.burn_in, pmcmc.plan])
def test_errors(call):
    more = {"n_steps": 10, "kernel": KERNEL}
    with pytest.raises(ValueError, match=r"gradient_mode must be 'auto', .* got 'back'.*write"):
        call(in_loop, START, gradient_mode="back", **more)
    for logdensity, mode in ((in_while_loop, "reverse"), (with_reverse_rule, "forward")):
        with pytest.raises(
            ValueError, match=f"gradient_mode='{mode}' does not work.*write.*'auto'"
        ):
            call(logdensity, START, gradient_mode=mode, **more)
