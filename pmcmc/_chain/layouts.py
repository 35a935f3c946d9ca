"""Choosing a layout of the chains by timing their own first steps."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from pmcmc._chain.chain_method import ChainMethod
from pmcmc._chain.layout import Layout

_TRIAL_SECONDS = 0.02  # a segment of this length shows how long a step takes
_TRIALS = 2  # number of such segments, in case other processes are busy
_FIRST_TRIAL, _GROWTH = 32, 4  # steps of the first trial, and the factor from one to the next
_MOST_OF_CALL = 0.9  # at most this share of a segment's time counts as the cost of its call
_COMPILE_SHARE = 0.1  # of the run, or of all runs so far: the most for compiling a layout to try
_PIECE_SECONDS = 1.0  # most work that may continue after an interrupt


class Measured(NamedTuple):
    """What is known about a layout.

    Args:
        seconds_per_step: for all chains together, in the longest segments, infinite if the layout
            was not used.
        compile_seconds: for compilation before the first step.
        n_trials: number of segments that were long enough to time a step.
        next_trial: number of steps of the next trial.
        call_seconds: for a segment without steps, 0 if unknown.
        seconds: total of all its segments.
    """

    seconds_per_step: float = math.inf
    compile_seconds: float = 0.0
    n_trials: int = 0
    next_trial: int = _FIRST_TRIAL
    call_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether more trials would show nothing new."""
        return self.n_trials >= _TRIALS

    @property
    def is_used(self) -> bool:
        """Whether any step was taken in this layout."""
        return not math.isinf(self.seconds_per_step)

    def with_segment(self, n_steps: int, seconds: float, length: int) -> "Measured":
        """Include a segment; `length` is the length of the longest possible one."""
        of_call = min(self.call_seconds, _MOST_OF_CALL * seconds)
        of_steps = seconds - of_call
        is_long = of_steps >= _TRIAL_SECONDS or n_steps >= length
        longer = self.next_trial if is_long else max(self.next_trial, _GROWTH * n_steps)
        after = self._replace(seconds=self.seconds + seconds, next_trial=longer)
        if self.n_trials and not is_long:
            return after
        best = self.seconds_per_step if self.n_trials else math.inf
        return after._replace(
            seconds_per_step=min(best, of_steps / n_steps + of_call / length),
            n_trials=self.n_trials + is_long,
        )

    def with_call(self, seconds: float) -> "Measured":
        """Include a segment without steps; the first one compiles."""
        if not self.compile_seconds:
            return self._replace(compile_seconds=seconds)
        return self._replace(call_seconds=min(self.call_seconds or seconds, seconds))


def choose(layouts: tuple[Layout, ...], seen: Mapping[Layout, Measured], n_steps: int) -> Layout:
    """The layout of the next steps.

    A run may be too short to try another layout. Its time still counts: after many such runs, a
    trial pays off.

    Args:
        layouts: the options, in order.
        seen: what is known about them.
        n_steps: number of steps of each chain in the whole run.
    """
    # Assume that other layouts take about as long to compile.
    compile_seconds = max((known.compile_seconds for known in seen.values()), default=0.0)
    spent = sum(known.seconds for known in seen.values())
    best = layouts[0]
    for layout in layouts:
        of_best, known = seen.get(best, Measured()), seen.get(layout, Measured())
        most = _COMPILE_SHARE * max(n_steps * of_best.seconds_per_step, spent)
        if layout != best and not known.is_used and compile_seconds > most:
            break  # not worth it yet
        if not known.is_settled:
            return layout
        if known.seconds_per_step < of_best.seconds_per_step:
            best = layout
    return best


class Layouts:
    """The layouts of a run's chains, and what is known about them.

    Args:
        options: the layouts to choose from, in order.
        n_chains: number of chains.
        n_steps: number of steps of each chain in the whole run.
        seen: what is known already; it is updated in place.
    """

    def __init__(
        self,
        options: tuple[Layout, ...],
        n_chains: int,
        n_steps: int,
        seen: dict[Layout, Measured],
    ) -> None:
        self._options = options
        self._n_chains = n_chains
        self._n_steps = n_steps
        self._seen = seen

    @property
    def current(self) -> Layout:
        """The layout of the next steps."""
        if not self.is_open:
            return self._options[0]
        return choose(self._options, dict(self._seen), self._n_steps)

    @property
    def is_open(self) -> bool:
        """Whether there is more than one option."""
        return len(self._options) > 1

    @property
    def is_settled(self) -> bool:
        """Whether the layout is final."""
        return not self.is_open or self._known.is_settled

    def is_new(self, layout: Layout) -> bool:
        """Whether the layout was never used before, so that its first use compiles."""
        return layout not in self._seen

    def piece(self, n_steps: int, length: int, least: int = 1) -> int:
        """How many of `n_steps` to take at once, at most `length`, and in trials `least` or more.

        If timings choose the layout anyway, segments are also short enough for an interrupt. Fixed
        layouts have fixed segments, so the same run gives the same chain to the last bit.
        """
        most = length
        if self.is_open:
            known = self._known
            most = max(known.next_trial, least)
            if known.is_settled:
                most = max(1, int(_PIECE_SECONDS / known.seconds_per_step))
        return min(n_steps, length, most)

    def took(self, layout: Layout, n_steps: int, seconds: float, length: int) -> None:
        """Record the time of a segment; one without steps times compilation, or the bare call."""
        known = self._seen.get(layout, Measured())
        if n_steps:
            self._seen[layout] = known.with_segment(n_steps, seconds, length)
        else:
            self._seen[layout] = known.with_call(seconds)

    @property
    def chain_method(self) -> ChainMethod:
        """The current layout and the timings of all layouts, for `RunInfo`."""
        layout = self.current
        took = {
            option.name(self._n_chains): self._seen[option].seconds_per_step
            for option in self._options
            if option in self._seen and self._seen[option].is_used
        }
        return ChainMethod(layout.name(self._n_chains), *layout, took)

    @property
    def _known(self) -> Measured:
        return self._seen.get(self.current, Measured())
