"""What most shoppers chose lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import (
    SECONDS_PER_DAY,
    Earlier,
    FittedVectors,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    silent,
)
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.spaces import Between, Space


@dataclass(frozen=True, kw_only=True)
class Popular(Recommender):
    """Scores an item by its distinct shoppers, each counted by how recent their last interaction with it is.

    Distinct shoppers rather than interactions, so that nobody makes a bestseller alone. Kinds of interaction
    without weight do not count.

    Attributes:
        half_life_days: a shopper counts half after so many days.
    """

    finds_similar: ClassVar[bool] = False
    space: ClassVar[Space] = {"half_life_days": Between(0.5, 180.0, log=True)}

    half_life_days: float = 30.0

    def __post_init__(self) -> None:
        require_positive("half_life_days", self.half_life_days)

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedVectors:
        """Count; `seed` and `resume` change nothing."""
        data = data.select(data.kind_weights[data.kinds] > 0)
        if not len(data):
            raise NotEnoughData("not enough data: have 0 interactions, need 1")
        progress("counting", 0.0)
        last_of_pair = _last_of_each_pair(data)
        ages = (data.times.max() - data.times[last_of_pair]) / SECONDS_PER_DAY
        recency = 0.5 ** (ages / self.half_life_days)
        scores = np.bincount(data.items[last_of_pair], weights=recency, minlength=data.n_items)
        progress("counting", 1.0)
        # A product nobody chose for years keeps a positive score, however small.
        scores[data.items] = np.maximum(scores[data.items], np.finfo(np.float32).tiny)
        return FittedVectors(
            item_vectors=scores.astype(np.float32)[:, None],
            known=scores > 0,
            encoder=ConstantEncoder(np.ones(1, dtype=np.float32)),
            info={"half_life_days": self.half_life_days},
        )


def _last_of_each_pair(data: TrainingData) -> npt.NDArray[np.int64]:
    """The row of the last interaction of every shopper with each of their items."""
    pairs = data.users.astype(np.int64) * data.n_items + data.items
    _, last_from_end = np.unique(pairs[::-1], return_index=True)
    rows: npt.NDArray[np.int64] = len(pairs) - 1 - last_from_end
    return rows
