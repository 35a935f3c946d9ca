"""Problems of draws, in words."""

from typing import NamedTuple

import numpy as np

N_NAMED = 3  # how many numbers with the same problem a finding names


class Finding(NamedTuple):
    """A problem.

    Args:
        what: the problem, with figures.
        remedy: what to do about it.
    """

    what: str
    remedy: str


def name_chains(chains: np.ndarray) -> str:
    """Chains in words, as part of a sentence."""
    return f"chain{'' if len(chains) == 1 else 's'} {', '.join(map(str, chains))}"
