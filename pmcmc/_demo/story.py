"""What the demonstration asks of a target."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc import targets
from pmcmc._demo import hares
from pmcmc.targets import Target

SLOW_STEPS_PER_YEAR = 100
NAMES = sorted(name for name, value in vars(targets).items() if inspect.isroutine(value))


class Story(NamedTuple):
    """A target with a question.

    Args:
        target: what is sampled.
        title: the model, in one line.
        question: the question, in words.
        column: header of the column with the answer.
        answer: maps positions `(n, D)` to the quantity in question, `(n,)`.
        draw: plots positions `(n, D)` and the answer on matplotlib axes.
    """

    target: Target
    title: str
    question: str
    column: str
    answer: Callable[[np.ndarray], np.ndarray]
    draw: Callable[[Any, np.ndarray], None]


def story_of(name: str) -> Story:
    """The story of a target, by the name of its function in `pmcmc.targets`."""
    if name == "lotka_volterra":
        target = targets.lotka_volterra(SLOW_STEPS_PER_YEAR)
        return Story(
            target,
            f"Lotka-Volterra equations, {target.dim} unknowns, {20 * SLOW_STEPS_PER_YEAR:,} "
            "Runge-Kutta steps per evaluation, one after another",
            "Hares and lynxes, counted from 1900 to 1920: when do the hares peak next?",
            "hares peak in",
            hares.next_peak,
            hares.draw,
        )
    return _mean_of_the_first_number(getattr(targets, name)())


def _mean_of_the_first_number(target: Target) -> Story:
    constrain = jax.jit(jax.vmap(target.constrain))
    means = jax.tree_util.tree_flatten_with_path(target.reference.mean)[0]
    path, mean = means[0]
    name = str(path[0].key) if path else "x"
    label = f"{name}[0]" if np.ndim(mean) else name

    def answer(positions: np.ndarray) -> np.ndarray:
        first = np.asarray(jax.tree.leaves(constrain(positions))[0])
        return first.reshape(len(first), -1)[:, 0]

    def draw(ax: Any, positions: np.ndarray) -> None:
        ax.hist(answer(positions), bins=60, density=True, color="#0072B2", alpha=0.7)
        ax.axvline(known, color="#D55E00", label="reference mean")
        ax.set(xlabel=label, ylabel="density", title=f"{target.name}: posterior of {label}")
        ax.legend(loc="upper right", frameon=False)

    known = float(np.ravel(mean)[0])
    title = f"{target.dim} unknowns; reference mean {known:.5g} ({target.reference.origin})"
    question = f"{target.name}: what is {label}?"
    return Story(target, title, question, label, answer, draw)
