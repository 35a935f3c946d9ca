"""Bad options of a solver are named where it is made, with what to write."""

import numpy as np
import pytest

import pmcmc
from pmcmc import solvers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(basis=np.ones((2, 2))), "invertible matrix, got one of condition number"),
        (dict(basis=[[1.0, 0.0], [0.0, 1.0]]), r"invertible matrix, got \[\[1.0"),
        (dict(basis=np.ones(2)), r"invertible matrix .* shape \(2,\)"),
        (dict(basis=np.eye(2, dtype=int)), "dtype int64"),
        (dict(basis=np.full((2, 2), np.nan)), "condition number inf"),
        (
            dict(basis="eigen"),
            "basis must be 'auto', 'hessian', 'jacobian', None or an invertible matrix",
        ),
        (dict(window=0), "window must be a positive integer"),
        (dict(window=2.5), "window must be a positive integer, got 2.5"),
        (dict(window=float("inf")), "window must be a positive integer, got inf"),
        (dict(max_sweeps=0), "max_sweeps must be a positive integer"),
        (dict(max_sweeps=1.5), "max_sweeps must be a positive integer, got 1.5"),
        (dict(atol=0.0), "atol must be a positive finite number"),
        (dict(rtol=np.nan), "rtol must be a positive finite number"),
        (dict(rtol=2.0), "rtol must be below 1"),
        (dict(damping=0.5), r"damping must be an instance such as pmcmc.solvers.Clip"),
        (dict(damping=pmcmc.solvers.Clip), "damping must be an instance such as"),
        (dict(guess="random"), r"guess must be an instance such as pmcmc.solvers.RandomGuess"),
        (dict(jacobian=None), r"jacobian must be an instance .*got None"),
        (dict(window="large"), "window must be a positive integer, got 'large'"),
        (dict(jacobian="diag"), r"jacobian must be an instance such as pmcmc.solvers.Diagonal"),
        (dict(fallback="loop"), "fallback must be 'sequential' or None, got 'loop'"),
        (dict(n_logged_sweeps=-1), "n_logged_sweeps must be an integer of at least 0"),
    ],
)
def test_bad_solver_options_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pmcmc.ParallelNewton(**arguments)


@pytest.mark.parametrize("rho", [0.0, -1.0, np.nan, 1.5])
def test_clipping_needs_a_bound_that_makes_sweeps_stable(rho):
    with pytest.raises(ValueError, match="rho must be"):
        pmcmc.solvers.Clip(rho=rho)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: solvers.Scale(k=-0.1), "k must be a number from 0 to 1"),
        (lambda: solvers.Scale(k=1.5), "k must be a number from 0 to 1"),
        (lambda: solvers.Scale(k=np.nan), "k must be a number from 0 to 1"),
        (lambda: solvers.Scale(k=np.array([0.1, 2.0])), "one entry a step"),
        (lambda: solvers.Scale(k=np.zeros((2, 2))), "one entry a step"),
        (lambda: solvers.Scale(k="half"), "k must be a number from 0 to 1.*got 'half'"),
        (lambda: solvers.Scale(k=None), "k must be a number from 0 to 1.*got None"),
        (lambda: solvers.ELK(-1.0), "regularization must be a finite number of at least 0"),
        (lambda: solvers.ELK(np.inf), "regularization must be a finite number of at least 0"),
        (lambda: solvers.ELK(None), "regularization must be a finite number of at least 0"),
        (lambda: solvers.ELK(is_adaptive=1), "is_adaptive must be True or False, got 1"),
        (lambda: solvers.Diagonal(n_probes=0), "n_probes must be a positive integer, got 0"),
        (lambda: solvers.DiagonalBlocks(n_probes=1.5), "n_probes must be a positive integer"),
        (lambda: solvers.Dense(memory_limit=0), "memory_limit must be a positive integer"),
        (lambda: solvers.Lagged(solvers.Dense(), every=0), "every must be a positive integer"),
        (lambda: solvers.Lagged(solvers.Dense), "structure must be an instance such as"),
        (lambda: solvers.Constant(None, np.eye(2)), "structure must be an instance.*got None"),
        (lambda: solvers.DenseBlocks(0), "size must be a positive integer, got 0"),
        (lambda: solvers.DenseBlocks(2, n_probes=0), "n_probes must be a positive integer"),
        (lambda: solvers.DenseBlocks(3).check(1, 4, 8), "multiple of 3 numbers, got one of 4"),
        (lambda: solvers.Permutation(None), "source must be a function"),
        (lambda: solvers.ScaledIdentity(np.nan), "alpha must be a finite number, got nan"),
        (lambda: solvers.RandomGuess(sd=0.0), "sd must be a positive finite number"),
        (lambda: solvers.RandomGuess(mean=np.inf), "mean must be a finite number"),
        (lambda: solvers.SurrogateGuess(3), "step must be a function"),
    ],
)
def test_bad_choices_of_a_method_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
