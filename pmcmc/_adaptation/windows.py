"""Windows of steps with fixed parameters, between which criteria tune the kernel."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.criteria.base import Acts, Context, Criterion, Window, pooled_rate
from pmcmc._adaptation.report import Record, WarmupReport
from pmcmc._adaptation.rescue import follow, rescue
from pmcmc._adaptation.rows import Rows, joined, rows_of
from pmcmc._adaptation.schedule import WINDOWS_OF_PHASE, Phase, phases
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.segment import Segment
from pmcmc.kernels import Kernel

_KEPT_STEPS = 1000  # of a chain in a phase


class Tuned(NamedTuple):
    """The result of the windows.

    Args:
        runner: adapted to the kernel.
        kernel: the tuned kernel.
        positions: the last ones, shape `(chain, D)`.
        report: the record.
        kept: steps of the longest phase, or of the last round of a surrogate, at most about 1,000
            per chain: `"positions"`, `(chain, step, D)`, and `"logdensity"`, `(chain, step)`, if
            there is one.
    """

    runner: Any
    kernel: Any
    positions: jax.Array
    report: WarmupReport
    kept: Rows


def run_windows(
    runner: Any,
    kernel: Kernel,
    positions: jax.Array,
    rng_key: jax.Array,
    n_steps: int,
    criteria: tuple[Criterion, ...],
    on_segment: Callable[[Segment], None],
    n_windows: int = WINDOWS_OF_PHASE,
) -> Tuned:
    """Take `n_steps` in windows, and let criteria tune the kernel between them.

    All chains share the tuned values.

    Args:
        runner: of the chains.
        kernel: the initial one, prepared by the criteria.
        positions: starts, shape `(chain, D)`.
        rng_key: of the noise.
        n_steps: of each chain.
        criteria: in the order in which they run.
        on_segment: called with each segment of finished steps.
        n_windows: of a phase.

    Raises:
        ValueError: a criterion finds no value that works for the chains.
    """
    tuner = _Tuner(runner, kernel, positions, rng_key, criteria, on_segment)
    acts = {criterion.acts for criterion in criteria}
    for number, phase in enumerate(phases(n_steps, acts, n_windows)):
        tuner.run(number, phase)
    return tuner.tuned


class _Tuner:
    """The state of a warm-up: chains, kernel, states of the criteria, record."""

    def __init__(
        self,
        runner: Any,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        criteria: tuple[Criterion, ...],
        on_segment: Callable[[Segment], None],
    ) -> None:
        self._context = Context(runner, positions, rng_key, is_start=True)
        self._kernel = kernel
        self._criteria = criteria
        self._on_segment = on_segment
        names = {name for criterion in criteria for name in criterion.rows}
        self._names = ("logdensity", *sorted(names - {"logdensity"}))
        self._evidence = Evidence.none(len(positions))
        self._record = Record()
        self._longest, self._kept = 0, Rows()
        self._states: dict[str, Any] = {}
        self._init(criteria)

    @property
    def tuned(self) -> Tuned:
        """The result so far."""
        context = self._context
        report = self._record.report(self._evidence)
        return Tuned(context.runner, self._kernel, context.positions, report, self._kept)

    def run(self, number: int, phase: Phase) -> None:
        """Take the steps of a phase, and tune after each window and at the end."""
        n_steps = sum(phase.windows)
        stride = -(-n_steps // _KEPT_STEPS)
        parts = []
        for size in phase.windows:
            window = self._window(number, size, stride)
            parts.append(window.rows)
            for criterion in self._criteria:
                state = self._states[criterion.tunes]
                updated = criterion.update(state, self._kernel, window)
                self._states[criterion.tunes], self._kernel = updated
        if n_steps > self._longest:
            self._longest, self._kept = n_steps, joined(parts)
        self._final(Acts.AFTER_WINDOWS)
        if phase.is_slow:
            self._final(Acts.AFTER_SLOW_PHASES)
            self._rescue(joined(parts))
            self._context.runner.adapt_to(self._kernel)
            self._init(self._that_act(Acts.AFTER_WINDOWS))

    def _window(self, phase: int, n_steps: int, stride: int) -> Window:
        """Take the steps of a window."""
        runner, positions, rng_key, _ = self._context
        rates, parts = [], []
        first_step = self._evidence.n_steps
        for segment in runner.run(self._kernel, positions, rng_key, first_step, n_steps):
            parts.append(rows_of(segment, self._names, stride))
            rates.append(segment.stats["acceptance_rate"])
            self._evidence = self._evidence.add(segment)
            self._context = self._context._replace(positions=segment.last, is_start=False)
            self._on_segment(segment)
        rate = pooled_rate(np.concatenate(rates, axis=1))
        self._record.add_window(n_steps, self._kernel, rate)
        return Window(phase, rate, joined(parts))

    def _rescue(self, rows: Rows) -> None:
        """Move chains that did not reach the bulk of the target."""
        context = self._context
        if "logdensity" not in rows:
            return
        if self._kernel.uses_gradient:
            found, goal = rescue(context.logdensity, context.positions, rows), "to a mode"
        else:
            found, goal = follow(context.positions, rows), "to where another chain found mass"
        if found is not None:
            self._context = context._replace(positions=found.positions)
            n_moved = int(found.is_moved.sum())
            words = f"{n_moved} of {len(found.is_moved)} chains moved {goal}"
            self._record.add_note("position", False, words, {"n_chains": float(n_moved)})

    def _that_act(self, acts: Acts) -> tuple[Criterion, ...]:
        return tuple(criterion for criterion in self._criteria if criterion.acts is acts)

    def _init(self, criteria: tuple[Criterion, ...]) -> None:
        for criterion in criteria:
            self._states[criterion.tunes], self._kernel = criterion.init(
                self._kernel, self._context
            )

    def _final(self, acts: Acts) -> None:
        for criterion in self._that_act(acts):
            final = criterion.final(self._states[criterion.tunes], self._kernel, self._context)
            if final.words:
                is_changed = final.kernel is not self._kernel
                self._record.add_note(criterion.tunes, is_changed, final.words, final.figures)
            self._states[criterion.tunes], self._kernel = final.state, final.kernel
