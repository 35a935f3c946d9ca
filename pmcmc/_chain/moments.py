"""Mean and variance of a chain as it goes by, with the error of the mean."""

from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain.segment import Segment

_BATCHES = 64  # most batches; then pairs are merged


class Moments(NamedTuple):
    """Moments over all steps of a run that keeps no draws; leaves have a leading chain axis.

    Args:
        n_steps: number of steps per chain.
        mean: pytree of the structure of `x0`, leaves `(chain, *event)`.
        variance: the same, with divisor `n_steps - 1`.
        mcse: the same, the Monte Carlo standard error of the mean from 32 to 63 batch means (Flegal
            & Jones, Annals of Statistics 38, 2010); NaN for fewer steps.
        stats: means over steps of each statistic by name, shape `(chain,)`.
    """

    n_steps: int
    mean: Any
    variance: Any
    mcse: Any
    stats: dict[str, np.ndarray]

    @property
    def ess(self) -> Any:
        """Effective sample size of each mean: `variance / mcse**2`, leaves `(chain, *event)`."""
        return jax.tree.map(lambda v, e: v / e**2, self.variance, self.mcse)


class RunningMoments(NamedTuple):
    """Sums over the steps so far, from which `Moments` follow.

    Args:
        n_steps: number of steps so far.
        mean: shape `(chain, D)`.
        squares: sums of squared distances from it, shape `(chain, D)`.
        size: number of steps in a batch, a power of 2.
        batches: sums of complete batches, minus `size` times `center`, shape `(chain, n, D)`.
        rest: sum of the batch that is not complete, shape `(chain, D)`.
        center: the first state, subtracted to keep sums small, shape `(chain, D)`.
        stats: sums of statistics by name, shape `(chain,)`.
    """

    n_steps: int
    mean: np.ndarray
    squares: np.ndarray
    size: int
    batches: np.ndarray
    rest: np.ndarray
    center: np.ndarray
    stats: dict[str, np.ndarray]

    @classmethod
    def none(cls, starts: np.ndarray) -> "RunningMoments":
        """The sums before the first step, from starts `(chain, D)`."""
        zero = np.zeros(starts.shape)
        return cls(0, zero, zero, 1, zero[:, None][:, :0], zero, np.asarray(starts, float), {})

    def add(self, segment: Segment) -> "RunningMoments":
        """The sums including the steps of a segment."""
        rows = np.asarray(segment.positions, float)
        n_new = rows.shape[1]
        n = self.n_steps + n_new
        # Pairwise, after Chan, Golub & LeVeque (The American Statistician 37, 1983).
        mean = rows.mean(axis=1)
        shift = mean - self.mean
        squares = self.squares + ((rows - mean[:, None]) ** 2).sum(axis=1)
        squares += shift**2 * (self.n_steps * n_new / n)
        size, batches, rest = self._batched(rows - self.center[:, None])
        return RunningMoments(
            n,
            self.mean + shift * (n_new / n),
            squares,
            size,
            batches,
            rest,
            self.center,
            {k: self.stats.get(k, 0.0) + v.sum(1, float) for k, v in segment.stats.items()},
        )

    def _batched(self, rows: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Size, sums and rest of the batches after more rows."""
        size, batches, rest = self.size, self.batches, self.rest
        n = self.n_steps + rows.shape[1]
        while n // size >= _BATCHES:
            if batches.shape[1] % 2:  # the last one starts a larger batch, not yet complete
                rest = rest + batches[:, -1]
                batches = batches[:, :-1]
            batches = batches[:, ::2] + batches[:, 1::2]
            size *= 2
        edges = np.arange(-(self.n_steps % size), rows.shape[1], size)
        sums = np.add.reduceat(rows, np.maximum(edges, 0), axis=1)
        sums[:, 0] += rest
        is_whole = edges + size <= rows.shape[1]
        rest = np.zeros_like(rest) if is_whole[-1] else sums[:, -1]
        return size, np.concatenate([batches, sums[:, is_whole]], axis=1), rest

    def moments(self, unravel: Any) -> Moments:
        """The moments; `unravel` gives their vectors `(chain, D)` the structure of `x0`."""
        n_batches = self.batches.shape[1]
        variance, mcse = np.full_like(self.mean, np.nan), np.full_like(self.mean, np.nan)
        if self.n_steps > 1:
            variance = self.squares / (self.n_steps - 1)
        if n_batches >= _BATCHES // 2:
            of_means = (self.batches / self.size).var(axis=1, ddof=1)
            mcse = np.sqrt(of_means * self.size / self.n_steps)
        stats = {k: v / max(self.n_steps, 1) for k, v in self.stats.items()}
        mean, variance, mcse = map(unravel, (self.mean, variance, mcse))
        return Moments(self.n_steps, mean, variance, mcse, stats)
