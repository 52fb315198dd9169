"""Which items a batch is compared with: all of them or a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import Floats
from shop_recs.algorithms.sequence.batches import Rows


class Sampler:
    """Draws a fixed number of distinct items, each with a known probability.

    Systematic sampling (Madow 1949): items of a random order lie one after the other on a line, each as long
    as its probability; one is taken at every whole step from a random start.

    Args:
        counts: `(n_items,)` how often each item is a target.
        size: items to draw, fewer than there are.
        power: items are drawn in proportion to this power of their counts; 0 draws uniformly.
    """

    def __init__(self, counts: npt.NDArray[np.int64], *, size: int, power: float) -> None:
        self.size = size
        self.probabilities = _probabilities(np.power(counts + 1.0, power), size)

    def draw(self, rng: np.random.Generator) -> tuple[Rows, Floats]:
        """`(size,)` items, and for how many of the catalogue each stands: one over its probability."""
        order = rng.permutation(len(self.probabilities))
        ends = np.cumsum(self.probabilities[order])
        # The sum of the probabilities may miss the size by rounding.
        steps = (np.arange(self.size) + rng.random()) * (ends[-1] / self.size)
        drawn = order[np.searchsorted(ends, steps)]
        return drawn, (1.0 / self.probabilities[drawn]).astype(np.float32)


def _probabilities(shares: npt.NDArray[Any], size: int) -> npt.NDArray[np.float64]:
    """Probabilities in proportion to `shares` that add up to `size`, none above 1."""
    certain = np.zeros(len(shares), dtype=np.bool_)
    while True:
        free = size - np.count_nonzero(certain)
        probabilities = np.where(certain, 1.0, free * shares / shares[~certain].sum())
        if probabilities.max() <= 1.0:
            return probabilities
        certain |= probabilities >= 1.0
