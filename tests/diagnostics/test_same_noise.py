"""Two runs with the same noise are compared draw by draw."""

import dataclasses

import jax
import numpy as np
import pytest

import pmcmc
from pmcmc import diagnostics
from pmcmc.kernels import MALA

from .gumbel import N_STEPS, STEP_SIZE, Careless, skewed


def test_one_changed_decision_is_found(honest):
    draw = 1234
    stats = {name: value.copy() for name, value in honest.stats.items()}
    stats["is_accepted"][2, draw] ^= True
    positions = honest.positions.copy()
    positions[2, draw] = positions[2, draw - 1]
    compared = diagnostics.compare(
        dataclasses.replace(honest, stats=stats, positions=positions), honest
    )
    assert compared.same_noise.first_difference.tolist() == [-1, -1, draw, -1]
    (problem,) = compared.problems
    assert problem.startswith(f"chain 2: decisions differ from draw {draw} on, in 1 of 4,000 draws")


def test_a_shifted_position_is_found_where_all_decisions_are_the_same(honest):
    positions = honest.positions.copy()
    positions[1, 7] += 1e-3
    shifted = dataclasses.replace(honest, positions=positions)
    (problem,) = diagnostics.compare(shifted, honest).problems
    assert problem.startswith(
        "chain 1: decisions are the same, but positions differ by up to 1.0e-03"
    )


@pytest.mark.parametrize(
    "change",
    [
        dict(dtype=np.dtype(np.float32)),
        dict(kernel=MALA(0.4)),
        dict(kernel=Careless(STEP_SIZE)),
        dict(rng_key_impl="rbg"),
    ],
)
def test_another_kernel_precision_or_kind_of_key_is_other_noise(change, honest):
    other = dataclasses.replace(honest, info=dataclasses.replace(honest.info, **change))
    assert diagnostics.compare(other, honest).same_noise is None
    assert diagnostics.compare(honest, honest).same_noise is not None


def test_float32_runs_that_part_are_told_to_be_compared_in_float64(honest):
    narrow = {name: values.copy() for name, values in honest.stats.items()}
    narrow["is_accepted"][0, 50] ^= True
    positions = honest.positions.astype(np.float32)
    moved = positions.copy()
    moved[0, 40:, 0] += 1.0
    info = dataclasses.replace(honest.info, dtype=np.dtype(np.float32))
    one = dataclasses.replace(honest, positions=positions, info=info)
    other = dataclasses.replace(honest, positions=moved, stats=narrow, info=info)
    problem = diagnostics.compare(other, one).problems[0]
    assert problem.startswith("chain 0: decisions differ from draw 50 on")
    assert "compare in float64" in problem


def test_runs_that_part_at_once_have_another_start(honest):
    other = pmcmc.sample(
        skewed, np.full((4, 2), 3.0), N_STEPS, kernel=MALA(STEP_SIZE), n_chains=4,
        solver="sequential",
    )  # fmt: skip
    problems = diagnostics.compare(other, honest).problems
    assert any(
        "The runs drift apart before that: compare kernels, starts" in problem
        for problem in problems
    )


def test_runs_that_part_with_the_first_decision(honest):
    stats = honest.stats | {"is_accepted": ~honest.stats["is_accepted"]}
    problems = diagnostics.compare(dataclasses.replace(honest, stats=stats), honest).problems
    assert len(problems) == 4
    assert all("from draw 0 on" in problem for problem in problems)
    assert all("The runs differ from the start: compare kernels" in problem for problem in problems)


def test_keys_of_two_implementations_with_the_same_data_are_other_noise():
    def run(implementation):
        key = jax.random.key(0, impl=implementation)
        kernel = MALA(STEP_SIZE)
        return pmcmc.sample(
            skewed, np.zeros(2), 40, kernel=kernel, solver="sequential", rng_key=key
        )

    one, other = run("rbg"), run("unsafe_rbg")
    np.testing.assert_array_equal(one.info.rng_key, other.info.rng_key)
    assert (one.info.rng_key_impl, other.info.rng_key_impl) == ("rbg", "unsafe_rbg")
    assert diagnostics.compare(one, one).same_noise is not None
    assert diagnostics.compare(one, other).same_noise is None
