"""Monomials in a few variables, and a form of polynomials that is fast to evaluate."""

import functools
import itertools
import math

import numpy as np

DEGREES = (2, 3, 4, 6)
MOST_TERMS = 1_820  # degree 4 in twelve variables; degree 6 in seven has 1,716


def n_monomials(dim: int, degree: int) -> int:
    """Number of monomials in `dim` variables up to a degree, including the constant."""
    return math.comb(dim + degree, degree)


def degrees_of(dim: int) -> tuple[int, ...]:
    """Degrees for which polynomials in `dim` variables do not have too many terms."""
    return tuple(degree for degree in DEGREES if n_monomials(dim, degree) <= MOST_TERMS)


@functools.lru_cache(maxsize=32)
def monomials(dim: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """Each monomial as the sorted indices of its factors, 1 to `dim`, padded with zeros."""
    return tuple(itertools.combinations_with_replacement(range(dim + 1), degree))


def design(rows: np.ndarray, degree: int) -> np.ndarray:
    """Values of all monomials, shape `(n, terms)`, at rows `(n, D)`."""
    n_rows, dim = rows.shape
    padded = np.concatenate([np.ones((1, n_rows)), rows.T])
    values = np.ones((n_monomials(dim, degree), n_rows))
    # Each monomial is an earlier one times one more factor.
    for (without, factor), monomial in zip(_products(dim, degree), values[1:], strict=True):
        np.multiply(values[without], padded[factor], out=monomial)
    return values.T


def slopes(rows: np.ndarray, degree: int) -> np.ndarray:
    """Derivatives of all monomials, shape `(n, D, terms)`, at rows `(n, D)`."""
    n_rows, dim = rows.shape
    padded = np.concatenate([np.ones((n_rows, 1)), rows], axis=1)
    factors = np.array(monomials(dim, degree))
    slopes = np.zeros((n_rows, dim, len(factors)))
    for left_out in range(degree):
        rest = np.ones((n_rows, len(factors)))
        for column in np.delete(factors, left_out, axis=1).T:
            rest *= padded[:, column]
        for k in range(dim):
            is_factor = factors[:, left_out] == k + 1
            slopes[:, k, is_factor] += rest[:, is_factor]
    return slopes


def as_table(coefficients: np.ndarray, dim: int, degree: int) -> np.ndarray:
    """The matrix with which `PolynomialSurrogate` evaluates a polynomial.

    For even degrees, it is a symmetric matrix between all monomials up to half the degree. For
    degree 3, it is a symmetric tensor that acts on `(1, z)`, of shape `((D + 1)**2, D + 1)`.

    Args:
        coefficients: of the monomials, shape `(terms,)`.
        dim: number of coordinates of a position.
        degree: degree of the polynomial.
    """
    numbers, counts = _table(dim, degree)
    return np.asarray((coefficients / counts)[numbers])


def coefficients_of(table: np.ndarray, dim: int, degree: int) -> np.ndarray:
    """The coefficients of the monomials, shape `(terms,)`, from which a table was made."""
    numbers, counts = _table(dim, degree)
    return np.bincount(numbers.ravel(), np.asarray(table, float).ravel(), len(counts))


def of_higher_degree(coefficients: np.ndarray, dim: int, degree: int, higher: int) -> np.ndarray:
    """Coefficients of the same polynomial for the monomials up to a higher degree.

    Args:
        coefficients: of the monomials up to `degree`.
        dim: number of coordinates of a position.
        degree: degree of the polynomial.
        higher: the higher degree, at least `degree`.
    """
    places = {factors: i for i, factors in enumerate(monomials(dim, higher))}
    ones = (0,) * (higher - degree)
    among_all = np.zeros(len(places))
    among_all[[places[ones + factors] for factors in monomials(dim, degree)]] = coefficients
    return among_all


@functools.lru_cache(maxsize=32)
def _table(dim: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """The index of each matrix entry's monomial, and the number of entries of each monomial."""
    known = {factors: i for i, factors in enumerate(monomials(dim, degree))}
    parts = monomials(dim, degree // 2 if degree % 2 == 0 else 1)
    product = itertools.product(parts, repeat=2 if degree % 2 == 0 else degree)
    numbers = np.array([known[tuple(sorted(itertools.chain(*entry)))] for entry in product])
    counts = np.bincount(numbers, minlength=len(known))
    return numbers.reshape(-1, len(parts)), counts


@functools.lru_cache(maxsize=32)
def _products(dim: int, degree: int) -> list[tuple[int, int]]:
    """For each monomial but the constant: the number of it without its last factor, and that."""
    known = {factors: i for i, factors in enumerate(monomials(dim, degree))}
    return [(known[0, *factors[:-1]], factors[-1]) for factors in monomials(dim, degree)[1:]]


@functools.lru_cache(maxsize=32)
def derivatives(dim: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Which monomials have one more factor `z[k]` than those of a lower degree, and how many.

    The derivative of the first by `z[k]` is the second times the number of its factors `z[k]`.

    Args:
        dim: number of coordinates of a position.
        degree: largest degree of the monomials; that of the others is lower by one.

    Returns:
        Indices of monomials, and numbers of their factors `z[k]`, both of shape `(D, lower)`.
    """
    known = {factors: i for i, factors in enumerate(monomials(dim, degree))}
    more = [
        [tuple(sorted((*factors, k))) for factors in monomials(dim, degree - 1)]
        for k in range(1, dim + 1)
    ]
    index = np.array([[known[factors] for factors in row] for row in more])
    times = np.array([[factors.count(k + 1) for factors in row] for k, row in enumerate(more)])
    return index, times
