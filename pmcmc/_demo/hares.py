"""When do the hares peak next?"""

from typing import Any

import numpy as np

from pmcmc.targets.tables import read_numbers

_FIRST_YEAR, _LAST_YEAR, _HORIZON = 1900, 1920, 1932
_STEPS_PER_YEAR = 40
_HARES, _LYNXES, _GREY = "#D55E00", "#0072B2", "#777777"
_N_CURVES, _N_SHOWN = 400, 12


def curves(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Years `(t,)`, and hares and lynxes of each position, `(n, t, 2)`, in thousands.

    Classical Runge-Kutta steps solve the equations of `targets.lotka_volterra` for all positions
    together, up to the year 1932.
    """
    alpha, beta, gamma, delta, hares, lynxes, *_ = np.exp(positions).T

    def slope(z: np.ndarray) -> np.ndarray:
        u, v = z
        return np.stack([(alpha - beta * v) * u, (delta * u - gamma) * v])

    h = 1 / _STEPS_PER_YEAR
    rows = [np.stack([hares, lynxes])]
    n_steps = (_HORIZON - _FIRST_YEAR) * _STEPS_PER_YEAR
    for _ in range(n_steps):
        z = rows[-1]
        a = slope(z)
        b = slope(z + h / 2 * a)
        c = slope(z + h / 2 * b)
        d = slope(z + h * c)
        rows.append(z + h / 6 * (a + 2 * b + 2 * c + d))
    return _FIRST_YEAR + h * np.arange(n_steps + 1), np.moveaxis(np.array(rows), 2, 0)


def next_peak(positions: np.ndarray) -> np.ndarray:
    """Year of the first peak of the hares after 1920 for each position; NaN if there is none."""
    years, numbers = curves(positions)
    hares = numbers[:, :, 0]
    is_peak = (hares[:, 1:-1] > hares[:, :-2]) & (hares[:, 1:-1] >= hares[:, 2:])
    is_peak &= years[1:-1] > _LAST_YEAR
    return np.where(is_peak.any(axis=1), years[1:-1][is_peak.argmax(axis=1)], np.nan)


def draw(ax: Any, positions: np.ndarray) -> None:
    """Draw the counts, the curves of the model, and the next peak."""
    positions = positions[:: max(1, len(positions) // _N_CURVES)]
    years, numbers = curves(positions)
    data = read_numbers("hudson_lynx_hare.csv")
    for i, (name, color) in enumerate([("hares", _HARES), ("lynxes", _LYNXES)]):
        low, high = np.quantile(numbers[:, :, i], [0.05, 0.95], axis=0)
        ax.fill_between(years, low, high, color=color, alpha=0.25, linewidth=0)
        ax.plot(years, numbers[:_N_SHOWN, :, i].T, color=color, linewidth=0.6, alpha=0.6)
        ax.plot(data[:, 0], data[:, 1 + i], "o", color=color, markersize=4, label=name)
    peaks = next_peak(positions)
    highest = np.quantile(numbers[:, :, 0], 0.95, axis=0).max()
    top = 1.06 * max(highest, numbers[:_N_SHOWN].max())  # above everything that is drawn
    mean, spread = np.nanmean(peaks), np.nanquantile(peaks, [0.05, 0.95])
    ax.plot(spread, [top, top], color=_HARES, linewidth=3)
    ax.plot(mean, top, "v", color=_HARES, markersize=8)
    ax.text(mean, 1.05 * top, f"next peak: {mean:.1f}", ha="center", color=_HARES)
    ax.axvline(_LAST_YEAR, color=_GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="year", ylabel="thousands", ylim=(0, 1.2 * top), xlim=(years[0] - 0.5, years[-1]))
    ax.set_title(f"Hares and lynxes: counts, 90% band, {_N_SHOWN} posterior curves")
    ax.legend(loc="upper left", frameon=False)
