"""Item response theory with simulated answers."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_reference

_N_STUDENTS, _N_ITEMS, _SEED = 400, 60, 20260
_LOG_DISCRIMINATION_SD = 0.5


def simulate_answers() -> np.ndarray:
    """Answers, 0 or 1, shape `(student, item)`, from a fixed seed."""
    rng = np.random.RandomState(_SEED)  # its streams never change
    ability = rng.normal(size=_N_STUDENTS)
    discrimination = np.exp(_LOG_DISCRIMINATION_SD * rng.normal(size=_N_ITEMS))
    difficulty = rng.normal(size=_N_ITEMS)
    logits = discrimination * (ability[:, None] - difficulty)
    return (rng.uniform(size=logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)


@make_once
def item_response() -> Target:
    """Two-parameter logistic model of 400 students and 60 items, with simulated answers.

    A position holds 400 abilities, 60 logarithms of discriminations and 60 difficulties: `D = 520`.
    Student `j` answers item `i` correctly with log odds `discrimination[i] * (ability[j] -
    difficulty[i])`. Abilities and difficulties are standard normal, log discriminations normal with
    standard deviation 0.5; the answers are simulated from the model with a fixed seed.
    """
    signs = 2 * simulate_answers() - 1

    def split(position: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        ability, *of_items = jnp.split(position, [_N_STUDENTS, _N_STUDENTS + _N_ITEMS])
        return ability, of_items[0], of_items[1]

    def logdensity(position: jax.Array) -> jax.Array:
        ability, log_discrimination, difficulty = split(position)
        logits = jnp.exp(log_discrimination)[None] * (ability[:, None] - difficulty[None])
        likelihood = jnp.sum(jax.nn.log_sigmoid(jnp.asarray(signs, position.dtype) * logits))
        squares = jnp.sum(ability**2) + jnp.sum(difficulty**2)
        squares += jnp.sum((log_discrimination / _LOG_DISCRIMINATION_SD) ** 2)
        return likelihood - 0.5 * squares

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        ability, log_discrimination, difficulty = split(position)
        return {
            "ability": ability,
            "discrimination": jnp.exp(log_discrimination),
            "difficulty": difficulty,
        }

    dim = _N_STUDENTS + 2 * _N_ITEMS
    return Target(
        name="item response",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=read_reference(
            "item_response_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0014, smallest bulk ESS 2,400",
        ),
        citation="Simulated. Model: Birnbaum, A. (1968), in Lord, F. & Novick, M., Statistical "
        "theories of mental test scores",
        constrain=constrain,
    )
