"""Two runs driven by the same noise, draw by draw."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._run_info import RunInfo

_ROUNDING = 1e-2  # relative difference between the results of two warm-ups


class SameNoise(NamedTuple):
    """How two runs with the same noise differ; arrays of shape `(chain,)`.

    Args:
        first_difference: first draw whose decision, accepted or not, differs; -1 if none does.
        n_differences: number of such draws.
        n_draws: number of draws.
        largest_difference: largest `|x - y|` of a coordinate before the first of them.
        relative_difference: the same in standard deviations of the coordinate.
        residual: largest residual of either run (see `pmcmc.Result.info`).
        eps: relative rounding error of the positions.
    """

    first_difference: np.ndarray
    n_differences: np.ndarray
    n_draws: int
    largest_difference: np.ndarray
    relative_difference: np.ndarray
    residual: np.ndarray
    eps: float

    @classmethod
    def of(cls, result: Any, reference: Any, ours: Any, theirs: Any) -> "SameNoise | None":
        """Compare two results; `None` if they do not have the same noise.

        Args:
            result: anything, such as a result of `pmcmc.sample`.
            reference: the other draws.
            ours: draws of the result, an `xarray.Dataset`.
            theirs: draws of the reference, with the same variables.
        """
        if not _have_same_noise(result, reference):
            return None
        differs = result.stats["is_accepted"] != reference.stats["is_accepted"]
        n_chains, n_draws = differs.shape
        first = np.where(differs.any(axis=1), differs.argmax(axis=1), -1)
        is_before = np.arange(n_draws) < np.where(first < 0, n_draws, first)[:, None]
        largest, relative = np.zeros((2, n_chains))
        for name in ours.data_vars:
            shape = (n_chains, n_draws, math.prod(ours[name].shape[2:]))
            x, y = (run[name].values.reshape(shape) for run in (ours, theirs))
            distance = np.where(is_before[..., None], np.abs(x - y), 0)
            with np.errstate(divide="ignore", invalid="ignore"):  # constant numbers have sd 0
                in_sd = np.where(distance == 0, 0, distance / x.std(axis=(0, 1)))
            largest = np.maximum(largest, distance.max(axis=(1, 2), initial=0))
            relative = np.maximum(relative, in_sd.max(axis=(1, 2), initial=0))
        return cls(
            first,
            differs.sum(axis=1),
            n_draws,
            largest,
            relative,
            np.maximum(result.info.residual, reference.info.residual),
            float(np.finfo(result.info.dtype).eps),
        )

    @property
    def headline(self) -> str:
        """The figures, in one line."""
        is_same = (self.first_difference < 0).all()
        return (
            f"same noise: decisions {'identical' if is_same else 'DIFFERENT'}, largest difference "
            f"{self.largest_difference.max():.1e} ({self.relative_difference.max():.1e} sd), "
            f"residual {self.residual.max():.1e}"
        )

    @property
    def problems(self) -> list[str]:
        """Problems, in words."""
        texts = []
        for chain, first in enumerate(self.first_difference):
            distance, relative = self.largest_difference[chain], self.relative_difference[chain]
            is_rounding = bool(relative <= np.cbrt(self.eps))
            if first >= 0:
                texts.append(
                    f"chain {chain}: decisions differ from draw {first} on, in "
                    f"{self.n_differences[chain]:,} of {self.n_draws:,} draws; before, positions "
                    f"differ by at most {distance:.1e}. {_cause(int(first), is_rounding, self.eps)}"
                )
            elif not is_rounding:
                texts.append(
                    f"chain {chain}: decisions are the same, but positions differ by up to "
                    f"{distance:.1e} ({relative:.1e} sd): compare starts and log densities, and "
                    "use smaller tolerances."
                )
        return texts


def _have_same_noise(result: Any, reference: Any) -> bool:
    keys = _noise(result), _noise(reference)
    if keys[0] is None or keys[0] != keys[1]:
        return False
    return _is_same_kernel(result.info.kernel, reference.info.kernel)


def _is_same_kernel(a: Any, b: Any) -> bool:
    """Whether two kernels are equal, up to the effect of rounding on a warm-up."""
    structures: list[Any] = [jax.tree.structure(kernel) for kernel in (a, b)]
    if type(a) is not type(b) or structures[0] != structures[1]:
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.shape(x) == np.shape(y) and np.allclose(x, y, rtol=_ROUNDING) for x, y in pairs)


def _noise(run: Any) -> tuple[Any, ...] | None:
    """The settings that runs with the same noise share; `None` if a run does not have them."""
    info = getattr(run, "info", None)
    if not isinstance(info, RunInfo):
        return None
    n_warmup = 0 if info.warmup is None else int(info.warmup.n_steps.sum())
    shape = run.stats["is_accepted"].shape
    key = info.rng_key.tolist(), info.rng_key_impl
    return info.dtype, key, info.n_steps, info.thin, n_warmup, shape


def _cause(first: int, is_rounding: bool, eps: float) -> str:
    if first == 0:
        return "The runs differ from the start: compare kernels, starts and log densities."
    if is_rounding:
        return (
            "Rounding can flip a decision near its threshold, but hardly ever in float64. If it "
            "happens with other seeds too, transitions or log densities differ."
        )
    if eps > np.finfo(np.float64).eps:
        return (
            "The runs drift apart before that. In float32, a residual within tolerance can grow "
            "while a chain is slow to forget. That is harmless; compare in float64 to be sure."
        )
    return "The runs drift apart before that: compare kernels, starts and log densities."
