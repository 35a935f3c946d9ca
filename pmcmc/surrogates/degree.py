"""Choosing the degree of a polynomial."""

import math

import numpy as np

from pmcmc._util.checks import short
from pmcmc.surrogates.monomials import DEGREES, MOST_TERMS, degrees_of, n_monomials

_EQUATIONS_PER_TERM = 2.5  # at least
GOOD_ENOUGH = 0.03  # an error that changes hardly any decision
_MOST_ERROR = 3.0  # larger errors count as this one
_GAIN = 0.95  # a higher degree has to reduce the error to less than this share


def degrees_to_try(n_points: int, dim: int, equations_per_point: int, max_degree: int) -> list[int]:
    """Degrees with enough equations, and without too many terms."""
    if max_degree not in DEGREES:
        raise ValueError(f"max_degree must be 2, 3, 4 or 6, got {short(max_degree)}: write 6.")
    enough = n_points * equations_per_point / _EQUATIONS_PER_TERM
    most = min(enough, MOST_TERMS)
    degrees = [d for d in DEGREES if d <= max_degree and n_monomials(dim, d) <= most]
    if degrees:
        return degrees
    terms = n_monomials(dim, 2)
    if terms > MOST_TERMS:
        raise ValueError(
            f"a quadratic of {dim} numbers has {terms:,} terms, more than the limit of "
            f"{MOST_TERMS:,}: write GaussianSurrogate.from_metric(...)."
        )
    needed = math.ceil(_EQUATIONS_PER_TERM * terms / equations_per_point)
    raise ValueError(
        f"a quadratic of {dim} numbers takes at least {needed:,} different finite evaluations, got "
        f"{n_points:,}: evaluate more, or write GaussianSurrogate.from_metric(...)."
    )


def enough_for(dim: int) -> list[int]:
    """How many evaluations without gradients each degree needs, lowest degree first."""
    return [math.ceil(_EQUATIONS_PER_TERM * n_monomials(dim, d)) for d in degrees_of(dim)]


def most_terms(dim: int) -> int:
    """Number of terms of the highest possible degree; 0 if even a quadratic has too many."""
    return max((n_monomials(dim, degree) for degree in degrees_of(dim)), default=0)


def choose_degree(errors: dict[int, float]) -> int:
    """The degree to use. A higher degree costs more, so it has to reduce the error."""
    enough = max(min(errors.values()) / _GAIN, GOOD_ENOUGH)
    return min(degree for degree, error in errors.items() if error <= enough)


def error_of_choice(squares: dict[int, np.ndarray], weight: np.ndarray) -> float:
    """The error of the chosen degree, not biased by the choice.

    Each half of the evaluations is judged with the degree that the other half chooses.

    Args:
        squares: squared errors at held-out evaluations, shape `(n,)`, by degree.
        weight: weights of these evaluations, shape `(n,)`.
    """
    is_first = np.arange(len(weight)) % 2 == 0
    judged = np.empty(len(weight))
    for chooses in (is_first, ~is_first):
        halves = {d: mean_error(square[chooses], weight[chooses]) for d, square in squares.items()}
        judged[~chooses] = squares[choose_degree(halves)][~chooses]
    return mean_error(judged, weight)


def mean_error(squares: np.ndarray, weight: np.ndarray) -> float:
    """Weighted root mean square error, where errors above 3 count as 3.

    They make about the same wrong decisions. Otherwise, a few evaluations far away, where high
    powers are large, would choose a low degree for all others.
    """
    squares = np.minimum(squares, _MOST_ERROR**2)
    return float(np.sqrt(np.average(squares, weights=weight)))


def limit_of_degree(
    degree: int, error: float, possible: list[int], dim: int, n_equations: int, max_degree: int
) -> str:
    """Why no higher degree was chosen, in words."""
    if error <= GOOD_ENOUGH and degree < max_degree:
        return "no higher degree is needed"
    if degree < max(possible):
        return "a higher degree gains too little"
    if degree >= max_degree:
        return f"degree {degree} is the highest"
    higher = DEGREES[DEGREES.index(degree) + 1]
    terms = n_monomials(dim, higher)
    if terms > MOST_TERMS:
        return f"degree {higher} of {dim} numbers has {terms:,} terms, too many"
    needed, there = math.ceil(_EQUATIONS_PER_TERM * terms), n_equations
    return f"degree {higher} takes {needed:,} equations, and there are {there:,}"
