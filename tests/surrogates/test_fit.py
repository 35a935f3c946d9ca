"""What is fitted is found again, its error is honest, and what cannot be fitted is refused."""

import numpy as np
import pytest

from pmcmc.surrogates import fit_polynomial
from pmcmc.surrogates.degree import choose_degree, error_of_choice, mean_error
from pmcmc.surrogates.monomials import design, n_monomials

SCALES = np.array([1e-8, 1.0, 1e8])
CENTER = np.array([1e-9, -3.0, 1e9])


def polynomial(degree):
    """A function that falls in all directions, and its evaluations."""
    rng = np.random.default_rng(degree)
    z = rng.normal(size=(2000, 3))
    coefficients = 0.4 / 2**degree * rng.normal(size=n_monomials(3, degree))

    def function(z):
        return design(z, degree) @ coefficients - np.sum(z**2, axis=1) - 1e4

    return z, function


def relative(surrogate, x, expected):
    found = np.array([surrogate(row) for row in x])
    return np.abs(found - expected).max()


@pytest.mark.parametrize("degree", [2, 3, 4, 6])
@pytest.mark.parametrize("with_gradients", [False, True])
def test_polynomials_are_found_whatever_the_scales(degree, with_gradients):
    z, function = polynomial(degree)
    x, value = CENTER + SCALES * z, function(z)
    gradients = None
    if with_gradients:
        h = 1e-6
        columns = [
            (function(z + h * e) - function(z - h * e)) / (2 * h * scale)
            for e, scale in zip(np.eye(3), SCALES, strict=True)
        ]
        gradients = np.stack(columns, axis=1)
        x, value, gradients = (rows[:60] for rows in (x, value, gradients))
    fit = fit_polynomial(x, value, gradients)
    assert fit.degree == degree
    assert fit.n_points == len(x)
    # The ridge shows in degree 6.
    assert fit.held_out_error < (1e-2 if with_gradients or degree == 6 else 1e-4)
    entered = (x[:40] - fit.surrogate.center) @ fit.surrogate.whitening.T
    is_near = np.linalg.norm(entered, axis=1) < fit.surrogate.radius
    assert np.sum(is_near) > 10
    assert relative(fit.surrogate, x[:40][is_near], value[:40][is_near]) < 0.05


@pytest.mark.parametrize(("dim", "n"), [(1, 4), (1, 5), (2, 5), (2, 8)])
def test_a_few_points_with_gradients_are_enough(dim, n):
    x = np.random.default_rng(n).normal(size=(n, dim))
    fit = fit_polynomial(x, -np.sum(x**2, axis=1), -2 * x)
    assert fit.held_out_error < 1e-3
    assert relative(fit.surrogate, x, -np.sum(x**2, axis=1)) < 1e-2  # beyond the radius, too


def test_the_held_out_error_is_that_of_new_points():
    rng = np.random.default_rng(3)

    def function(x):
        return np.sum(0.3 * np.sin(2 * x) - 0.5 * x**2, axis=1)

    x = rng.normal(size=(3000, 3))
    fit = fit_polynomial(x, function(x))
    new = rng.normal(size=(500, 3))
    new = new[np.linalg.norm(new, axis=1) < 3.3]  # far ones count less in the error
    error = np.array([fit.surrogate(row) for row in new]) - function(new)
    assert 0.5 * fit.held_out_error < np.sqrt(np.mean(error**2)) < 2 * fit.held_out_error
    assert fit.held_out_error == pytest.approx(fit.errors[fit.degree], rel=1e-12)
    assert fit.errors[2] > fit.errors[4]


def test_noise_is_not_fitted():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 3))
    value = -0.5 * np.sum(x**2, axis=1) + rng.normal(size=400)
    fit = fit_polynomial(x, value)
    assert fit.degree == 2
    assert 0.8 < fit.held_out_error < 1.3  # the noise, which held-out points show


def test_repeats_and_what_is_not_finite_are_dropped():
    z, function = polynomial(2)
    x, value = z[:100], function(z[:100])
    more = np.concatenate([x, x[:30], x[:3] + 5.0])
    values = np.concatenate([value, value[:30], [np.nan, -np.inf, np.inf]])
    fit = fit_polynomial(more, values)
    assert (fit.n_points, fit.n_dropped) == (100, 33)
    assert fit.held_out_error < 1e-4


@pytest.mark.filterwarnings("error")
def test_values_whose_squares_overflow_are_dropped():
    z, function = polynomial(2)
    x, value = z[:100], function(z[:100])
    fit = fit_polynomial(
        np.concatenate([x, x + 5.0]), np.concatenate([value, np.full(100, -1e300)])
    )
    assert (fit.n_points, fit.n_dropped) == (100, 100)
    assert fit.held_out_error < 1e-4


def test_few_points_give_a_low_degree():
    z, function = polynomial(4)
    assert list(fit_polynomial(z[:30], function(z[:30])).errors) == [2]
    assert list(fit_polynomial(z[:60], function(z[:60])).errors) == [2, 3]
    assert list(fit_polynomial(z, function(z), max_degree=3).errors) == [2, 3]


def test_a_fit_says_what_limits_its_degree():
    z, function = polynomial(4)

    noise = 0.1 * np.random.default_rng(2).normal(size=2000)

    def limit(n, values_of=function, rows=z, noise=noise, **choices):
        return fit_polynomial(rows[:n], values_of(rows[:n]) + noise[:n], **choices).limited_by

    assert limit(2000) == "a higher degree gains too little"
    assert limit(2000, noise=np.zeros(2000)) == "no higher degree is needed"
    assert limit(2000, polynomial(6)[1]) == "degree 6 is the highest"
    assert limit(150, polynomial(6)[1]) == "degree 6 takes 210 equations, and there are 150"
    for rough in (noise, 0 * noise):
        assert limit(2000, polynomial(3)[1], noise=rough, max_degree=3) == "degree 3 is the highest"
    assert limit(60) in str(fit_polynomial(z[:60], function(z[:60]) + noise[:60]))
    assert limit(40) == "degree 3 takes 50 equations, and there are 40"
    many = np.random.default_rng(0).normal(size=(2000, 21))
    normal = limit(2000, lambda x: -0.5 * np.sum(x**4, axis=1), many)
    assert normal == "degree 3 of 21 numbers has 2,024 terms, too many"


def test_choosing_the_degree_does_not_flatter_the_error():
    # Errors that are pure chance: the least of many has been chosen for its luck.
    rng = np.random.default_rng(7)
    plain, honest = [], []
    for _ in range(200):
        squares = {degree: rng.chisquare(1, size=40) for degree in range(12)}
        weight = np.ones(40)
        errors = {d: float(np.sqrt(np.mean(square))) for d, square in squares.items()}
        plain.append(errors[choose_degree(errors)] ** 2)
        honest.append(error_of_choice(squares, weight) ** 2)
    assert np.mean(plain) < 0.93
    assert np.mean(honest) == pytest.approx(1.0, abs=0.06)


def test_a_few_large_errors_do_not_choose_the_degree():
    squares = {4: np.full(1000, 0.25), 6: np.full(1000, 0.01)}
    squares[6][::101] = 1e4  # in both halves
    weight = np.ones(1000)
    assert choose_degree({d: mean_error(s, weight) for d, s in squares.items()}) == 6
    expected = np.sqrt(0.99 * 0.01 + 0.01 * 3**2)
    assert error_of_choice(squares, weight) == pytest.approx(expected)


def test_a_higher_degree_has_to_be_worth_its_cost():
    assert choose_degree({2: 1.0, 3: 0.98, 4: 0.96}) == 2
    assert choose_degree({2: 1.0, 3: 0.5, 4: 0.48}) == 3
    assert choose_degree({2: 1.0, 3: 0.5, 4: 0.45}) == 4
    assert choose_degree({2: 0.02, 3: 0.001, 4: 1e-5}) == 2
    assert choose_degree({2: 5.0}) == 2


def test_many_evaluations_do_not_crowd_out_the_tails():
    x = np.random.default_rng(6).standard_t(4, size=(6000, 2))
    value = -2.5 * np.log1p(np.sum(x**2, axis=1) / 4)
    fit = fit_polynomial(x, value)
    is_tail = (-value > 3) & (-value < 4.5)
    error = np.array([fit.surrogate(row) for row in x[is_tail]]) - value[is_tail]
    assert np.sqrt(np.mean(error**2)) < 0.3  # 1.3 from evaluations at the highest values only


def test_far_points_of_no_density_do_not_spoil_it():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(size=(1500, 3)), 30 * rng.normal(size=(500, 3))])
    value = -8 * np.sqrt(1 + np.sum(x**2, axis=1) / 8)
    fit = fit_polynomial(x, value)
    error = np.array([fit.surrogate(row) for row in x[:200]]) - value[:200]
    assert np.std(error) < 0.1
    best = fit_polynomial(x[:1500], value[:1500])
    assert fit.held_out_error < 5 * best.held_out_error


def test_a_long_way_to_the_mass_does_not_spoil_it():
    rng = np.random.default_rng(6)
    way = np.linspace(40, 4, 3000)[:, None] + rng.normal(size=(3000, 3))
    x = np.concatenate([way, rng.normal(size=(1000, 3))])
    value = -8 * np.sqrt(1 + np.sum(x**2, axis=1) / 8)
    error = np.array([fit_polynomial(x, value).surrogate(row) for row in x[-200:]]) - value[-200:]
    assert np.std(error) < 0.15


NORMAL = np.random.default_rng(0).normal(size=(100, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NORMAL[:10], np.zeros(10)), "takes at least 25 different finite evaluations, got 10"),
        ((NORMAL, np.full(100, np.nan)), "takes at least 25 different finite evaluations, got 0"),
        ((NORMAL, np.zeros(99)), r"shapes \(n, D\) and \(n,\), got \(100, 3\) and \(99,\)"),
        ((NORMAL[0], 0.0), r"shapes \(n, D\) and \(n,\)"),
        ((NORMAL, np.zeros(100), np.zeros(100)), "gradients must have the shape of positions"),
        ((np.zeros((5000, 60)), np.zeros(5000)), "a quadratic of 60 numbers has 1,891 terms"),
        ((NORMAL * [1, 1, 0], np.zeros(100)), "the same number in coordinate 2"),
        ((NORMAL @ np.diag([1, 1, 0]) + NORMAL[:, :1], np.zeros(100)), "got collinear ones"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_polynomial(*arguments)


def test_max_degree_is_checked():
    with pytest.raises(ValueError, match="max_degree must be 2, 3, 4 or 6, got 5"):
        fit_polynomial(NORMAL, np.zeros(100), max_degree=5)
