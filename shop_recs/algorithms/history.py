"""The shopper's own items: what they may buy again, and what they put aside and did not buy yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import (
    Earlier,
    Fitted,
    Floats,
    Integers,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    silent,
)
from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.encoders.recency import RecencyEncoder
from shop_recs.algorithms.metrics import ranking_metrics, target_ranks
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.splits import Split, split_by_time

PURCHASE = 4
"""The kind of interaction after which an item is no longer wanted as much."""
HALF_LIVES = (1.0, 4.0, 15.0, 60.0, 240.0)
APPEALS = (0.001, 0.25)
"""The first only decides between items of one basket, which are equal otherwise."""
UNTRIED = (60.0, 0.001)
"""Where the log is too short to try out what is best."""
TRIAL_CASES = 800
TRIAL_HOLDOUT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHistory(Fitted):
    """Ranks a visitor's own items and no others.

    Attributes:
        encoder: weighs the interactions of a history.
        appeal: `(n_items,)` float32, positive for known items, what the weights of an item are multiplied by.
        bought: the same for an item whose last interaction was a purchase.
    """

    encoder: RecencyEncoder
    appeal: Floats
    bought: float

    def scores(self, histories: Sequence[History], items: Sequence[Integers]) -> Floats:
        """The summed weights of the own items' interactions, times their appeal."""
        scores = np.zeros((len(histories), len(self.known)), dtype=np.float32)
        for row, history, own in zip(scores, histories, items, strict=True):
            weights = self.encoder(history)
            if weights is None:
                continue
            own, kinds = own[-len(weights) :], history.kinds[-len(weights) :]
            np.add.at(row, own, weights)
            # The last interaction with an item comes first from behind.
            distinct, from_end = np.unique(own[::-1], return_index=True)
            row[distinct] *= self.appeal[distinct]
            row[distinct[kinds[::-1][from_end] == PURCHASE]] *= self.bought
        scores[scores <= 0] = -np.inf
        return scores

    def history(self, items: Integers, kinds: npt.NDArray[np.int8], ages: Floats) -> History:
        return History(vectors=np.empty((len(items), 0), dtype=np.float32), kinds=kinds, ages=ages)


@dataclass(frozen=True, kw_only=True)
class OwnHistory(Recommender):
    """What a shopper had, by the weights of kinds and by recency; most of all what they did not buy yet.

    How fast the past fades and how much the popularity of an item counts is chosen on the second half of the
    log, among few values, by what shoppers come back to there.

    Attributes:
        half_life_days: an interaction counts half after so many days; chosen where None.
        appeal: the power of an item's popularity that its weight is multiplied by; chosen where None.
        bought: what the weight of an item is multiplied by whose last interaction was a purchase.
        history_length: how many of a visitor's last interactions count.
    """

    half_life_days: float | None = None
    appeal: float | None = None
    bought: float = 0.1
    history_length: int = 500

    def __post_init__(self) -> None:
        require_positive("bought", self.bought)
        require_positive("history_length", self.history_length, whole=True)
        for name in ("half_life_days", "appeal"):
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedHistory:
        """Count and choose; `resume` changes nothing."""
        progress("choosing", 0.0)
        half_life_days, appeal = self._chosen(data, seed=seed)
        progress("choosing", 1.0)
        return self._fitted(data, half_life_days, appeal)

    def _chosen(self, data: TrainingData, *, seed: int) -> tuple[float, float]:
        """Half-life and appeal: as told, or as a trial finds best."""
        half_lives = HALF_LIVES if self.half_life_days is None else (self.half_life_days,)
        appeals = APPEALS if self.appeal is None else (self.appeal,)
        if len(half_lives) == len(appeals) == 1:
            return half_lives[0], appeals[0]
        try:
            split = split_by_time(
                data, fraction=TRIAL_HOLDOUT, basket_seconds=0.0, max_cases=TRIAL_CASES, seed=seed
            )
        except NotEnoughData:
            return self.half_life_days or UNTRIED[0], self.appeal or UNTRIED[1]
        return max(
            product(half_lives, appeals),
            key=lambda choice: _foresight(self._fitted(split.train, *choice), split),
        )

    def _fitted(self, data: TrainingData, half_life_days: float, appeal: float) -> FittedHistory:
        popular = Popular().fit(data)
        popularity = popular.item_vectors[:, 0] / popular.item_vectors.max()
        return FittedHistory(
            known=popular.known,
            encoder=RecencyEncoder(
                data.kind_weights, half_life_days=half_life_days, history_length=self.history_length
            ),
            appeal=popularity ** np.float32(appeal),
            bought=self.bought,
            info={"half_life_days": half_life_days, "appeal": appeal},
        )


def _foresight(fitted: FittedHistory, split: Split) -> float:
    """NDCG at 10; what is new to the visitor counts as missed, whatever was chosen."""
    ranks = np.empty(len(split.targets), dtype=np.int64)
    for chunk, scores in split.scores(fitted):
        rows = split.targets_of(chunk)
        ranks[rows] = target_ranks(scores, split.cases[rows] - chunk.start, split.targets[rows])
    return ranking_metrics(ranks, split.cases, k=10)["ndcg@10"]
