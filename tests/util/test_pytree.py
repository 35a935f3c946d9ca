"""Structures of what is passed to compiled programs: no class may stand in for another."""

import copy
import dataclasses
import inspect
import itertools
import pickle

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


def others(instance):
    """The instance with one field changed, for each that can be."""
    leaves, structure = jax.tree.flatten(instance)
    for i, leaf in enumerate(leaves):
        if not isinstance(leaf, str):
            changed = [*leaves[:i], np.asarray(leaf) * 0.5 + 0.1, *leaves[i + 1 :]]
            yield jax.tree.unflatten(structure, changed)


@pytest.mark.parametrize("family", LIKE_EACH_OTHER)
def test_equality_is_by_value_and_hashes_are_in_step(family):
    members = [*LIKE_EACH_OTHER[family], pmcmc.HMC(0.1, 4, METRIC), pmcmc.MALA(0.1)]
    members += [pmcmc.ParallelNewton(basis=np.eye(2)), pmcmc.ParallelNewton(guess=np.zeros((3, 2)))]
    for a in members:
        arrays = jax.tree.map(lambda x: x if isinstance(x, str) else np.array(x), a)
        for same in (a, copy.deepcopy(a), arrays, pickle.loads(pickle.dumps(a))):
            assert a == same
            assert hash(a) == hash(same)
        assert all(a != other for other in others(a))
    for a, b in itertools.combinations(members, 2):
        assert a != b
    assert len({*members, *map(copy.deepcopy, members)}) == len(members)


def test_equality_of_what_is_being_traced_is_identity():
    @jax.jit
    def check(kernel, other):
        assert kernel == jax.tree.map(lambda x: x, kernel)
        assert kernel != other
        return hash(kernel) == hash(kernel)

    assert check(pmcmc.MALA(0.1, METRIC), pmcmc.MALA(0.1, METRIC))


class Walk(pmcmc.kernels.Kernel, static=("n_steps",)):
    step_size: float
    n_steps: int = 1

    def draw_noise(self, rng_key, position):
        return jax.random.normal(rng_key, position.shape)

    def transition(self, logdensity, state, noise):
        return state, None


class Longer(Walk, static=("name",)):
    name: str = "longer"


def test_a_class_of_a_user_is_a_pytree_without_a_decorator():
    assert jax.tree.leaves(Walk(0.5, 3)) == [0.5]
    assert jax.tree.map(lambda x: 2 * x, Walk(0.5, 3)) == Walk(1.0, 3)
    assert Walk(0.5, 3) != Walk(0.5, 4)
    assert Walk(0.5) != Longer(0.5)
    assert jax.tree.structure(Walk(0.5)) != jax.tree.structure(Longer(0.5))
    assert jax.tree.leaves(Longer(0.5, 3)) == [0.5]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Walk(0.5).step_size = 1.0


def test_a_decorator_out_of_habit_changes_nothing():
    @dataclasses.dataclass(frozen=True)
    class Habit(Walk):
        scale: np.ndarray = None

    assert Habit(0.5, scale=METRIC) == Habit(0.5, scale=METRIC.copy())
    assert hash(Habit(0.5, scale=METRIC)) == hash(Habit(0.5, scale=METRIC.copy()))
    assert len(jax.tree.leaves(Habit(0.5, scale=METRIC))) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Habit(0.5).scale = METRIC


def test_static_names_are_names_of_fields():
    with pytest.raises(ValueError, match="static of Typo must be names of its fields"):

        class Typo(pmcmc.kernels.Kernel, static=("n_step",)):
            n_steps: int
