"""User-based collaborative filtering as neighbours of items, so that serving it needs no user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from shop_recs.algorithms.base import (
    Earlier,
    FittedNeighbours,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    require_share,
    silent,
)
from shop_recs.algorithms.neighbours import (
    best_products,
    encoder_of,
    fitted_neighbours,
    last_of_each,
    presence_of,
    require_pairs,
    row_sums,
    scale_rows,
    trend_of,
    unit_rows,
)
from shop_recs.algorithms.spaces import Between, OneOf, Space
from shop_recs.algorithms.trials import UNTRIED_STEP_DECAY, by_step_decay, chosen_step_decay

BREADTH = 200
"""Items kept of what a shopper's neighbourhood chose."""


@dataclass(frozen=True, kw_only=True)
class UserKNN(Recommender):
    """What user-based filtering would recommend to the shoppers of an item are the item's neighbours.

    With `R` (shoppers, items) 1 where a shopper had an item, and `A` the likeness of its rows, each row with
    only its greatest values: `P = A R` is what user-based filtering scores for
    every shopper, of which the best 200 items stay, and the score of the pair of items `i` and `j` is

        S[i, j] = sum over the shoppers u of i of P[u, j] / sqrt(items of u) / sqrt(shoppers of i)

    times the trend of `j`

    (Verstrepen and Goethals 2014 unify item- and user-based neighbourhoods in this way). Two items are near
    that no shopper had both of, if shoppers alike had them; that finds more that is new to a visitor than
    items together do, and less of what they had before.

    Likeness is the cosine, counted over `busiest` shoppers of every item, evenly spread: those of a popular
    one stand for all of them, so that the fit grows as the log does. How fast a
    visitor's past fades is chosen on the second half of the log, unless `step_decay` says it. A fit that
    resumes another reuses the choice.

    Attributes:
        shoppers: nearest shoppers of each.
        neighbours: kept of every item.
        trend: power of an item's recent demand that its scores are multiplied by; 0 ignores it.
        step_decay: factor on the weight of a visitor's interaction for every step back; chosen where None.
        history_length: how many of a visitor's last interactions count.
        longest: how many of a shopper's last interactions are learnt from.
        busiest: how many of an item's shoppers make shoppers alike.
    """

    space: ClassVar[Space] = {
        "shoppers": Between(20, 300, log=True),
        "neighbours": Between(50, 400, log=True),
        "trend": Between(0.0, 1.5),
        "step_decay": OneOf((None, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)),
    }

    shoppers: int = 100
    neighbours: int = 200
    trend: float = 0.75
    step_decay: float | None = None
    history_length: int = 100
    longest: int = 300
    busiest: int = 500

    def __post_init__(self) -> None:
        for name in ("shoppers", "neighbours", "history_length", "longest", "busiest"):
            require_positive(name, getattr(self, name), whole=True)
        if self.trend:
            require_positive("trend", self.trend)
        if self.step_decay is not None:
            require_share("step_decay", self.step_decay)

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedNeighbours:
        data = data.select(data.weights > 0)
        require_pairs(data)
        step_decay = self.step_decay or chosen_step_decay(
            data,
            lambda sample: by_step_decay(self._fitted(sample, UNTRIED_STEP_DECAY)),
            seed=seed,
            progress=progress,
            resume=resume,
        )
        return self._fitted(data, step_decay, progress=progress)

    def _fitted(
        self, data: TrainingData, step_decay: float, *, progress: Progress = silent
    ) -> FittedNeighbours:
        presence = presence_of(last_of_each(data, self.longest))
        pairs = self._pairs(presence, trend_of(data) ** self.trend, progress=progress)
        return fitted_neighbours(
            pairs,
            data,
            presence,
            encoder_of(data, step_decay=step_decay, history_length=self.history_length),
            step_decay=step_decay,
        )

    def _pairs(
        self, presence: csr_matrix, appeal: npt.NDArray[np.float64], *, progress: Progress
    ) -> csr_matrix:
        """`(n_items, n_items)` the best pairs."""
        directions = unit_rows(presence)
        evidence = _some_rows_of_each_column(directions, self.busiest)
        alike = best_products(
            directions, csr_matrix(evidence.T), self.shoppers, itself=True, progress=progress
        )
        foreseen = best_products(alike, presence, BREADTH, itself=True, progress=progress)
        foreseen.data *= appeal[foreseen.indices].astype(np.float32)
        foreseen = scale_rows(foreseen, 1.0 / np.sqrt(np.maximum(row_sums(presence), 1.0)))
        by_item = csr_matrix(presence.T)
        by_item = scale_rows(by_item, 1.0 / np.sqrt(np.maximum(row_sums(by_item), 1.0)))
        return best_products(by_item, foreseen, self.neighbours, itself=False, progress=progress)


def _some_rows_of_each_column(matrix: csr_matrix, most: int) -> csr_matrix:
    """At most `most` values of each column, evenly spread over its rows."""
    by_column = csr_matrix(matrix.T)
    lengths = np.diff(by_column.indptr)
    place = np.arange(by_column.nnz) - np.repeat(by_column.indptr[:-1], lengths)
    share = np.repeat(np.minimum(1.0, most / np.maximum(lengths, 1)), lengths)
    by_column.data = by_column.data * (np.floor((place + 1) * share) > np.floor(place * share))
    by_column.eliminate_zeros()
    return csr_matrix(by_column.T)
