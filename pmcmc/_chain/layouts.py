"""Choosing a layout of the chains by measurements on their own first steps."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from pmcmc._chain.chain_method import ChainMethod
from pmcmc._chain.layout import Layout

_TRIAL_SECONDS = 0.02  # a segment that took so long tells how long a step takes, and
_TRIALS = 2  # of them tell it although other processes may be busy
_FIRST_TRIAL, _GROWTH = 32, 4  # steps
_MOST_OF_CALL = 0.9  # of a segment's time, that the cost of its call is taken for
_COMPILE_SHARE = 0.1  # of the run, or of all runs so far, that compiling a layout to try may take
_PIECE_SECONDS = 1.0  # of work that may go on behind an interrupt


class Measured(NamedTuple):
    """What is known of a layout.

    Args:
        seconds_per_step: of all chains together, infinite where it was not used.
        compile_seconds: before the first step.
        n_trials: segments that were long enough to tell.
        next_trial: steps of the next one.
        call_seconds: of a segment without steps, 0 where that is not known.
        seconds: of all its segments.
    """

    seconds_per_step: float = math.inf
    compile_seconds: float = 0.0
    n_trials: int = 0
    next_trial: int = _FIRST_TRIAL
    call_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether more of it would tell nothing new."""
        return self.n_trials >= _TRIALS

    @property
    def is_used(self) -> bool:
        """Whether a step was taken."""
        return not math.isinf(self.seconds_per_step)

    def with_segment(self, n_steps: int, seconds: float, length: int) -> "Measured":
        """After a segment; `length` is that of the longest one there can be."""
        of_call = min(self.call_seconds, _MOST_OF_CALL * seconds)
        of_steps = seconds - of_call
        is_long = of_steps >= _TRIAL_SECONDS or n_steps >= length
        after = self._replace(seconds=self.seconds + seconds)
        if self.n_trials and not is_long:
            return after
        best = self.seconds_per_step if self.n_trials else math.inf
        return after._replace(
            seconds_per_step=min(best, of_steps / n_steps),
            n_trials=self.n_trials + is_long,
            next_trial=self.next_trial if is_long else max(self.next_trial, _GROWTH * n_steps),
        )

    def with_call(self, seconds: float) -> "Measured":
        """After a segment without steps, the first of which has compiled."""
        if not self.compile_seconds:
            return self._replace(compile_seconds=seconds)
        return self._replace(call_seconds=min(self.call_seconds or seconds, seconds))


def choose(layouts: tuple[Layout, ...], seen: Mapping[Layout, Measured], n_steps: int) -> Layout:
    """The layout of the next steps.

    A run that is too short to find out whether another layout is faster still counts: in the end
    many such runs are worth it.

    Args:
        layouts: to choose from, in order.
        seen: what is known of them.
        n_steps: of each chain, in the whole run.
    """
    # No other block compiles much faster.
    compile_seconds = max((known.compile_seconds for known in seen.values()), default=0.0)
    spent = sum(known.seconds for known in seen.values())
    best = layouts[0]
    for layout in layouts:
        of_best, known = seen.get(best, Measured()), seen.get(layout, Measured())
        most = _COMPILE_SHARE * max(n_steps * of_best.seconds_per_step, spent)
        if layout != best and not known.is_used and compile_seconds > most:
            break  # it is not worth it yet
        if not known.is_settled:
            return layout
        if known.seconds_per_step < of_best.seconds_per_step:
            best = layout
    return best


class Layouts:
    """The layouts of a run's chains, and what is known of them.

    Args:
        options: to choose from.
        n_chains: number of chains.
        n_steps: of each, in the whole run.
        seen: what is known already; it is written to.
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
        """Whether there is something to choose from."""
        return len(self._options) > 1

    @property
    def is_settled(self) -> bool:
        """Whether the layout stays."""
        return not self.is_open or self._known.is_settled

    def is_new(self, layout: Layout) -> bool:
        """Whether this is the first use of a layout, which compiles."""
        return layout not in self._seen

    def fix(self, layout: Layout) -> None:
        """Stay with a layout."""
        self._options = (layout,)

    def piece(self, n_steps: int, length: int) -> int:
        """How many of `n_steps` to take at once, `length` being the most.

        Where the clock decides anyway, segments are short enough for an interrupt. Fixed layouts
        have fixed segments: the same run is the same chain to the last bit.
        """
        most = length
        if self.is_open:
            known = self._known
            most = known.next_trial
            if known.is_settled:
                most = max(1, int(_PIECE_SECONDS / known.seconds_per_step))
        return min(n_steps, length, most)

    def took(self, layout: Layout, n_steps: int, seconds: float, length: int) -> None:
        """Take note of a segment; one without steps was compiled only."""
        known = self._seen.get(layout, Measured())
        if n_steps:
            self._seen[layout] = known.with_segment(n_steps, seconds, length)
        else:
            self._seen[layout] = known.with_call(seconds)

    @property
    def chain_method(self) -> ChainMethod:
        """For the record."""
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
