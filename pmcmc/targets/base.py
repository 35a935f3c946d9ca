"""What a target distribution consists of."""

import dataclasses
import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, ParamSpec

import jax
import numpy as np

_P = ParamSpec("_P")


@dataclass(frozen=True)
class Reference:
    """Moments from another source, to check a sampler against.

    They are moments of what `Target.constrain` returns, with its structure.

    Args:
        mean: means.
        sd: standard deviations.
        mcse_mean: Monte Carlo standard errors of `mean`; zeros if exact.
        origin: how the figures were made.
    """

    mean: Any
    sd: Any
    mcse_mean: Any
    origin: str


class Transition(NamedTuple):
    """A transition that leaves the target invariant: the arguments of `pmcmc.CustomKernel`.

    Args:
        step: `(position, noise) -> position`.
        noise: `(rng_key, position) -> noise`.
    """

    step: Callable[[jax.Array, Any], jax.Array]
    noise: Callable[[jax.Array, jax.Array], Any]


def _as_it_is(position: jax.Array) -> jax.Array:
    return position


@dataclass(frozen=True, eq=False)
class Target:
    """A log density with everything needed to sample it and to check the draws.

    Args:
        name: short name, for tables.
        logdensity: log density up to a constant, from a position of shape `(dim,)` to a scalar.
        dim: number of coordinates.
        initial_position: a reasonable start, shape `(dim,)`.
        reference: moments to check against.
        citation: where the model and the data come from, with the license of the data.
        constrain: from a position to the quantities that the reference describes: a dictionary of
            the model's parameters, or the position itself.
        draw: an exact draw of the position from a key, if there is one.
        gibbs: a Gibbs scan, if there is one.
    """

    name: str
    logdensity: Callable[[jax.Array], jax.Array]
    dim: int
    initial_position: np.ndarray
    reference: Reference
    citation: str
    constrain: Callable[[jax.Array], Any] = _as_it_is
    draw: Callable[[jax.Array], jax.Array] | None = None
    gibbs: Transition | None = None


@dataclass(frozen=True, eq=False, repr=False)
class _Part:
    """A function of a target of ours, which is pickled as where it is to be found.

    Args:
        function: the function itself.
        make: what makes the target, with its arguments.
        path: of the function in the target.
    """

    function: Callable[..., Any]
    make: functools.partial[Target]
    path: str

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __reduce__(self) -> Any:
        return _find, (self.make, self.path)

    def __repr__(self) -> str:
        arguments = [*map(repr, self.make.args)]
        arguments += [f"{name}={value!r}" for name, value in self.make.keywords.items()]
        return f"{self.make.func.__name__}({', '.join(arguments)}).{self.path}"


def _find(make: Callable[[], Target], path: str) -> Any:
    return operator.attrgetter(path)(make())


def make_once(make: Callable[_P, Target]) -> Callable[_P, Target]:
    """Make a target only once for the same arguments, with functions that can be pickled.

    So the compiled code of its functions is reused. In another process, the functions are found by
    the name and the arguments of the function that makes the target.

    Args:
        make: a function at the top of its module.
    """

    @functools.cache
    def made(*args: Any, **kwargs: Any) -> Target:
        target = make(*args, **kwargs)
        again = functools.partial(made, *args, **kwargs)

        def part(path: str) -> Any:
            function = operator.attrgetter(path)(target)
            return None if function is None else _Part(function, again, path)

        gibbs = target.gibbs
        return dataclasses.replace(
            target,
            logdensity=part("logdensity"),
            constrain=part("constrain"),
            draw=part("draw"),
            gibbs=None if gibbs is None else Transition(part("gibbs.step"), part("gibbs.noise")),
        )

    named: Any = functools.update_wrapper(made, make)
    return named
