"""Structures of what is passed to compiled programs: no class may stand in for another."""

import inspect
import itertools

import jax
import numpy as np
import pytest

import pmcmc
from pmcmc import solvers

METRIC = np.array([0.5, 2.0])
LIKE_EACH_OTHER = {
    "kernels": [
        pmcmc.Langevin(0.1, METRIC),
        pmcmc.MALA(0.1, METRIC),
        pmcmc.Barker(0.1, METRIC),
        pmcmc.RandomWalkMetropolis(0.1, METRIC),
        pmcmc.HMC(0.1, 3, METRIC),
    ],
    "structures": [
        solvers.Dense(memory_limit=1),
        solvers.Diagonal(n_probes=1),
        solvers.DiagonalBlocks(n_probes=1),
        solvers.ScaledIdentity(1.0),
    ],
    "damping": [solvers.Clip(0.5), solvers.Scale(0.5), solvers.ELK(0.5)],
    "solvers": [pmcmc.Sequential(), pmcmc.ParallelNewton()],
}
GUESSES = [
    value()
    for name, value in vars(solvers).items()
    if name.endswith("Guess") and inspect.isclass(value) and not inspect.isabstract(value)
    and not inspect.signature(value).parameters
]  # fmt: skip
LIKE_EACH_OTHER["guesses"] = GUESSES


@pytest.mark.parametrize("family", LIKE_EACH_OTHER)
def test_objects_of_different_classes_differ_in_structure(family):
    members = LIKE_EACH_OTHER[family]
    assert len(members) > 1
    for a, b in itertools.combinations(members, 2):
        assert jax.tree.structure(a) != jax.tree.structure(b), (a, b)


def test_static_fields_are_structure_and_the_others_are_named_leaves():
    kernel = pmcmc.HMC(0.1, 3, METRIC)
    assert jax.tree.structure(kernel) == jax.tree.structure(pmcmc.HMC(0.2, 3, 2 * METRIC))
    assert jax.tree.structure(kernel) != jax.tree.structure(pmcmc.HMC(0.1, 4, METRIC))
    paths, _ = jax.tree.flatten_with_path(kernel)
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    assert names == [".step_size", ".inverse_mass_matrix", ".divergence_threshold"]
    doubled = jax.tree.map(lambda leaf: 2 * leaf, kernel)
    assert (doubled.step_size, doubled.num_integration_steps) == (0.2, 3)
    np.testing.assert_array_equal(doubled.inverse_mass_matrix, 2 * METRIC)
